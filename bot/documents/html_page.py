"""From HTML to paper (PDF) and to pictures (PNG).  Whatever is written into a page here is escaped.

WeasyPrint and PDFium are imported when something is drawn: they take memory that the web process, which draws rarely,
need not hold from its start.
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
    "On Debian and Ubuntu: sudo apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-core "
    "fonts-noto-cjk; on macOS: brew install pango."
)
LEFT_TO_RIGHT_ISOLATE, POP_ISOLATE = "\u2066", "\u2069"
LINK_PATTERN = re.compile(
    r"(?:https?://|www\.)[!-~]*[A-Za-z0-9/=_-]"
    r"|(?<![A-Za-z0-9.@_-])(?:[A-Za-z0-9_-]+\.)+[A-Za-z]{2,}/[!-~]*[A-Za-z0-9/=_-]"
    r"|(?<![A-Za-z0-9._-])(?:[A-Za-z0-9_.+-]+@)?(?:[A-Za-z0-9_-]+\.)+(?:com|edu|gov|info|net|org|us)"
    r"(?![A-Za-z0-9.-]*[A-Za-z0-9])"
)
"""An address, with or without https:// (and e-mail); in ASCII, for Chinese letters may follow it without a space."""
PHONE_PATTERN = re.compile(r"(?<!\d)(?:\+\d[\d() .-]{5,}\d|(?:1[ .-])?(?:\(?\d{3}\)?[ .-])?\d{3}[.-]\d{4})(?!\d)")
"""A telephone number; not 2026-12-04."""
LEFT_TO_RIGHT_PATTERN = re.compile(f"{LINK_PATTERN.pattern}|{PHONE_PATTERN.pattern}")

_DRAWING_LOCK = Lock()
"""PDFium may not be used by two threads at once; and one drawing at a time takes the memory of one."""


class RendererUnavailableError(Exception):
    """This machine lacks what draws pages; the message says what, and what to install."""


class PageOverflowError(ValueError):
    """There is more text than fits, however small it is written."""


def render_pdf(html: str) -> bytes:
    """This page as PDF; nothing is fetched for it, neither from the network nor from this machine's files."""
    return _draw_exclusively(lambda: _write_pdf(_Renderer().lay_out(html)))


def render_png(html: str, width: int) -> bytes:
    """The first page as PNG, this many pixels wide; nothing is fetched either."""
    return _encode_png(_render_image(render_pdf(html), width))


def render_fitting_pdf(pages: Sequence[str]) -> bytes:
    """The first of these that takes one sheet, when each takes less room than the one before it; TooLong if none."""
    return _draw_exclusively(lambda: _write_pdf(_find_fitting_layout(pages)))


def render_fitting_png(pages: Sequence[str], width: int) -> bytes:
    """That one as PNG, this many pixels wide, and as high as what is on it."""
    return _encode_png(_crop_bottom(_render_image(render_fitting_pdf(pages), width)))


def build_document(style: str, body: Markup, language: str) -> str:
    """A whole page in this language; `style` is CSS of ours and is not escaped."""
    head = Markup(
        '<!doctype html><html lang="{}" dir="{}"><meta charset="utf-8"><style>{}</style><body>{}</body></html>'
    )
    return str(head.format(language, get_direction(language), Markup(style), body))  # noqa: S704  # our own CSS


def build_element(tag: str, text: str, language: str, css_class: str = "") -> Markup:
    """This text as an element of the class `name`, escaped, with its language and direction."""
    template = Markup('<{tag} lang="{language}" dir="{direction}" class="{name}">{text}</{tag}>')
    shown_text = isolate_left_to_right(text) if language in RIGHT_TO_LEFT_LANGUAGES else text
    return template.format(
        tag=tag, language=language, direction=get_direction(language), name=css_class, text=shown_text
    )


def get_direction(language: str) -> str:
    """`rtl` for the languages that are written so, else `ltr`."""
    return "rtl" if language in RIGHT_TO_LEFT_LANGUAGES else "ltr"


def isolate_left_to_right(text: str) -> str:
    """The text with its addresses and telephone numbers held left to right: 555-0101 must not become 0101-555."""
    return LEFT_TO_RIGHT_PATTERN.sub(rf"{LEFT_TO_RIGHT_ISOLATE}\g<0>{POP_ISOLATE}", text)


def build_qr_code(link: str) -> Markup:
    """The link as a QR code: an SVG as large as CSS says, with the margin that scanners need; on a light ground."""
    code = segno.make(link, error="m", micro=False)
    return Markup(code.svg_inline(light=None, omitsize=True, svgclass="qr", lineclass=None))  # noqa: S704  # by segno


def _draw_exclusively(draw: Callable[[], bytes]) -> bytes:
    with _DRAWING_LOCK:
        return draw()


def _find_fitting_layout(pages: Sequence[str]) -> Any:
    """By halves: laying out is what takes time."""
    renderer, layouts = _Renderer(), dict[int, Any]()

    def can_fit(index: int) -> bool:
        layouts[index] = renderer.lay_out(pages[index])
        return len(layouts[index].pages) == 1

    first_fitting = bisect_left(range(len(pages)), True, key=can_fit)
    if first_fitting == len(pages):
        raise PageOverflowError("The text does not fit on one page; please shorten it.")
    return layouts[first_fitting]


class _Renderer:
    """WeasyPrint, which fetches nothing, and the fonts, looked for once for all that one drawing tries."""

    def __init__(self) -> None:
        try:
            from weasyprint import HTML
            from weasyprint.text.fonts import FontConfiguration
            from weasyprint.urls import URLFetcher
        except (ImportError, OSError) as error:  # OSError: the library is there, Pango is not
            raise RendererUnavailableError(
                f"No page can be drawn here: WeasyPrint or its library Pango is missing. {INSTALL_REMEDY}"
            ) from error
        self._html, self._fonts = HTML, FontConfiguration()
        self._fetcher = URLFetcher(allowed_protocols=("data",), allow_redirects=False)

    def lay_out(self, html: str) -> Any:
        return self._html(string=html, url_fetcher=self._fetcher).render(font_config=self._fonts)


def _write_pdf(layout: Any) -> bytes:
    """Letters that no font has would become boxes that nobody can read: better no page than that."""
    with _collect_missing_letters() as missing_letters:
        data: bytes = layout.write_pdf()
    if missing_letters:
        raise RendererUnavailableError(
            f"No font on this machine has the letters {''.join(sorted(missing_letters)[:8])}. {INSTALL_REMEDY}"
        )
    return data


@contextmanager
def _collect_missing_letters() -> Iterator[set[str]]:
    """Collects them from WeasyPrint's log, the one place where it tells."""
    collector, log = _MissingGlyphHandler(), logging.getLogger("weasyprint")
    log.addHandler(collector)
    try:
        yield collector.letters
    finally:
        log.removeHandler(collector)


class _MissingGlyphHandler(logging.Handler):
    """A missing emoji is a pity and no more; letters are words."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if ".notdef" in str(record.msg) and isinstance(record.args, tuple):
            letter = str(record.args[0])
            self.letters |= {letter} if unicodedata.category(letter)[0] == "L" else set()


def _render_image(data: bytes, width: int) -> "Image":
    import pypdfium2

    with _DRAWING_LOCK, closing(pypdfium2.PdfDocument(data)) as document:
        page = document[0]
        image: Image = page.render(scale=width / page.get_width()).to_pil().convert("RGB")
    return image


def _crop_bottom(image: "Image") -> "Image":
    """As much room below the last line as above the first: what the text leaves over is no part of the card."""
    from PIL import Image, ImageChops

    background = Image.new("RGB", image.size, image.getpixel((0, 0)))
    _, top, _, bottom = ImageChops.difference(image, background).getbbox() or (0, 0, 0, image.height)
    return image.crop((0, 0, image.width, min(image.height, bottom + top)))


def _encode_png(image: "Image") -> bytes:
    """256 colours are enough for smooth letters in few inks, and a third of the bytes."""
    buffer = BytesIO()
    image.quantize().save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
