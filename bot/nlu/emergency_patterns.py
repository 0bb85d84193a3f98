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

from bot.base.text_normalization import HAN, normalise

_WORD = re.compile(rf"[{HAN}]|[^\s{HAN}]+")
_LIST = re.compile(r"<(\w+)>")
_ARABIC_PREFIX: Final = "وفبلكعه"
"""One-letter words that Arabic writes together with the next: and, so, with, to, as, at, this."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of a phrase file: who it speaks of, and what must and must not be in the message."""

    intent: str
    lang: str
    groups: tuple[tuple[str, ...], ...]
    vetoes: tuple[str, ...]
    always: bool = False
    """Counts even if the message holds one of the `not if` words of its topic."""


def alternatives(text: str, lists: Mapping[str, str], whole: bool = False) -> tuple[str, ...]:
    """The needles of `a|=b|<list>`: a whole word ends in a space, anything else matches at a word's start."""
    found: list[str] = []
    for part in text.split("|"):
        named = _LIST.fullmatch(part.strip())
        if named:
            if named[1] not in lists:
                raise ValueError(f"there is no list <{named[1]}>")
            others = {name: line for name, line in lists.items() if name != named[1]}
            found += alternatives(lists[named[1]], others, whole)
        else:
            found.append(needle(part, whole))
    return tuple(found)


def needle(part: str, whole: bool = False) -> str:
    """One alternative as it is searched: `=ice` whole, `hij*` and "knock" as the start of a word.

    Short Latin words are whole words unless starred: "man" would be found in "many" and in "mañana".
    With `whole` all are: for languages without endings, where the start of a word is another word.
    """
    plain = normalise(part)
    if not plain:
        raise ValueError(f"an alternative is empty: {part!r}")
    short = plain.isascii() and len(plain) <= 3
    alone = part.strip().startswith("=") or ((whole or short) and not part.strip().endswith("*"))
    return plain + " " if alone else plain


def parse(
    intent: str, lang: str, lines: Sequence[str], lists: Mapping[str, str], whole: bool = False
) -> tuple[list[Pattern], tuple[str, ...]]:
    """The patterns of one intent of one file, its `not if` needles; ValueError names what cannot be read."""
    never: list[str] = []
    patterns: list[Pattern] = []
    try:
        for line in lines:
            if line.startswith("not if "):
                never += alternatives(line.removeprefix("not if "), lists, whole)
            else:
                patterns.append(_pattern(intent, lang, line, lists, whole))
    except ValueError as error:
        raise ValueError(f"{lang}: {intent}: {error}") from None
    return patterns, tuple(never)


def _pattern(intent: str, lang: str, line: str, lists: Mapping[str, str], whole: bool) -> Pattern:
    wanted, _, unwanted = line.removeprefix("always ").partition(" - ")
    groups = tuple(alternatives(group, lists, whole) for group in wanted.split(" + "))
    vetoes = alternatives(unwanted, lists, whole) if unwanted else ()
    return Pattern(intent, lang, groups, vetoes, line.startswith("always "))


def _starts(text: str) -> Iterator[int]:
    """Where an alternative may begin: a word, a Chinese character, behind Arabic's joined little words."""
    for word in _WORD.finditer(text):
        at = word.start()
        yield at
        if "\u0621" <= text[at] <= "\u06d3":
            if text[at] in _ARABIC_PREFIX:
                at += 1
                yield at
            if text.startswith(("ال", "لل"), at):
                yield at + 2


@dataclass(slots=True)
class Matcher:
    """All patterns, ready for searching.  Made once at start: `add`, `never`, `ignore`, then only `match`."""

    patterns: list[Pattern] = field(default_factory=list)
    _full: list[int] = field(default_factory=list)
    _by_start: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _wanted: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    _vetoes: dict[str, list[int]] = field(default_factory=dict)
    _never: dict[str, set[str]] = field(default_factory=dict)
    _ignored: set[str] = field(default_factory=set)

    def add(self, pattern: Pattern) -> None:
        """Search for this pattern too."""
        number = len(self.patterns)
        self.patterns.append(pattern)
        self._full.append((1 << len(pattern.groups)) - 1)
        for bit, group in enumerate(pattern.groups):
            for part in group:
                self._index(part)
                self._wanted[part].append((number, 1 << bit))
        for part in pattern.vetoes:
            self._index(part)
            self._vetoes[part].append(number)

    def never(self, intent: str, part: str) -> None:
        """Take no message with this needle for `intent`, in whatever language, `always` lines excepted.

        In every language, because the languages share words: "es cierto que viene la migra" must not become
        an emergency through another file that has "migra" too.
        """
        self._index(part)
        self._never.setdefault(part, set()).add(intent)

    def ignore(self, part: str) -> None:
        """Read messages as if this needle was not in them ("ice cream")."""
        self._index(part)
        self._ignored.add(part)

    def _index(self, part: str) -> None:
        if part not in self._wanted:
            self._by_start[part[:2]].append(part)
            self._wanted[part] = []
            self._vetoes[part] = []

    def _hits(self, text: str) -> Iterator[tuple[int, str]]:
        for at in _starts(text):
            for key in (text[at : at + 2], text[at]):
                for part in self._by_start.get(key, ()):
                    if text.startswith(part, at):
                        yield at, part

    def _seen(self, normal: str) -> set[str]:
        text = normal + " "
        hits = list(self._hits(text))
        blanks = [(at, part) for at, part in hits if part in self._ignored]
        if not blanks:
            return {part for _, part in hits}
        for at, part in blanks:
            # A prefix takes the rest of its word along; the signs that stay keep the neighbours apart.
            end = text.find(" ", at + len(part.rstrip()))
            end = at + len(part) if re.match(rf"[{HAN}]", part) else end
            text = text[:at] + "_" * (end - at) + text[end:]
        return {part for _, part in self._hits(text)} - self._ignored

    def match(self, normal: str) -> list[Pattern]:
        """The patterns that a normalised message matches and none of whose vetoes it holds."""
        bits: dict[int, int] = {}
        vetoed: set[int] = set()
        never: set[str] = set()
        for part in self._seen(normal):
            vetoed.update(self._vetoes[part])
            never.update(self._never.get(part, ()))
            for number, bit in self._wanted[part]:
                bits[number] = bits.get(number, 0) | bit
        full = (number for number, seen in bits.items() if seen == self._full[number] and number not in vetoed)
        matched = (self.patterns[number] for number in full)
        return [pattern for pattern in matched if pattern.always or pattern.intent not in never]
