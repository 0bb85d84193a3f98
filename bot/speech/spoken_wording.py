"""A reply as it is said: the written texts that have a spoken wording (flows/spoken.yaml) are replaced by it.

At the ear and nowhere earlier: what is composed and kept is the written reply, which the caller may still have sent
to the phone as a text.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.library import Library
from bot.flows.loader import list_flow_texts
from bot.flows.model import Plural, Text
from bot.speech.utterances import split_utterances

WRITTEN_ONLY_PATTERN = re.compile(
    r"\b(repl(y|ies)|write|writing|type|text(?! message)|tap|below|above|link)\b|_?link\}", re.I
)
ALLOWED_WRITTEN_PATTERN = re.compile(r"\bwrite(,)? or call\b|\b(write|writing) to you\b|write about\b|in writing", re.I)
"""What the school will do, not the caller: by whichever way this family is reached."""
UNSPOKEN_TEXT_PREFIXES = (
    *("kit_", "poster_", "handout_", "service_", "cost_"),  # on paper, on a page, or in the middle of a line
    *("cannot_read_image", "cannot_read_document", "cannot_read_contact"),  # nobody can say these things in a call
    *("cannot_read_location", "cannot_read_unknown"),
    *("announced_check", "check_how", "genuine", "not_genuine", "gathering_"),  # their codes are texted, and so is this
)
"""Texts of texts.yaml, by the beginnings of their names, that no caller comes to."""
PLACEHOLDER_PATTERN = re.compile(r"\{\w+\}")
SpokenReplacement = tuple[re.Pattern[str], str]


def render_spoken_reply(library: Library, language: str, reply: str) -> str:
    """The reply as a caller hears it.  Where a spoken wording is not translated yet, the written one is read.

    The day on which a fact was checked stands on a line of its own: a recording of the fact outlives the next check.
    """
    for pattern, spoken in _build_replacements(library, language):
        reply = pattern.sub(lambda match, spoken=spoken: _fill_values(match, spoken), reply)  # type: ignore[misc]
    return re.sub(rf"^(.+) ({_build_check_date_pattern(library, language)})$", r"\1\n\2", reply, flags=re.MULTILINE)


def is_english(library: Library, language: str, utterance: str) -> bool:
    """Whether a piece of a reply in this language is one of the texts that have no translation into it."""
    return any(pattern.fullmatch(utterance) for pattern in _list_untranslated_patterns(library, language))


@lru_cache(maxsize=64)
def _list_untranslated_patterns(library: Library, language: str) -> tuple[re.Pattern[str], ...]:
    if language == SOURCE_LANGUAGE:
        return ()
    untranslated_texts = {
        text for _, text in _list_heard_texts(library) if library.catalogs.find_text(language, text).is_missing
    }
    utterance_texts = {utterance.text for text in untranslated_texts for utterance in split_utterances(text)}
    return tuple(
        _build_any_values_pattern(wording)
        for wording in utterance_texts
        if re.search(r"[^\W\d_]", PLACEHOLDER_PATTERN.sub("", wording))
    )


def _build_any_values_pattern(wording: str) -> re.Pattern[str]:
    return re.compile(".*?".join(map(re.escape, PLACEHOLDER_PATTERN.split(wording))))


def is_check_date(library: Library, language: str, text: str) -> bool:
    """Whether a piece is nothing but the day on which a fact was checked."""
    return re.fullmatch(_build_check_date_pattern(library, language), text) is not None


def _build_check_date_pattern(library: Library, language: str) -> str:
    prefix, _, suffix = library.catalogs.translate(language, library.texts["checked_on"]).partition("{date}")
    return f"{re.escape(prefix)}[^()（）]+?{re.escape(suffix)}"


def find_spoken_english(library: Library, language: str, written: str) -> str:
    """The English text under which a caller's wording stands in the catalogs."""
    spoken = library.spoken_texts.get(written, written)
    is_missing = language != SOURCE_LANGUAGE and library.catalogs.find_text(language, spoken).is_missing
    return written if is_missing else spoken


def find_written_only_texts(library: Library) -> Iterator[tuple[str, str]]:
    """(where, text) of what callers hear in English, although it tells them to write, to reply or to look."""
    for location, text in _list_heard_texts(library):
        spoken = library.spoken_texts.get(text, text)
        if WRITTEN_ONLY_PATTERN.search(ALLOWED_WRITTEN_PATTERN.sub("", spoken)):
            yield location, spoken


def list_warnings(library: Library) -> Iterator[str]:
    """For `bot check`: a line for each of them."""
    for location, text in find_written_only_texts(library):
        yield f"flows/spoken.yaml:1:1: {location}: callers hear '{text}': say here what they hear instead"


def _list_heard_texts(library: Library) -> Iterator[tuple[str, str]]:
    for flow in library.flows.flows.values():
        if flow.for_ == "family":
            for path, text in list_flow_texts(flow):
                yield from ((f"{flow.flow}.{'.'.join(map(str, path))}", form) for form in _list_forms(text))
    yield from ((name, text) for name, text in library.texts.items() if not name.startswith(UNSPOKEN_TEXT_PREFIXES))
    yield from ((name, fact.text) for name, fact in library.facts.items())


def _list_forms(text: Text) -> Iterable[str]:
    return (text.one, text.other) if isinstance(text, Plural) else (text,)


@lru_cache(maxsize=64)
def _build_replacements(library: Library, language: str) -> tuple[SpokenReplacement, ...]:
    """The longest first: one text may stand in another."""
    translate = library.catalogs.translate
    replacements = []
    for written in sorted(library.spoken_texts, key=lambda text: -len(translate(language, text))):
        spoken = find_spoken_english(library, language, written)
        is_missing = language != SOURCE_LANGUAGE and library.catalogs.find_text(language, written).is_missing
        if spoken != written and not is_missing:
            replacements.append((_build_line_pattern(translate(language, written)), translate(language, spoken)))
    return tuple(replacements)


def _build_line_pattern(wording: str) -> re.Pattern[str]:
    """The wording as a line of a reply, with whatever its values are; a choice has its number before it."""
    parts, seen_names = [], set()
    for number, part in enumerate(re.split(r"\{(\w+)\}", wording)):
        if number % 2 == 0:
            parts.append(re.escape(part))
        else:
            parts.append(f"(?P={part})" if part in seen_names else f"(?P<{part}>.+?)")
            seen_names.add(part)
    return re.compile(rf"^(?P<_key>\d{{1,2}}\. )?{''.join(parts)}$", re.MULTILINE)


def _fill_values(match: re.Match[str], spoken: str) -> str:
    values = match.groupdict()
    return f"{values.pop('_key') or ''}{spoken.format_map(values)}"
