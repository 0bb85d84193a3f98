"""Render HTML as PDF and PNG. Every text on a page is escaped.

The module imports WeasyPrint and PDFium only to draw. The web process rarely draws, so it saves their memory at start.
"""

import logging
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any

import segno
from markupsafe import Markup

from bot.base.language_names import RIGHT_TO_LEFT_LANGUAGES

if TYPE_CHECKING:
    from PIL.Image import Image

INSTALL_REMEDY = (
    "On Debian and Ubuntu, run: sudo apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-core "
    "fonts-noto-cjk. On macOS, run: brew install pango."
)
LEFT_TO_RIGHT_ISOLATE, POP_ISOLATE = "\u2066", "\u2069"
LINK_PATTERN = re.compile(
    r"(?:https?://|www\.)[!-~]*[A-Za-z0-9/=_-]"
    r"|(?<![A-Za-z0-9.@_-])(?:[A-Za-z0-9_-]+\.)+[A-Za-z]{2,}/[!-~]*[A-Za-z0-9/=_-]"
    r"|(?<![A-Za-z0-9._-])(?:[A-Za-z0-9_.+-]+@)?(?:[A-Za-z0-9_-]+\.)+(?:com|edu|gov|info|net|org|us)"
    r"(?![A-Za-z0-9.-]*[A-Za-z0-9])"
)
"""An address with or without https://, or an email address. ASCII only, because Chinese letters can follow without a
space."""
PHONE_PATTERN = re.compile(r"(?<!\d)(?:\+\d[\d() .-]{5,}\d|(?:1[ .-])?(?:\(?\d{3}\)?[ .-])?\d{3}[.-]\d{4})(?!\d)")
"""A phone number, but not a date such as 2026-12-04."""
LEFT_TO_RIGHT_PATTERN = re.compile(f"{LINK_PATTERN.pattern}|{PHONE_PATTERN.pattern}")

_DRAWING_LOCK = Lock()
"""PDFium supports only one thread at a time. One drawing at a time also saves memory."""


class RendererUnavailableError(Exception):
    """Report that this machine can't draw pages. The message says what to install."""


class PageOverflowError(ValueError):
    """Report that the text doesn't fit on a page, even with the smallest letters."""


def render_pdf(html: str) -> bytes:
    """Return this page as PDF. Rendering reads nothing from the network or from files."""
    return _draw_exclusively(lambda: _write_pdf(_Renderer().lay_out(html)))


def render_png(html: str, width: int) -> bytes:
    """Return the first page as PNG with this width in pixels.

    Rendering reads nothing from the network or from files.
    """
    return _encode_png(_render_image(render_pdf(html), width))


def render_fitting_pdf(pages: Sequence[str]) -> bytes:
    """Return the first of these pages that fits on one sheet.

    Raises `PageOverflowError` if none fits.

    Each page must take less space than the one before it.
    """
    return _draw_exclusively(lambda: _write_pdf(_find_fitting_layout(pages)))


def render_fitting_png(pages: Sequence[str], width: int) -> bytes:
    """Return the first page that fits as PNG, with this width in pixels and without the empty space below the text."""
    return _encode_png(_crop_bottom(_render_image(render_fitting_pdf(pages), width)))


def build_document(style: str, body: Markup, language: str) -> str:
    """Return a whole page in this language. `style` is trusted CSS and isn't escaped."""
    head = Markup(
        '<!doctype html><html lang="{}" dir="{}"><meta charset="utf-8"><style>{}</style><body>{}</body></html>'
    )
    return str(head.format(language, get_direction(language), Markup(style), body))  # noqa: S704  # our own CSS


def build_element(tag: str, text: str, language: str, css_class: str = "") -> Markup:
    """Return this text as an escaped element with its class, language, and direction."""
    template = Markup('<{tag} lang="{language}" dir="{direction}" class="{name}">{text}</{tag}>')
    shown_text = isolate_left_to_right(text) if language in RIGHT_TO_LEFT_LANGUAGES else text
    return template.format(
        tag=tag, language=language, direction=get_direction(language), name=css_class, text=shown_text
    )


def get_direction(language: str) -> str:
    """Return `rtl` for languages that run from right to left, else `ltr`."""
    return "rtl" if language in RIGHT_TO_LEFT_LANGUAGES else "ltr"


def isolate_left_to_right(text: str) -> str:
    """Isolate addresses and phone numbers from left to right, because 555-0101 must not become 0101-555."""
    return LEFT_TO_RIGHT_PATTERN.sub(rf"{LEFT_TO_RIGHT_ISOLATE}\g<0>{POP_ISOLATE}", text)


def build_qr_code(link: str) -> Markup:
    """Return the link as a QR code for a light background: an SVG without a fixed size, with a margin for scanners."""
    code = segno.make(link, error="m", micro=False)
    return Markup(code.svg_inline(light=None, omitsize=True, svgclass="qr", lineclass=None))  # noqa: S704  # by segno


def _draw_exclusively(draw: Callable[[], bytes]) -> bytes:
    with _DRAWING_LOCK:
        return draw()


def _find_fitting_layout(pages: Sequence[str]) -> Any:
    """Find the first page that fits by bisection, because each layout takes time."""
    renderer, layouts = _Renderer(), dict[int, Any]()

    def can_fit(index: int) -> bool:
        layouts[index] = renderer.lay_out(pages[index])
        return len(layouts[index].pages) == 1

    first_fitting = bisect_left(range(len(pages)), True, key=can_fit)
    if first_fitting == len(pages):
        raise PageOverflowError("The text doesn't fit on one page. Shorten it.")
    return layouts[first_fitting]


class _Renderer:
    """Hold WeasyPrint without network access, and the fonts for all attempts of one drawing."""

    def __init__(self) -> None:
        try:
            from weasyprint import HTML
            from weasyprint.text.fonts import FontConfiguration
            from weasyprint.urls import URLFetcher
        except (ImportError, OSError) as error:  # OSError: WeasyPrint is installed, but Pango isn't
            raise RendererUnavailableError(
                f"Puente can't draw pages on this machine: WeasyPrint or its library Pango is missing. {INSTALL_REMEDY}"
            ) from error
        self._html, self._fonts = HTML, FontConfiguration()
        self._fetcher = URLFetcher(allowed_protocols=("data",), allow_redirects=False)

    def lay_out(self, html: str) -> Any:
        return self._html(string=html, url_fetcher=self._fetcher).render(font_config=self._fonts)


def _write_pdf(layout: Any) -> bytes:
    """Write the PDF. Fail if no font has a letter, because the page would show empty boxes."""
    with _collect_missing_letters() as missing_letters:
        data: bytes = layout.write_pdf()
    if missing_letters:
        raise RendererUnavailableError(
            f"No font on this machine has the letters {''.join(sorted(missing_letters)[:8])}. {INSTALL_REMEDY}"
        )
    return data


@contextmanager
def _collect_missing_letters() -> Iterator[set[str]]:
    """Collect missing letters from the log of WeasyPrint, which reports them nowhere else."""
    collector, log = _MissingGlyphHandler(), logging.getLogger("weasyprint")
    log.addHandler(collector)
    try:
        yield collector.letters
    finally:
        log.removeHandler(collector)


class _MissingGlyphHandler(logging.Handler):
    """Collect missing letters, but not emoji, because a page stays readable without emoji."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if ".notdef" in str(record.msg) and isinstance(record.args, tuple):
            letter = str(record.args[0])
            if unicodedata.category(letter)[0] == "L":
                self.letters.add(letter)


def _render_image(data: bytes, width: int) -> "Image":
    import pypdfium2

    with _DRAWING_LOCK, closing(pypdfium2.PdfDocument(data)) as document:
        page = document[0]
        image: Image = page.render(scale=width / page.get_width()).to_pil().convert("RGB")
    return image


def _crop_bottom(image: "Image") -> "Image":
    """Crop the space below the last line to the size of the space above the first line."""
    from PIL import Image, ImageChops

    background = Image.new("RGB", image.size, image.getpixel((0, 0)))
    _, top, _, bottom = ImageChops.difference(image, background).getbbox() or (0, 0, 0, image.height)
    return image.crop((0, 0, image.width, min(image.height, bottom + top)))


def _encode_png(image: "Image") -> bytes:
    """Encode with 256 colors, which are enough for text in few colors and need a third of the bytes."""
    buffer = BytesIO()
    image.quantize().save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
