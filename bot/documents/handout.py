"""The sheet to give into a family's hand: what holds, who helps, whom to call, in one language; PDF and picture."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from bot.documents import html_page

STYLE = Path(__file__).with_name("handout.css")
SIZES = (13.0, 12.5, 12.0, 11.5, 11.0, 10.5, 10.0, 9.5, 9.0, 8.5, 8.0, 7.5)
"""Points; who reads this may be old, and the light bad."""
WIDTH = 1275
"""Pixels of the picture: a sheet of US Letter at 150 dots an inch."""


@dataclass(frozen=True)
class Words:
    """A text and the language that it is in, which may be English where a translation is missing."""

    text: str
    language: str


@dataclass(frozen=True)
class Helper:
    """One organization: its name and number are the same in every language."""

    name: str
    phone: str
    lines: tuple[Words, ...] = ()


@dataclass(frozen=True)
class Section:
    """A heading, what holds, and who helps."""

    title: Words
    says: tuple[Words, ...] = ()
    helpers: tuple[Helper, ...] = ()


@dataclass(frozen=True)
class Handout:
    """All that a sheet says.  `notice`: that no person has checked the translation; `link` is what the code holds."""

    language: str
    district: str
    school: str
    sections: tuple[Section, ...]
    way: tuple[Words, ...]
    dated: Words
    link: str
    number: str
    notice: Words | None = None


def handout_pdf(handout: Handout) -> bytes:
    """One sheet of US Letter, with the largest letters that fit it; TooLong if none do."""
    return html_page.fitting_pdf([_html(handout, size) for size in SIZES])


def handout_png(handout: Handout) -> bytes:
    """The same sheet as a picture."""
    return html_page.fitting_png([_html(handout, size) for size in SIZES], WIDTH)


def _html(handout: Handout, size: float) -> str:
    style = f"{STYLE.read_text(encoding='utf-8')} html {{ font-size: {size}pt }}"
    notice = _said("p", [handout.notice], "notice") if handout.notice else Markup("")
    parts = (_head(handout), notice, *map(_section, handout.sections), _way(handout))
    return html_page.document(style, Markup("").join(parts), handout.language)


def _head(handout: Handout) -> Markup:
    """Names, which nobody translates."""
    school = Markup('<p class="school" dir="ltr" lang="en">{}</p>').format(handout.school) if handout.school else ""
    return Markup('<h1 dir="ltr" lang="en">{}</h1>{}').format(handout.district, school)


def _section(section: Section) -> Markup:
    helpers = Markup("").join(map(_helper, section.helpers))
    table = Markup('<table class="helpers">{}</table>').format(helpers) if section.helpers else ""
    return Markup("<section>{}{}{}</section>").format(_said("h2", [section.title]), _said("p", section.says), table)


def _helper(helper: Helper) -> Markup:
    whole = Markup(
        '<tr><td class="who"><p class="name" dir="ltr" lang="en">{}</p>{}</td>'
        '<td class="phone" dir="ltr" lang="en">{}</td></tr>'
    )
    return whole.format(helper.name, _said("p", helper.lines, "small"), helper.phone)


def _way(handout: Handout) -> Markup:
    """How to write to the line, and until when this sheet holds."""
    whole = Markup(
        '<table class="way"><tr><td class="code">{}</td><td>{}<p class="number" dir="ltr">{}</p>{}</td></tr></table>'
    )
    return whole.format(
        html_page.qr(handout.link), _said("p", handout.way), handout.number, _said("p", [handout.dated], "dated")
    )


def _said(tag: str, words: Iterable[Words], name: str = "") -> Markup:
    return Markup("").join(html_page.element(tag, one.text, one.language, name) for one in words)
