"""Make a poster for a wall of the school: a QR code, a number to text, and every language in its own words."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import ceil
from pathlib import Path
from unicodedata import bidirectional, east_asian_width

from markupsafe import Markup

from bot.base.language_names import get_own_name
from bot.documents import html_page

STYLESHEET_PATH = Path(__file__).with_name("poster.css")
FONT_SIZES = (24.0, 20.0, 17.0, 15.0, 14.0, 13.0, 12.0, *(quarters / 4 for quarters in range(47, 27, -1)))
"""Sizes in points. Letters under 7 points are too small for a wall."""
MAX_COLUMNS = 3
COLUMN_WIDTH_CHARACTERS = 36
"""The Latin letters in a line of a column at about nine points, the size for sixteen languages."""


@dataclass(frozen=True)
class PosterText:
    """Hold the text of one language: what Puente is, how to write to it, and why that is safe."""

    language: str
    title: str
    instructions: str
    reassurance: str


@dataclass(frozen=True)
class Poster:
    """Hold everything on a poster. `word` is the text to send to `phone`, and `link` is the content of the QR code."""

    district: str
    school: str
    texts: tuple[PosterText, ...]
    link: str
    phone: str
    word: str


def render_poster_pdf(poster: Poster) -> bytes:
    """Return one page of US Letter with the largest letters that fit. Raises `PageOverflowError` if none fit."""
    return html_page.render_fitting_pdf([_build_html(poster, size) for size in FONT_SIZES])


def _build_html(poster: Poster, size: float) -> str:
    style = f"{STYLESHEET_PATH.read_text(encoding='utf-8')} .languages {{ font-size: {size}pt }}"
    return html_page.build_document(
        style, _build_header(poster) + _build_contact_table(poster) + _build_language_table(poster), "en"
    )


def _build_header(poster: Poster) -> Markup:
    """Build the header. Without a school, the poster is for the whole district."""
    district_name = poster.district if poster.school else ""
    return Markup('<p class="district">{}</p><h1>{}</h1>').format(district_name, poster.school or poster.district)


def _build_contact_table(poster: Poster) -> Markup:
    """Build the two ways to start, which need no translation: scan the code, or text the word to the number."""
    template = Markup(
        '<table class="way"><tr><td class="code">{}<p class="link">{}</p></td>'
        '<td class="text"><p class="word"><span>{}</span></p><p class="number">{}</p></td></tr></table>'
    )
    return template.format(
        html_page.build_qr_code(poster.link), poster.link.removeprefix("https://"), poster.word, poster.phone
    )


def _build_language_table(poster: Poster) -> Markup:
    cells = [
        Markup("<td>{}</td>").format(Markup("").join(map(_build_language_cell, column)))
        for column in arrange_columns(poster.texts)
    ]
    return Markup('<table class="languages"><tr>{}</tr></table>').format(Markup("").join(cells))


def arrange_columns(texts: Sequence[PosterText]) -> list[Sequence[PosterText]]:
    """Arrange the languages in order in up to three columns, with the tallest column as short as possible.

    CSS can do this too, but WeasyPrint takes six times as long, and the poster tries several font sizes.
    """
    if not texts:
        return []
    heights, text_count = [_estimate_height(text) for text in texts], len(texts)
    column_count = min(MAX_COLUMNS, text_count)
    divisions = [(0, *cuts, text_count) for cuts in combinations(range(1, text_count), column_count - 1)]
    best = min(divisions, key=lambda division: max(sum(heights[start:end]) for start, end in pairwise(division)))
    return [texts[start:end] for start, end in pairwise(best)]


def _estimate_height(poster_text: PosterText) -> int:
    """Estimate the number of lines in a column, with the name of the language and the space below."""
    return 2 + sum(
        ceil(sum(map(_estimate_width, text)) / COLUMN_WIDTH_CHARACTERS)
        for text in (poster_text.title, poster_text.instructions, poster_text.reassurance)
    )


def _estimate_width(letter: str) -> float:
    """Estimate the width in Latin letters. Chinese and Korean letters are wider, and Arabic letters are narrower."""
    if east_asian_width(letter) == "W":
        return 1.8
    return 0.8 if bidirectional(letter) == "AL" else 1


def _build_language_cell(poster_text: PosterText) -> Markup:
    parts = (
        html_page.build_element("h2", get_own_name(poster_text.language), poster_text.language),
        html_page.build_element("h3", poster_text.title, poster_text.language),
        html_page.build_element("p", poster_text.instructions, poster_text.language),
        html_page.build_element("p", poster_text.reassurance, poster_text.language, "safe"),
    )
    return Markup('<div class="language {}">{}</div>').format(
        html_page.get_direction(poster_text.language), Markup("").join(parts)
    )
