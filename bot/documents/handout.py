"""Make a handout for families in one language, as PDF and image: facts, partners, and phone numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from bot.documents import html_page

STYLESHEET_PATH = Path(__file__).with_name("handout.css")
FONT_SIZES = (13.0, 12.5, 12.0, 11.5, 11.0, 10.5, 10.0, 9.5, 9.0, 8.5, 8.0, 7.5)
"""Sizes in points, largest first, because readers can be old and the light bad."""
IMAGE_WIDTH_PIXELS = 1275
"""The width of the image: US Letter at 150 dots per inch."""


@dataclass(frozen=True)
class LocalizedText:
    """Hold a text and its language, which is English if the translation is missing."""

    text: str
    language: str


@dataclass(frozen=True)
class HandoutPartner:
    """Hold one partner. Its name and number are the same in every language."""

    name: str
    phone: str
    lines: tuple[LocalizedText, ...] = ()


@dataclass(frozen=True)
class HandoutSection:
    """Hold a title with its facts and partners."""

    title: LocalizedText
    texts: tuple[LocalizedText, ...] = ()
    partners: tuple[HandoutPartner, ...] = ()


@dataclass(frozen=True)
class Handout:
    """Hold everything on a handout.

    `link` is the content of the QR code.

    `notice` says that no person has reviewed the translation.
    """

    language: str
    district: str
    school: str
    sections: tuple[HandoutSection, ...]
    instructions: tuple[LocalizedText, ...]
    date_line: LocalizedText
    link: str
    phone: str
    notice: LocalizedText | None = None


def render_handout_pdf(handout: Handout) -> bytes:
    """Return one page of US Letter with the largest letters that fit. Raises `PageOverflowError` if none fit."""
    return html_page.render_fitting_pdf([_build_html(handout, size) for size in FONT_SIZES])


def render_handout_png(handout: Handout) -> bytes:
    """Return the same page as an image."""
    return html_page.render_fitting_png([_build_html(handout, size) for size in FONT_SIZES], IMAGE_WIDTH_PIXELS)


def _build_html(handout: Handout, size: float) -> str:
    style = f"{STYLESHEET_PATH.read_text(encoding='utf-8')} html {{ font-size: {size}pt }}"
    notice = _build_elements("p", [handout.notice], "notice") if handout.notice else Markup("")
    parts = (_build_header(handout), notice, *map(_build_section, handout.sections), _build_contact_table(handout))
    return html_page.build_document(style, Markup("").join(parts), handout.language)


def _build_header(handout: Handout) -> Markup:
    """Build the header of names, which need no translation."""
    school = Markup("")
    if handout.school:
        school = Markup('<p class="school" dir="ltr" lang="en">{}</p>').format(handout.school)
    return Markup('<h1 dir="ltr" lang="en">{}</h1>{}').format(handout.district, school)


def _build_section(section: HandoutSection) -> Markup:
    partner_rows = Markup("").join(map(_build_partner_row, section.partners))
    table = Markup("")
    if section.partners:
        table = Markup('<table class="helpers">{}</table>').format(partner_rows)
    return Markup("<section>{}{}{}</section>").format(
        _build_elements("h2", [section.title]), _build_elements("p", section.texts), table
    )


def _build_partner_row(partner: HandoutPartner) -> Markup:
    template = Markup(
        '<tr><td class="who"><p class="name" dir="ltr" lang="en">{}</p>{}</td>'
        '<td class="phone" dir="ltr" lang="en">{}</td></tr>'
    )
    return template.format(partner.name, _build_elements("p", partner.lines, "small"), partner.phone)


def _build_contact_table(handout: Handout) -> Markup:
    """Build the table with the ways to contact Puente and the expiry date of the handout."""
    template = Markup(
        '<table class="way"><tr><td class="code">{}</td><td>{}<p class="number" dir="ltr">{}</p>{}</td></tr></table>'
    )
    return template.format(
        html_page.build_qr_code(handout.link),
        _build_elements("p", handout.instructions),
        handout.phone,
        _build_elements("p", [handout.date_line], "dated"),
    )


def _build_elements(tag: str, texts: Iterable[LocalizedText], css_class: str = "") -> Markup:
    return Markup("").join(html_page.build_element(tag, text.text, text.language, css_class) for text in texts)
