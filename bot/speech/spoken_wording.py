"""A reply as it is said: the written texts that have a spoken wording (flows/spoken.yaml) are replaced by it.

At the ear and nowhere earlier: what is composed and kept is the written reply, which the caller may still have sent
to the phone as a text.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.library import Library
from bot.flows.loader import texts_of
from bot.flows.model import Plural, Text
from bot.speech.utterances import pieces

FOR_READERS = re.compile(r"\b(repl(y|ies)|write|writing|type|text(?! message)|tap|below|above|link)\b|_?link\}", re.I)
STILL_TRUE = re.compile(r"\bwrite(,)? or call\b|\b(write|writing) to you\b|write about\b|in writing", re.I)
"""What the school will do, not the caller: by whichever way this family is reached."""
NOT_HEARD = (
    *("kit_", "poster_", "handout_", "service_", "cost_"),  # on paper, on a page, or in the middle of a line
    *("cannot_read_image", "cannot_read_document", "cannot_read_contact"),  # nobody can say these things in a call
    *("cannot_read_location", "cannot_read_unknown"),
    *("announced_check", "check_how", "genuine", "not_genuine", "gathering_"),  # their codes are texted, and so is this
)
"""Texts of texts.yaml, by the beginnings of their names, that no caller comes to."""
PLACE = re.compile(r"\{\w+\}")
Pattern = tuple[re.Pattern[str], str]


def said(library: Library, language: str, reply: str) -> str:
    """The reply as a caller hears it.  Where a spoken wording is not translated yet, the written one is read.

    The day on which a fact was checked stands on a line of its own: a recording of the fact outlives the next check.
    """
    for pattern, spoken in _patterns(library, language):
        reply = pattern.sub(lambda found, spoken=spoken: _filled(found, spoken), reply)  # type: ignore[misc]
    return re.sub(rf"^(.+) ({_checked(library, language)})$", r"\1\n\2", reply, flags=re.MULTILINE)


def is_english(library: Library, language: str, piece: str) -> bool:
    """Whether a piece of a reply in this language is one of the texts that have no translation into it."""
    return any(pattern.fullmatch(piece) for pattern in _untranslated(library, language))


@lru_cache(maxsize=64)
def _untranslated(library: Library, language: str) -> tuple[re.Pattern[str], ...]:
    if language == SOURCE_LANGUAGE:
        return ()
    missing = {text for _, text in _heard(library) if library.catalogs.find_text(language, text).is_missing}
    cut = {piece.text for text in missing for piece in pieces(text)}
    return tuple(_any_values(one) for one in cut if re.search(r"[^\W\d_]", PLACE.sub("", one)))


def _any_values(wording: str) -> re.Pattern[str]:
    return re.compile(".*?".join(map(re.escape, PLACE.split(wording))))


def is_day(library: Library, language: str, text: str) -> bool:
    """Whether a piece is nothing but the day on which a fact was checked."""
    return re.fullmatch(_checked(library, language), text) is not None


@lru_cache(maxsize=64)
def _checked(library: Library, language: str) -> str:
    before, _, after = library.catalogs.translate(language, library.texts["checked_on"]).partition("{date}")
    return f"{re.escape(before)}[^()（）]+?{re.escape(after)}"


def english_said(library: Library, language: str, written: str) -> str:
    """The English text under which a caller's wording stands in the catalogs."""
    spoken = library.spoken_texts.get(written, written)
    missing = language != SOURCE_LANGUAGE and library.catalogs.find_text(language, spoken).is_missing
    return written if missing else spoken


def for_readers(library: Library) -> Iterator[tuple[str, str]]:
    """(where, text) of what callers hear in English, although it tells them to write, to reply or to look."""
    for where, text in _heard(library):
        spoken = library.spoken_texts.get(text, text)
        if FOR_READERS.search(STILL_TRUE.sub("", spoken)):
            yield where, spoken


def warnings(library: Library) -> Iterator[str]:
    """For `bot check`: a line for each of them."""
    for where, text in for_readers(library):
        yield f"flows/spoken.yaml:1:1: {where}: callers hear '{text}': say here what they hear instead"


def _heard(library: Library) -> Iterator[tuple[str, str]]:
    for flow in library.flows.flows.values():
        if flow.for_ == "family":
            for path, text in texts_of(flow):
                yield from ((f"{flow.flow}.{'.'.join(map(str, path))}", one) for one in _forms(text))
    yield from ((name, text) for name, text in library.texts.items() if not name.startswith(NOT_HEARD))
    yield from ((name, fact.text) for name, fact in library.facts.items())


def _forms(text: Text) -> Iterable[str]:
    return (text.one, text.other) if isinstance(text, Plural) else (text,)


@lru_cache(maxsize=64)
def _patterns(library: Library, language: str) -> tuple[Pattern, ...]:
    """The longest first: one text may stand in another."""
    read = library.catalogs.translate
    found = []
    for written in sorted(library.spoken_texts, key=lambda one: -len(read(language, one))):
        spoken = english_said(library, language, written)
        missing = language != SOURCE_LANGUAGE and library.catalogs.find_text(language, written).is_missing
        if spoken != written and not missing:
            found.append((_pattern(read(language, written)), read(language, spoken)))
    return tuple(found)


def _pattern(wording: str) -> re.Pattern[str]:
    """The wording as a line of a reply, with whatever its values are; a choice has its number before it."""
    parts, seen = [], set()
    for number, part in enumerate(re.split(r"\{(\w+)\}", wording)):
        if number % 2 == 0:
            parts.append(re.escape(part))
        else:
            parts.append(f"(?P={part})" if part in seen else f"(?P<{part}>.+?)")
            seen.add(part)
    return re.compile(rf"^(?P<_key>\d{{1,2}}\. )?{''.join(parts)}$", re.MULTILINE)


def _filled(found: re.Match[str], spoken: str) -> str:
    values = found.groupdict()
    return f"{values.pop('_key') or ''}{spoken.format_map(values)}"
