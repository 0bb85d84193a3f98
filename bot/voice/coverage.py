"""How much of the line can be heard in each language: by a machine's voice, by a recording, or not at all."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.base.language_names import get_english_name
from bot.content.library import Library
from bot.speech.twilio_voices import VOICES
from bot.voice.recordable_texts import Item, sayable

Recorded = Callable[[str, frozenset[str]], set[str]]
"""Those of a language's keys for which callers hear a recording."""
NAMED = 3
LETTERS = 60


@dataclass(frozen=True)
class Coverage:
    """`voice` is the machine's ("" for none); `apart` so many texts can only be said by one; `silent` are the texts
    that nothing says, the most important first; `recorded` is None where nobody looked."""

    language: str
    voice: str
    texts: int
    apart: int
    recorded: int | None
    silent: tuple[Item, ...]

    @property
    def unheard(self) -> int:
        """How many texts have neither voice nor recording."""
        return 0 if self.voice else len(self.silent) + self.apart


def coverage(library: Library, language: str, at: datetime, recorded: Recorded | None) -> Coverage:
    """How it stands with one language."""
    found, voice = sayable(library, language, at), VOICES.get(language)
    there = recorded(language, found.keys) if recorded else set()
    silent = () if voice else tuple(item for item in found.items if item.key not in there)
    known = len(there) if recorded else None
    return Coverage(language, voice.name if voice else "", len(found.items), len(found.apart), known, silent)


def warnings(library: Library, at: datetime, recorded: Recorded | None) -> Iterator[str]:
    """For `bot check`: a line for each language in which callers would not hear everything."""
    for language in library.district.languages:
        if language not in VOICES:
            found = coverage(library, language, at, recorded)
            if found.unheard:
                yield f"messages/{language}.po:1:1: {_told(found)}"


def _told(found: Coverage) -> str:
    name = f"{get_english_name(found.language)} has no machine voice"
    looked = "" if found.recorded is not None else " (recordings were not looked at: no database that is up to date)"
    count = f"{found.unheard} of {found.texts + found.apart} texts have no recording either{looked}"
    first = "; ".join(f"{item.flow}: {_short(item.english)}" for item in found.silent[:NAMED])
    return f"{name}: {count}{f', first: {first}' if first else ''}"


def _short(text: str) -> str:
    return text if len(text) <= LETTERS else f"{text[:LETTERS].rsplit(' ', 1)[0]} …"


def table(found: Iterable[Coverage]) -> str:
    """What is said by whom, in Markdown: a row for each language."""
    rows = ["| language | machine voice | recordings | only by a machine | neither |", "|---|---|---|---|---|"]
    for one in found:
        name = f"{get_english_name(one.language)} ({one.language})"
        recorded = "not looked at" if one.recorded is None else f"{one.recorded} of {one.texts}"
        rows.append(f"| {name} | {one.voice or 'none'} | {recorded} | {one.apart} | {one.unheard} |")
    return "\n".join(rows)
