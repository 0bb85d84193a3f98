"""A notice as a picture that people forward: it carries until when it holds, and a way to check it."""

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
"""Sizes of letters and the most height, in pixels: small while that is readable, else up to a phone's whole screen."""


@dataclass(frozen=True)
class AnnouncementImage:
    """What the picture says, in the family's language: `sent` and `until` with their words, `check` says what the link
    is for, `machine` that a machine translated it."""

    language: str
    district: str
    text: str
    sent: str
    until: str
    check: str
    link: str
    machine: str = ""


def render_image_png(image: AnnouncementImage) -> bytes:
    """A PNG, 1080 pixels wide and well under a megabyte, with the largest letters that fit; TooLong if none do."""
    return html_page.render_fitting_png([_build_html(image, *layout) for layout in IMAGE_LAYOUTS], IMAGE_WIDTH_PIXELS)


def _build_html(image: AnnouncementImage, size: int, height: int) -> str:
    page_style = f"@page {{ size: {IMAGE_WIDTH_PIXELS}px {height}px }} .text {{ font-size: {size}px }}"
    style = f"{STYLESHEET_PATH.read_text(encoding='utf-8')} {page_style}"
    return html_page.build_document(style, _build_notice(image) + _build_footer(image), image.language)


def _build_notice(image: AnnouncementImage) -> Markup:
    """Who says it, what, until when."""
    parts = [_build_text_element(image, "p", "district"), _build_text_element(image, "div", "text")]
    parts += [_build_text_element(image, "p", name) for name in ("machine", "until", "sent") if getattr(image, name)]
    return Markup("").join(parts)


def _build_text_element(image: AnnouncementImage, tag: str, name: str) -> Markup:
    return html_page.build_element(tag, getattr(image, name), image.language, name)


def _build_footer(image: AnnouncementImage) -> Markup:
    """The way to check; an address is written from left to right in every language."""
    template = Markup(
        '<table class="foot"><tr><td class="code">{}</td><td>{}<p class="link" dir="ltr">{}</p></td></tr></table>'
    )
    link = image.link.removeprefix("https://")
    return template.format(html_page.build_qr_code(image.link), _build_text_element(image, "p", "check"), link)
