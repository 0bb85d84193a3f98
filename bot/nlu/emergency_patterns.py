"""The small grammar of emergency patterns, and the search for hundreds of them at once.

A pattern is written by a liaison in `flows/phrases/<lang>.yaml`; the header there explains it.  All
patterns of all languages are searched together: the message is walked once, at each word start the
alternatives that begin with the same two letters are tried, and a pattern has matched when one alternative
of each of its groups was seen.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.base.text_normalization import HAN_RANGES, normalize_text

_WORD_PATTERN = re.compile(rf"[{HAN_RANGES}]|[^\s{HAN_RANGES}]+")
_LIST_REFERENCE_PATTERN = re.compile(r"<(\w+)>")
_ARABIC_PREFIX_LETTERS: Final = "وفبلكعه"
"""One-letter words that Arabic writes together with the next: and, so, with, to, as, at, this."""


@dataclass(frozen=True, slots=True)
class EmergencyPattern:
    """One line of a phrase file: who it speaks of, and what must and must not be in the message."""

    intent: str
    lang: str
    groups: tuple[tuple[str, ...], ...]
    vetoes: tuple[str, ...]
    is_unconditional: bool = False
    """Counts even if the message holds one of the `not if` words of its topic."""


def parse_alternatives(text: str, lists: Mapping[str, str], is_whole_word: bool = False) -> tuple[str, ...]:
    """The needles of `a|=b|<list>`: a whole word ends in a space, anything else matches at a word's start."""
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
    """One alternative as it is searched: `=ice` whole, `hij*` and "knock" as the start of a word.

    Short Latin words are whole words unless starred: "man" would be found in "many" and in "mañana".
    With `whole` all are: for languages without endings, where the start of a word is another word.
    """
    plain = normalize_text(alternative)
    if not plain:
        raise ValueError(f"an alternative is empty: {alternative!r}")
    is_short = plain.isascii() and len(plain) <= 3
    has_word_end = alternative.strip().startswith("=") or (
        (is_whole_word or is_short) and not alternative.strip().endswith("*")
    )
    return plain + " " if has_word_end else plain


def parse_patterns(
    intent: str, lang: str, lines: Sequence[str], lists: Mapping[str, str], is_whole_word: bool = False
) -> tuple[list[EmergencyPattern], tuple[str, ...]]:
    """The patterns of one intent of one file, its `not if` needles; ValueError names what cannot be read."""
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
    """Where an alternative may begin: a word, a Chinese character, behind Arabic's joined little words."""
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
class EmergencyMatcher:
    """All patterns, ready for searching.  Made once at start: `add`, `never`, `ignore`, then only `match`."""

    patterns: list[EmergencyPattern] = field(default_factory=list)
    _complete_bits: list[int] = field(default_factory=list)
    _needles_by_start: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _pattern_bits: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    _vetoed_patterns: dict[str, list[int]] = field(default_factory=dict)
    _excluded_intents: dict[str, set[str]] = field(default_factory=dict)
    _ignored_needles: set[str] = field(default_factory=set)

    def add_pattern(self, pattern: EmergencyPattern) -> None:
        """Search for this pattern too."""
        number = len(self.patterns)
        self.patterns.append(pattern)
        self._complete_bits.append((1 << len(pattern.groups)) - 1)
        for bit, group in enumerate(pattern.groups):
            for needle in group:
                self._index_needle(needle)
                self._pattern_bits[needle].append((number, 1 << bit))
        for needle in pattern.vetoes:
            self._index_needle(needle)
            self._vetoed_patterns[needle].append(number)

    def exclude_needle(self, intent: str, needle: str) -> None:
        """Take no message with this needle for `intent`, in whatever language, `always` lines excepted.

        In every language, because the languages share words: "es cierto que viene la migra" must not become
        an emergency through another file that has "migra" too.
        """
        self._index_needle(needle)
        self._excluded_intents.setdefault(needle, set()).add(intent)

    def ignore_needle(self, needle: str) -> None:
        """Read messages as if this needle was not in them ("ice cream")."""
        self._index_needle(needle)
        self._ignored_needles.add(needle)

    def _index_needle(self, needle: str) -> None:
        if needle not in self._pattern_bits:
            self._needles_by_start[needle[:2]].append(needle)
            self._pattern_bits[needle] = []
            self._vetoed_patterns[needle] = []

    def _find_needles(self, text: str) -> Iterator[tuple[int, str]]:
        for start in _find_starts(text):
            for first_letters in (text[start : start + 2], text[start]):
                for needle in self._needles_by_start.get(first_letters, ()):
                    if text.startswith(needle, start):
                        yield start, needle

    def _list_seen_needles(self, normalized_text: str) -> set[str]:
        text = normalized_text + " "
        hits = list(self._find_needles(text))
        ignored_hits = [(start, needle) for start, needle in hits if needle in self._ignored_needles]
        if not ignored_hits:
            return {needle for _, needle in hits}
        for start, needle in ignored_hits:
            # A prefix takes the rest of its word along; the signs that stay keep the neighbours apart.
            end = text.find(" ", start + len(needle.rstrip()))
            end = start + len(needle) if re.match(rf"[{HAN_RANGES}]", needle) else end
            text = text[:start] + "_" * (end - start) + text[end:]
        return {needle for _, needle in self._find_needles(text)} - self._ignored_needles

    def match_patterns(self, normalized_text: str) -> list[EmergencyPattern]:
        """The patterns that a normalised message matches and none of whose vetoes it holds."""
        bits: dict[int, int] = {}
        vetoed_patterns: set[int] = set()
        excluded_intents: set[str] = set()
        for needle in self._list_seen_needles(normalized_text):
            vetoed_patterns.update(self._vetoed_patterns[needle])
            excluded_intents.update(self._excluded_intents.get(needle, ()))
            for number, bit in self._pattern_bits[needle]:
                bits[number] = bits.get(number, 0) | bit
        complete_numbers = (
            number
            for number, seen_bits in bits.items()
            if seen_bits == self._complete_bits[number] and number not in vetoed_patterns
        )
        matched_patterns = (self.patterns[number] for number in complete_numbers)
        return [
            pattern
            for pattern in matched_patterns
            if pattern.is_unconditional or pattern.intent not in excluded_intents
        ]
