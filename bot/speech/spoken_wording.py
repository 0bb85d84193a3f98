"""Replace written texts of a reply by their spoken wording (flows/spoken.yaml).

The replacement happens only in a call. Puente composes and stores the written reply, because it can still send that
reply to the caller's phone as a text.
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
"""Texts about what the school does, not the caller: the school contacts this family on any channel."""
UNSPOKEN_TEXT_PREFIXES = (
    *("kit_", "poster_", "handout_", "service_", "cost_"),  # on paper, on a page, or in the middle of a line
    *("cannot_read_image", "cannot_read_document", "cannot_read_contact"),  # a caller can't send these
    *("cannot_read_location", "cannot_read_unknown"),
    *("announced_check", "check_how", "genuine", "not_genuine", "gathering_"),  # only texts contain their codes
)
"""The prefixes of texts in texts.yaml that no caller hears."""
PLACEHOLDER_PATTERN = re.compile(r"\{\w+\}")
SpokenReplacement = tuple[re.Pattern[str], str]


def render_spoken_reply(library: Library, language: str, reply: str) -> str:
    """Return the reply as a caller hears it.

    Without a translated spoken wording, the call reads the written one.

    The date of a fact's check goes on its own line, so that a recording of the fact stays valid after the next check.
    """
    for pattern, spoken in _build_replacements(library, language):
        reply = pattern.sub(lambda match, spoken=spoken: _fill_values(match, spoken), reply)  # type: ignore[misc]
    return re.sub(rf"^(.+) ({_build_check_date_pattern(library, language)})$", r"\1\n\2", reply, flags=re.MULTILINE)


def is_english(library: Library, language: str, utterance: str) -> bool:
    """Return whether a part of a reply in this language is a text without a translation."""
    return any(pattern.fullmatch(utterance) for pattern in _list_untranslated_patterns(library, language))


@lru_cache(maxsize=64)
def _list_untranslated_patterns(library: Library, language: str) -> tuple[re.Pattern[str], ...]:
    if language == SOURCE_LANGUAGE:
        return ()
    texts = {text for _, text in _list_heard_texts(library)}
    untranslated_texts = [text for text in texts if library.catalogs.find_text(language, text).is_missing]
    wordings = {utterance.text for text in untranslated_texts for utterance in split_utterances(text)}
    parts_by_wording = [PLACEHOLDER_PATTERN.split(wording) for wording in wordings]
    return tuple(
        re.compile(".*?".join(map(re.escape, parts)))
        for parts in parts_by_wording
        if re.search(r"[^\W\d_]", "".join(parts))
    )


def is_check_date(library: Library, language: str, text: str) -> bool:
    """Return whether a text is only the date of a fact's check."""
    return re.fullmatch(_build_check_date_pattern(library, language), text) is not None


def _build_check_date_pattern(library: Library, language: str) -> str:
    prefix, _, suffix = library.catalogs.translate(language, library.texts["checked_on"]).partition("{date}")
    return f"{re.escape(prefix)}[^()（）]+?{re.escape(suffix)}"


def find_spoken_english(library: Library, language: str, written: str) -> str:
    """Return the English text that is the catalog key of a caller's wording."""
    spoken = library.spoken_texts.get(written, written)
    is_missing = language != SOURCE_LANGUAGE and library.catalogs.find_text(language, spoken).is_missing
    return written if is_missing else spoken


def find_written_only_texts(library: Library) -> Iterator[tuple[str, str]]:
    """Yield (location, text) for texts that callers hear and that ask them to write, to reply, or to look."""
    for location, text in _list_heard_texts(library):
        spoken = library.spoken_texts.get(text, text)
        if WRITTEN_ONLY_PATTERN.search(ALLOWED_WRITTEN_PATTERN.sub("", spoken)):
            yield location, spoken


def list_warnings(library: Library) -> Iterator[str]:
    """Yield a line for `bot check` for each of these texts."""
    for location, text in find_written_only_texts(library):
        yield f"flows/spoken.yaml:1:1: {location}: callers hear '{text}': add a spoken wording here"


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
    """Build the replacements, the longest first, because one text can contain another."""
    translate = library.catalogs.translate
    replacements = []
    longest_first = sorted(library.spoken_texts, key=lambda text: -len(translate(language, text)))
    for written in longest_first:
        spoken = find_spoken_english(library, language, written)
        is_missing = language != SOURCE_LANGUAGE and library.catalogs.find_text(language, written).is_missing
        if spoken != written and not is_missing:
            replacements.append((_build_line_pattern(translate(language, written)), translate(language, spoken)))
    return tuple(replacements)


def _build_line_pattern(wording: str) -> re.Pattern[str]:
    """Build the pattern of a line of a reply with any values. A choice has its number in front."""
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
