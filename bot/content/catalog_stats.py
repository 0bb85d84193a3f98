"""What stands in the catalogs, in figures: `bot check --segments` and the table of docs/content.md."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.channels.sms_segments import Cost, cost
from bot.content.catalog import SOURCE_LANGUAGE, parse_po

MOST_SEGMENTS = 3
"""A single text that costs more is told: say it in fewer words."""
STANDING_IN = "0" * 12
"""About as long as what fills a placeholder in: a phone number, a day, a name."""


@dataclass(frozen=True)
class Figures:
    """A catalog: how many texts, drafted, reviewed; SMS segments for all of them, and texts over the limit."""

    language: str
    texts: int
    drafted: int
    reviewed: int
    segments: int
    long: int
    gsm: int


def texts(root: Path, language: str) -> Iterator[tuple[str, Cost, bool]]:
    """(text as sent, its cost, reviewed) of every drafted text of a language."""
    source = language == SOURCE_LANGUAGE
    path = root / ("messages/messages.pot" if source else f"messages/{language}.po")
    for message in parse_po(language, path.read_bytes()):
        text = _longest(message.id if source else message.string)
        if message.id and text and not message.previous_id:
            yield text, cost(_filled(text)), source or not message.fuzzy


def figures(root: Path, language: str) -> Figures:
    """One row of the table."""
    total = sum(1 for message in parse_po("en", (root / "messages/messages.pot").read_bytes()) if message.id)
    found = list(texts(root, language))
    return Figures(
        language,
        total,
        len(found),
        sum(reviewed for _, _, reviewed in found),
        sum(priced.segments for _, priced, _ in found),
        sum(priced.segments > MOST_SEGMENTS for _, priced, _ in found),
        sum(priced.gsm for _, priced, _ in found),
    )


def table(root: Path, languages: tuple[str, ...]) -> str:
    """The table in Markdown."""
    head = "| language | texts | drafted | reviewed | segments, all texts | GSM-7 | over three segments |"
    rows = [head, "|---|---|---|---|---|---|---|"]
    for row in (figures(root, language) for language in languages):
        cells = (row.language, row.texts, row.drafted, row.reviewed, row.segments, row.gsm, row.long)
        rows.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return "\n".join(rows)


def too_long(root: Path, languages: tuple[str, ...]) -> Iterator[str]:
    """A line for each text over the limit: language, segments, the letters that cost, the text's beginning."""
    for language in languages:
        for text, priced, _ in texts(root, language):
            if priced.segments > MOST_SEGMENTS:
                spoilers = f", because of {priced.spoilers}" if 0 < len(priced.spoilers) < 4 else ""
                yield f"{language}: {priced.segments} segments{spoilers}: {text[:60]}"


def long_texts(root: Path, languages: tuple[str, ...]) -> Iterator[str]:
    """A line for each language with texts over the limit, for `bot check`."""
    for language in languages:
        count = figures(root, language).long
        if count:
            yield f"messages/{language}.po:1:1: {count} texts cost over {MOST_SEGMENTS} SMS: see check --segments"


def _filled(text: str) -> str:
    parts = text.split("{")
    return parts[0] + "".join(STANDING_IN + part.split("}", 1)[-1] for part in parts[1:])


def _longest(text: object) -> str:
    """Of a text that depends on a number, the longest form."""
    return max((str(form) for form in text), key=len) if isinstance(text, (tuple, list)) else str(text or "")
