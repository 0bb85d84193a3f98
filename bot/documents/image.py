"""Make an image of an announcement to forward. It shows its expiry date and how to verify it."""

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from bot.documents import html_page

STYLESHEET_PATH = Path(__file__).with_name("image.css")
IMAGE_WIDTH_PIXELS = 1080
IMAGE_LAYOUTS = (
    *((size, 1350) for size in (64, 58, 52, 48, 44)),
    *((size, 1920) for size in (48, 44, 40)),
    *((size, 2400) for size in (40, 37, 34, 31, 28)),
)
"""Font size and maximum height in pixels: a small image if that is readable, else up to the whole screen of a phone."""


@dataclass(frozen=True)
class AnnouncementImage:
    """Hold the texts of the image in the family's language.

    `sent` and `until` include their words. `check` explains the link. `machine` says that a machine translated the
    text.
    """

    language: str
    district: str
    text: str
    sent: str
    until: str
    check: str
    link: str
    machine: str = ""


def render_image_png(image: AnnouncementImage) -> bytes:
    """Return a PNG with the largest letters that fit.

    Raises `PageOverflowError` if none fit.

    The image is 1080 pixels wide and well under a megabyte.
    """
    return html_page.render_fitting_png([_build_html(image, *layout) for layout in IMAGE_LAYOUTS], IMAGE_WIDTH_PIXELS)


def _build_html(image: AnnouncementImage, size: int, height: int) -> str:
    page_style = f"@page {{ size: {IMAGE_WIDTH_PIXELS}px {height}px }} .text {{ font-size: {size}px }}"
    style = f"{STYLESHEET_PATH.read_text(encoding='utf-8')} {page_style}"
    return html_page.build_document(style, _build_notice(image) + _build_footer(image), image.language)


def _build_notice(image: AnnouncementImage) -> Markup:
    """Build the upper part: sender, text, and expiry date."""
    parts = [_build_text_element(image, "p", "district"), _build_text_element(image, "div", "text")]
    parts += [_build_text_element(image, "p", name) for name in ("machine", "until", "sent") if getattr(image, name)]
    return Markup("").join(parts)


def _build_text_element(image: AnnouncementImage, tag: str, name: str) -> Markup:
    return html_page.build_element(tag, getattr(image, name), image.language, name)


def _build_footer(image: AnnouncementImage) -> Markup:
    """Build the part to verify the image. Links run from left to right in every language."""
    template = Markup(
        '<table class="foot"><tr><td class="code">{}</td><td>{}<p class="link" dir="ltr">{}</p></td></tr></table>'
    )
    link = image.link.removeprefix("https://")
    return template.format(html_page.build_qr_code(image.link), _build_text_element(image, "p", "check"), link)
