"""The poster for a wall of the school: a code to scan, a number to text, and every language in its own words."""

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
"""Points; below 7 nobody reads a wall."""
MAX_COLUMNS = 3
COLUMN_WIDTH_CHARACTERS = 36
"""How many Latin letters a line of a column takes at about nine points, which sixteen languages get."""


@dataclass(frozen=True)
class PosterText:
    """What one language says: what this is, how to write to it, why that is safe."""

    language: str
    title: str
    instructions: str
    reassurance: str


@dataclass(frozen=True)
class Poster:
    """All that a poster says; `word` is what to text to `number`, `link` is what the code holds."""

    district: str
    school: str
    texts: tuple[PosterText, ...]
    link: str
    phone: str
    word: str


def render_poster_pdf(poster: Poster) -> bytes:
    """One sheet of US Letter, with the largest letters that fit it; TooLong if none do."""
    return html_page.render_fitting_pdf([_build_html(poster, size) for size in FONT_SIZES])


def _build_html(poster: Poster, size: float) -> str:
    style = f"{STYLESHEET_PATH.read_text(encoding='utf-8')} .languages {{ font-size: {size}pt }}"
    return html_page.build_document(
        style, _build_header(poster) + _build_contact_table(poster) + _build_language_table(poster), "en"
    )


def _build_header(poster: Poster) -> Markup:
    """Without a school it is the district's own poster."""
    district_name = poster.district if poster.school else ""
    return Markup('<p class="district">{}</p><h1>{}</h1>').format(district_name, poster.school or poster.district)


def _build_contact_table(poster: Poster) -> Markup:
    """The two ways in, which need no words: scan this, or text this word to this number."""
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
    """The languages in their order in up to three columns, the tallest of them as short as can be.

    CSS could do that too, but WeasyPrint takes six times as long for it, and we try several sizes of letters.
    """
    heights, text_count = [_estimate_height(text) for text in texts], len(texts)
    divisions = (
        [(0, *cuts, text_count) for cuts in combinations(range(1, text_count), min(MAX_COLUMNS, text_count) - 1)]
        if texts
        else []
    )
    best = min(
        divisions, key=lambda division: max(sum(heights[start:end]) for start, end in pairwise(division)), default=(0,)
    )
    return [texts[start:end] for start, end in pairwise(best)]


def _estimate_height(poster_text: PosterText) -> int:
    """About how many lines of the column it takes, with its name and the space below."""
    return 2 + sum(
        ceil(sum(map(_estimate_width, text)) / COLUMN_WIDTH_CHARACTERS)
        for text in (poster_text.title, poster_text.instructions, poster_text.reassurance)
    )


def _estimate_width(letter: str) -> float:
    """In Latin letters: those of Chinese and Korean are wider, those of Arabic narrower."""
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
