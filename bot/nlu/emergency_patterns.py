"""Parse emergency patterns, and search a message for hundreds of them at once.

A liaison writes a pattern in `flows/signals/<lang>.yaml`, whose header explains the grammar. The matcher searches for
the patterns of all languages together. One Aho-Corasick automaton finds all alternatives in one pass over the message.
Only alternatives at the start of a word count. A pattern matches if each of its groups has a match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ahocorasick_rs import AhoCorasick

from bot.base.text_normalization import HAN_RANGES, normalize_text

_WORD_PATTERN = re.compile(rf"[{HAN_RANGES}]|[^\s{HAN_RANGES}]+")
_LIST_REFERENCE_PATTERN = re.compile(r"<(\w+)>")
_ARABIC_PREFIX_LETTERS: Final = "وفبلكعه"
"""One-letter words that Arabic writes together with the next word: and, so, with, to, as, at, this."""


@dataclass(frozen=True, slots=True)
class EmergencyPattern:
    """Hold one line of a signal file: what a message must contain, and what it must not contain."""

    intent: str
    lang: str
    groups: tuple[tuple[str, ...], ...]
    vetoes: tuple[str, ...]
    is_unconditional: bool = False
    """The pattern counts even if the message holds one of the `not if` texts of its topic."""


def parse_alternatives(text: str, lists: Mapping[str, str], is_whole_word: bool = False) -> tuple[str, ...]:
    """Return the needles of `a|=b|<list>`. A whole word ends in a space, other needles match the start of a word."""
    needles: list[str] = []
    for alternative in text.split("|"):
        list_reference = _LIST_REFERENCE_PATTERN.fullmatch(alternative.strip())
        if list_reference:
            if list_reference[1] not in lists:
                raise ValueError(f"there is no list <{list_reference[1]}>")
            other_lists = {name: line for name, line in lists.items() if name != list_reference[1]}
            needles += parse_alternatives(lists[list_reference[1]], other_lists, is_whole_word)
        else:
            needles.append(build_needle(alternative, is_whole_word))
    return tuple(needles)


def build_needle(alternative: str, is_whole_word: bool = False) -> str:
    """Return the needle of one alternative. `=ice` is a whole word, `hij*` and "knock" match the start of a word.

    Short Latin words are whole words without a star: "man" would match "many" and "mañana". With `is_whole_word`, all
    are whole words, for languages in which the start of a word is another word.
    """
    plain = normalize_text(alternative)
    if not plain:
        raise ValueError(f"an alternative is empty: {alternative!r}")
    if alternative.strip().startswith("="):
        return plain + " "
    is_short = plain.isascii() and len(plain) <= 3
    has_word_end = (is_whole_word or is_short) and not alternative.strip().endswith("*")
    return plain + " " if has_word_end else plain


def parse_patterns(
    intent: str, lang: str, lines: Sequence[str], lists: Mapping[str, str], is_whole_word: bool = False
) -> tuple[list[EmergencyPattern], tuple[str, ...]]:
    """Parse the patterns and the `not if` needles of one intent. Raises ValueError that names the invalid part."""
    excluded_needles: list[str] = []
    patterns: list[EmergencyPattern] = []
    try:
        for line in lines:
            if line.startswith("not if "):
                excluded_needles += parse_alternatives(line.removeprefix("not if "), lists, is_whole_word)
            else:
                patterns.append(_parse_pattern(intent, lang, line, lists, is_whole_word))
    except ValueError as error:
        raise ValueError(f"{lang}: {intent}: {error}") from None
    return patterns, tuple(excluded_needles)


def _parse_pattern(
    intent: str, lang: str, line: str, lists: Mapping[str, str], is_whole_word: bool
) -> EmergencyPattern:
    required_text, _, veto_text = line.removeprefix("always ").partition(" - ")
    groups = tuple(parse_alternatives(group, lists, is_whole_word) for group in required_text.split(" + "))
    vetoes = parse_alternatives(veto_text, lists, is_whole_word) if veto_text else ()
    return EmergencyPattern(intent, lang, groups, vetoes, line.startswith("always "))


def _find_starts(text: str) -> Iterator[int]:
    """Yield the places where an alternative can begin: words, Chinese characters, and after Arabic prefixes."""
    for word in _WORD_PATTERN.finditer(text):
        position = word.start()
        yield position
        if "\u0621" <= text[position] <= "\u06d3":
            if text[position] in _ARABIC_PREFIX_LETTERS:
                position += 1
                yield position
            if text.startswith(("ال", "لل"), position):
                yield position + 2


@dataclass(slots=True)
class _Needle:
    """Hold one text of the search, and what follows if a message contains it."""

    text: str
    pattern_bits: list[tuple[int, int]] = field(default_factory=list)
    """(number of a pattern, bit of its group)"""
    vetoed_patterns: list[int] = field(default_factory=list)
    excluded_intents: list[str] = field(default_factory=list)
    is_ignored: bool = False


class _NeedleTable(dict[str, _Needle]):
    """Map texts to needles. A lookup adds a missing needle."""

    def __missing__(self, text: str) -> _Needle:
        self[text] = needle = _Needle(text)
        return needle


class EmergencyMatcher:
    """All patterns of all languages, compiled once at start. Threads can share it.

    Args:
        patterns: What to search for.
        exclusions: (intent, needle). A message with this needle doesn't match that intent, except by `always` lines.
            This holds in every language, because languages share words. "Es cierto que viene la migra" must not become
            an emergency through another file that has "migra" too.
        ignored_needles: The search reads messages as if these were not there ("ice cream").
    """

    def __init__(
        self,
        patterns: Sequence[EmergencyPattern],
        exclusions: Iterable[tuple[str, str]] = (),
        ignored_needles: Iterable[str] = (),
    ) -> None:
        self.patterns = tuple(patterns)
        self._complete_bits = [(1 << len(pattern.groups)) - 1 for pattern in patterns]
        needles = _NeedleTable()
        for number, pattern in enumerate(patterns):
            for bit, group in enumerate(pattern.groups):
                for text in group:
                    needles[text].pattern_bits.append((number, 1 << bit))
            for text in pattern.vetoes:
                needles[text].vetoed_patterns.append(number)
        for intent, text in exclusions:
            needles[text].excluded_intents.append(intent)
        for text in ignored_needles:
            needles[text].is_ignored = True
        self._needles = list(needles.values())
        self._automaton = AhoCorasick(needles, store_patterns=False)

    def match_patterns(self, normalized_text: str) -> list[EmergencyPattern]:
        """Return the patterns that match a normalized message and have no veto in it."""
        bits: dict[int, int] = {}
        vetoed_patterns: set[int] = set()
        excluded_intents: set[str] = set()
        for needle in self._list_seen_needles(normalized_text):
            vetoed_patterns.update(needle.vetoed_patterns)
            excluded_intents.update(needle.excluded_intents)
            for number, bit in needle.pattern_bits:
                bits[number] = bits.get(number, 0) | bit
        return [
            self.patterns[number]
            for number, seen_bits in bits.items()
            if seen_bits == self._complete_bits[number]
            and number not in vetoed_patterns
            and (self.patterns[number].is_unconditional or self.patterns[number].intent not in excluded_intents)
        ]

    def _list_seen_needles(self, normalized_text: str) -> list[_Needle]:
        text = normalized_text + " "
        hits = self._find_needles(text)
        ignored_hits = [hit for hit in hits if hit[1].is_ignored]
        if ignored_hits:
            hits = [hit for hit in self._find_needles(_blank_out(text, ignored_hits)) if not hit[1].is_ignored]
        return [needle for _, needle in hits]

    def _find_needles(self, text: str) -> list[tuple[int, _Needle]]:
        """Return each needle at the start of a word, with its place. Needles can overlap."""
        matches = self._automaton.find_matches_as_indexes(text, overlapping=True)
        starts = set(_find_starts(text)) if matches else ()
        return [(start, self._needles[index]) for index, start, _ in matches if start in starts]


def _blank_out(text: str, hits: list[tuple[int, _Needle]]) -> str:
    """Return the text without these needles. A needle at a word's start also removes the rest of its word."""
    for start, needle in sorted(hits, key=lambda hit: hit[0]):
        is_chinese = re.match(rf"[{HAN_RANGES}]", needle.text)
        end = start + len(needle.text)
        if not is_chinese:
            end = text.find(" ", start + len(needle.text.rstrip()))
        text = text[:start] + "_" * (end - start) + text[end:]  # underscores keep the neighbors apart
    return text
