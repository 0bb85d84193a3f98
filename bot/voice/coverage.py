"""Measure how many texts callers can hear in each language: by a machine voice, by a recording, or not at all."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.base.language_names import get_english_name
from bot.content.library import Library
from bot.speech.twilio_voices import TWILIO_VOICES
from bot.voice.recordable_texts import RecordableText, collect_recordable_texts

RecordedKeyLookup = Callable[[str, frozenset[str]], set[str]]
"""Return the keys of a language for which callers hear a recording."""
MAX_LISTED_TEXTS = 3
MAX_EXCERPT_CHARACTERS = 60


@dataclass(frozen=True)
class VoiceCoverage:
    """Hold the voice coverage of one language.

    `voice_name` is the machine voice ("" for none). `machine_only_count` is the number of texts that no person can
    record. `unrecorded_texts` are the texts without voice and recording, the most important first. `recorded_count` is
    None if there was no database to check.
    """

    language: str
    voice_name: str
    recordable_count: int
    machine_only_count: int
    recorded_count: int | None
    unrecorded_texts: tuple[RecordableText, ...]

    @property
    def unheard_count(self) -> int:
        """Return the number of texts with neither voice nor recording."""
        if self.voice_name:
            return 0
        return len(self.unrecorded_texts) + self.machine_only_count


def measure_coverage(
    library: Library, language: str, now: datetime, find_recorded_keys: RecordedKeyLookup | None
) -> VoiceCoverage:
    """Measure the coverage of one language."""
    texts = collect_recordable_texts(library, language, now)
    recorded_keys: set[str] = set()
    recorded_count = None
    if find_recorded_keys:
        recorded_keys = find_recorded_keys(language, texts.keys)
        recorded_count = len(recorded_keys)
    voice_name, unrecorded_texts = "", tuple(item for item in texts.items if item.key not in recorded_keys)
    if voice := TWILIO_VOICES.get(language):
        voice_name, unrecorded_texts = voice.name, ()
    return VoiceCoverage(
        language, voice_name, len(texts.items), len(texts.machine_only_texts), recorded_count, unrecorded_texts
    )


def list_warnings(library: Library, now: datetime, find_recorded_keys: RecordedKeyLookup | None) -> Iterator[str]:
    """Yield a line for `bot check` for each language in which callers can't hear every text."""
    for language in library.district.languages:
        if language not in TWILIO_VOICES:
            language_coverage = measure_coverage(library, language, now, find_recorded_keys)
            if language_coverage.unheard_count:
                yield f"messages/{language}.po:1:1: {_describe_coverage(language_coverage)}"


def _describe_coverage(language_coverage: VoiceCoverage) -> str:
    total = language_coverage.recordable_count + language_coverage.machine_only_count
    description = f"{get_english_name(language_coverage.language)} has no machine voice"
    description += f": {language_coverage.unheard_count} of {total} texts have no recording either"
    if language_coverage.recorded_count is None:
        description += " (recordings not checked: there is no current database)"
    listed_texts = language_coverage.unrecorded_texts[:MAX_LISTED_TEXTS]
    if not listed_texts:
        return description
    examples = "; ".join(f"{item.flow}: {_shorten_text(item.english)}" for item in listed_texts)
    return f"{description}, first: {examples}"


def _shorten_text(text: str) -> str:
    if len(text) <= MAX_EXCERPT_CHARACTERS:
        return text
    return f"{text[:MAX_EXCERPT_CHARACTERS].rsplit(' ', 1)[0]} …"


def render_table(coverages: Iterable[VoiceCoverage]) -> str:
    """Return the coverage as a Markdown table with a row for each language."""
    rows = ["| language | machine voice | recordings | only by a machine | neither |", "|---|---|---|---|---|"]
    for language_coverage in coverages:
        name = f"{get_english_name(language_coverage.language)} ({language_coverage.language})"
        recorded_label = f"{language_coverage.recorded_count} of {language_coverage.recordable_count}"
        if language_coverage.recorded_count is None:
            recorded_label = "not checked"
        counts = f"{language_coverage.machine_only_count} | {language_coverage.unheard_count}"
        rows.append(f"| {name} | {language_coverage.voice_name or 'none'} | {recorded_label} | {counts} |")
    return "\n".join(rows)
