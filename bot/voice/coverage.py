"""How much of the line can be heard in each language: by a machine's voice, by a recording, or not at all."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.base.language_names import get_english_name
from bot.content.library import Library
from bot.speech.twilio_voices import TWILIO_VOICES
from bot.voice.recordable_texts import RecordableText, collect_recordable_texts

RecordedKeyLookup = Callable[[str, frozenset[str]], set[str]]
"""Those of a language's keys for which callers hear a recording."""
MAX_LISTED_TEXTS = 3
MAX_EXCERPT_CHARACTERS = 60


@dataclass(frozen=True)
class VoiceCoverage:
    """`voice` is the machine's ("" for none); `apart` so many texts can only be said by one; `silent` are the texts
    that nothing says, the most important first; `recorded` is None where nobody looked."""

    language: str
    voice_name: str
    recordable_count: int
    machine_only_count: int
    recorded_count: int | None
    unrecorded_texts: tuple[RecordableText, ...]

    @property
    def unheard_count(self) -> int:
        """How many texts have neither voice nor recording."""
        return 0 if self.voice_name else len(self.unrecorded_texts) + self.machine_only_count


def measure_coverage(
    library: Library, language: str, now: datetime, find_recorded_keys: RecordedKeyLookup | None
) -> VoiceCoverage:
    """How it stands with one language."""
    recordable_texts, voice = collect_recordable_texts(library, language, now), TWILIO_VOICES.get(language)
    recorded_keys = find_recorded_keys(language, recordable_texts.keys) if find_recorded_keys else set()
    unrecorded_texts = () if voice else tuple(item for item in recordable_texts.items if item.key not in recorded_keys)
    recorded_count = len(recorded_keys) if find_recorded_keys else None
    return VoiceCoverage(
        language,
        voice.name if voice else "",
        len(recordable_texts.items),
        len(recordable_texts.machine_only_texts),
        recorded_count,
        unrecorded_texts,
    )


def list_warnings(library: Library, now: datetime, find_recorded_keys: RecordedKeyLookup | None) -> Iterator[str]:
    """For `bot check`: a line for each language in which callers would not hear everything."""
    for language in library.district.languages:
        if language not in TWILIO_VOICES:
            language_coverage = measure_coverage(library, language, now, find_recorded_keys)
            if language_coverage.unheard_count:
                yield f"messages/{language}.po:1:1: {_describe_coverage(language_coverage)}"


def _describe_coverage(language_coverage: VoiceCoverage) -> str:
    name = f"{get_english_name(language_coverage.language)} has no machine voice"
    unchecked_note = (
        ""
        if language_coverage.recorded_count is not None
        else " (recordings were not looked at: no database that is up to date)"
    )
    total = language_coverage.recordable_count + language_coverage.machine_only_count
    count = f"{language_coverage.unheard_count} of {total} texts have no recording either{unchecked_note}"
    examples = "; ".join(
        f"{item.flow}: {_shorten_text(item.english)}" for item in language_coverage.unrecorded_texts[:MAX_LISTED_TEXTS]
    )
    return f"{name}: {count}{f', first: {examples}' if examples else ''}"


def _shorten_text(text: str) -> str:
    return text if len(text) <= MAX_EXCERPT_CHARACTERS else f"{text[:MAX_EXCERPT_CHARACTERS].rsplit(' ', 1)[0]} …"


def render_table(coverages: Iterable[VoiceCoverage]) -> str:
    """What is said by whom, in Markdown: a row for each language."""
    rows = ["| language | machine voice | recordings | only by a machine | neither |", "|---|---|---|---|---|"]
    for language_coverage in coverages:
        name = f"{get_english_name(language_coverage.language)} ({language_coverage.language})"
        recorded_label = (
            "not looked at"
            if language_coverage.recorded_count is None
            else f"{language_coverage.recorded_count} of {language_coverage.recordable_count}"
        )
        counts = f"{language_coverage.machine_only_count} | {language_coverage.unheard_count}"
        rows.append(f"| {name} | {language_coverage.voice_name or 'none'} | {recorded_label} | {counts} |")
    return "\n".join(rows)
