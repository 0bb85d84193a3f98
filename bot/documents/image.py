"""A notice as a picture that people forward: it carries until when it holds, and a way to check it."""

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from bot.documents import html_page

STYLE = Path(__file__).with_name("image.css")
WIDTH = 1080
SHAPES = (
    *((size, 1350) for size in (64, 58, 52, 48, 44)),
    *((size, 1920) for size in (48, 44, 40)),
    *((size, 2400) for size in (40, 37, 34, 31, 28)),
)
"""Sizes of letters and the most height, in pixels: small while that is readable, else up to a phone's whole screen."""


@dataclass(frozen=True)
class Picture:
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


def picture_png(picture: Picture) -> bytes:
    """A PNG, 1080 pixels wide and well under a megabyte, with the largest letters that fit; TooLong if none do."""
    return html_page.fitting_png([_html(picture, *shape) for shape in SHAPES], WIDTH)


def _html(picture: Picture, size: int, height: int) -> str:
    sized = f"@page {{ size: {WIDTH}px {height}px }} .text {{ font-size: {size}px }}"
    style = f"{STYLE.read_text(encoding='utf-8')} {sized}"
    return html_page.document(style, _notice(picture) + _foot(picture), picture.language)


def _notice(picture: Picture) -> Markup:
    """Who says it, what, until when."""
    parts = [_said(picture, "p", "district"), _said(picture, "div", "text")]
    parts += [_said(picture, "p", name) for name in ("machine", "until", "sent") if getattr(picture, name)]
    return Markup("").join(parts)


def _said(picture: Picture, tag: str, name: str) -> Markup:
    return html_page.element(tag, getattr(picture, name), picture.language, name)


def _foot(picture: Picture) -> Markup:
    """The way to check; an address is written from left to right in every language."""
    whole = Markup(
        '<table class="foot"><tr><td class="code">{}</td><td>{}<p class="link" dir="ltr">{}</p></td></tr></table>'
    )
    link = picture.link.removeprefix("https://")
    return whole.format(html_page.qr(picture.link), _said(picture, "p", "check"), link)
