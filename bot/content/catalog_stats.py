"""Count the texts in the catalogs and their SMS segments, for `bot check --segments` and docs/content.md."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.channels.sms_segments import SmsCost, compute_sms_cost
from bot.content.catalog import SOURCE_LANGUAGE, parse_po

MAX_TEXT_SEGMENTS = 3
"""`bot check` reports a text that costs more."""
PLACEHOLDER_STAND_IN = "0" * 12
"""About as long as the value of a placeholder, such as a phone number, a date, or a name."""


@dataclass(frozen=True)
class CatalogStats:
    """The numbers of one catalog. `segment_count` is the SMS segments of all texts together."""

    language: str
    text_count: int
    drafted_count: int
    reviewed_count: int
    segment_count: int
    long_text_count: int
    gsm_count: int


def read_texts(root: Path, language: str) -> Iterator[tuple[str, SmsCost, bool]]:
    """Yield (text as sent, cost, whether it is reviewed) for every translated text of a language."""
    is_source = language == SOURCE_LANGUAGE
    path = root / ("messages/messages.pot" if is_source else f"messages/{language}.po")
    for message in parse_po(language, path.read_bytes()):
        text = _get_longest_form(message.id if is_source else message.string)
        if message.id and text and not message.previous_id:
            yield text, compute_sms_cost(_fill_placeholders(text)), is_source or not message.fuzzy


def compute_stats(root: Path, language: str) -> CatalogStats:
    """Compute the numbers of one catalog."""
    total = sum(1 for message in parse_po("en", (root / "messages/messages.pot").read_bytes()) if message.id)
    texts = list(read_texts(root, language))
    return CatalogStats(
        language,
        total,
        len(texts),
        sum(is_reviewed for _, _, is_reviewed in texts),
        sum(cost.segments for _, cost, _ in texts),
        sum(cost.segments > MAX_TEXT_SEGMENTS for _, cost, _ in texts),
        sum(cost.is_gsm for _, cost, _ in texts),
    )


def render_stats_table(root: Path, languages: tuple[str, ...]) -> str:
    """Render the numbers of all languages as a Markdown table."""
    head = "| language | texts | drafted | reviewed | segments, all texts | GSM-7 | over three segments |"
    rows = [head, "|---|---|---|---|---|---|---|"]
    for row in (compute_stats(root, language) for language in languages):
        cells = (
            row.language,
            row.text_count,
            row.drafted_count,
            row.reviewed_count,
            row.segment_count,
            row.gsm_count,
            row.long_text_count,
        )
        rows.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return "\n".join(rows)


def list_long_texts(root: Path, languages: tuple[str, ...]) -> Iterator[str]:
    """Yield a line for each text over the limit: language, segments, non-GSM letters, and the start of the text."""
    for language in languages:
        for text, cost, _ in read_texts(root, language):
            if cost.segments > MAX_TEXT_SEGMENTS:
                cause = ""
                if 0 < len(cost.non_gsm_characters) < 4:
                    cause = f", because of {cost.non_gsm_characters}"
                yield f"{language}: {cost.segments} segments{cause}: {text[:60]}"


def count_long_texts(root: Path, languages: tuple[str, ...]) -> Iterator[str]:
    """Yield a line for each language with texts over the limit, for `bot check`."""
    for language in languages:
        count = compute_stats(root, language).long_text_count
        if count:
            yield f"messages/{language}.po:1:1: {count} texts cost over {MAX_TEXT_SEGMENTS} SMS: run check --segments"


def _fill_placeholders(text: str) -> str:
    parts = text.split("{")
    return parts[0] + "".join(PLACEHOLDER_STAND_IN + part.split("}", 1)[-1] for part in parts[1:])


def _get_longest_form(text: object) -> str:
    if isinstance(text, (tuple, list)):
        return max((str(form) for form in text), key=len)
    return str(text or "")
