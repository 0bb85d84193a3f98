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

STYLE = Path(__file__).with_name("poster.css")
SIZES = (24.0, 20.0, 17.0, 15.0, 14.0, 13.0, 12.0, *(quarters / 4 for quarters in range(47, 27, -1)))
"""Points; below 7 nobody reads a wall."""
COLUMNS = 3
ACROSS = 36
"""How many Latin letters a line of a column takes at about nine points, which sixteen languages get."""


@dataclass(frozen=True)
class Line:
    """What one language says: what this is, how to write to it, why that is safe."""

    language: str
    title: str
    how: str
    safe: str


@dataclass(frozen=True)
class Poster:
    """All that a poster says; `word` is what to text to `number`, `link` is what the code holds."""

    district: str
    school: str
    lines: tuple[Line, ...]
    link: str
    number: str
    word: str


def poster_pdf(poster: Poster) -> bytes:
    """One sheet of US Letter, with the largest letters that fit it; TooLong if none do."""
    return html_page.fitting_pdf([_html(poster, size) for size in SIZES])


def _html(poster: Poster, size: float) -> str:
    style = f"{STYLE.read_text(encoding='utf-8')} .languages {{ font-size: {size}pt }}"
    return html_page.document(style, _head(poster) + _way(poster) + _languages(poster), "en")


def _head(poster: Poster) -> Markup:
    """Without a school it is the district's own poster."""
    above = poster.district if poster.school else ""
    return Markup('<p class="district">{}</p><h1>{}</h1>').format(above, poster.school or poster.district)


def _way(poster: Poster) -> Markup:
    """The two ways in, which need no words: scan this, or text this word to this number."""
    whole = Markup(
        '<table class="way"><tr><td class="code">{}<p class="link">{}</p></td>'
        '<td class="text"><p class="word"><span>{}</span></p><p class="number">{}</p></td></tr></table>'
    )
    return whole.format(html_page.qr(poster.link), poster.link.removeprefix("https://"), poster.word, poster.number)


def _languages(poster: Poster) -> Markup:
    cells = [Markup("<td>{}</td>").format(Markup("").join(map(_language, column))) for column in columns(poster.lines)]
    return Markup('<table class="languages"><tr>{}</tr></table>').format(Markup("").join(cells))


def columns(lines: Sequence[Line]) -> list[Sequence[Line]]:
    """The languages in their order in up to three columns, the tallest of them as short as can be.

    CSS could do that too, but WeasyPrint takes six times as long for it, and we try several sizes of letters.
    """
    heights, last = [_height(line) for line in lines], len(lines)
    ways = [(0, *cuts, last) for cuts in combinations(range(1, last), min(COLUMNS, last) - 1)] if lines else []
    best = min(ways, key=lambda way: max(sum(heights[here:there]) for here, there in pairwise(way)), default=(0,))
    return [lines[here:there] for here, there in pairwise(best)]


def _height(line: Line) -> int:
    """About how many lines of the column it takes, with its name and the space below."""
    return 2 + sum(ceil(sum(map(_width, text)) / ACROSS) for text in (line.title, line.how, line.safe))


def _width(letter: str) -> float:
    """In Latin letters: those of Chinese and Korean are wider, those of Arabic narrower."""
    if east_asian_width(letter) == "W":
        return 1.8
    return 0.8 if bidirectional(letter) == "AL" else 1


def _language(line: Line) -> Markup:
    parts = (
        html_page.element("h2", get_own_name(line.language), line.language),
        html_page.element("h3", line.title, line.language),
        html_page.element("p", line.how, line.language),
        html_page.element("p", line.safe, line.language, "safe"),
    )
    return Markup('<div class="language {}">{}</div>').format(
        html_page.direction(line.language), Markup("").join(parts)
    )
