"""Words of every language that mean the same thing, so that all languages teach one model.

`flows/concepts/<lang>.yaml` maps each concept (AGENT, TAKEN, DOOR, NOW …) to words, stems (`word*`) and
expressions of one language.  A message becomes the list of concepts that it speaks of, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from bot.base.text_normalization import HAN_OR_HANGUL, normalise

_LONGEST: Final = 4
"""An expression has at most so many words."""
_SHORTEST_STEM: Final = 2
_JOINED: Final[Mapping[str, tuple[str, ...]]] = {
    "ar": ("وال", "بال", "فال", "كال", "لل", "ال", "و", "ف", "ب", "ل", "ك", "ه", "ح", "ع", "ش"),
    "fa": ("می", "نمی", "ن", "ب"),
    "ps": ("و", "نه"),
    "am": ("እንደ", "ስለ", "እየ", "እስከ", "የ", "በ", "ለ", "ከ", "እ", "አል", "ይ", "ት", "ል", "ያ", "ስ"),
}
"""Little words that are written together with the next one."""

Found = tuple[str, str]
"""A concept and the piece of the message that told it."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One language's words for the concepts; made by `build`, never changed but for the memory of words seen."""

    lang: str
    words: Mapping[str, tuple[str, ...]]
    stems: Mapping[str, tuple[str, ...]]
    expressions: Mapping[str, tuple[str, ...]]
    pieces: Mapping[str, tuple[str, ...]]
    """For Chinese and Korean: found anywhere, since words are not set apart (or carry endings and prefixes)."""
    longest_piece: int
    heads: frozenset[str]
    _seen: dict[str, tuple[str, ...]]

    @classmethod
    def build(cls, lang: str, entries: Mapping[str, Iterable[str]]) -> Lexicon:
        """Sort the entries of a file into what is looked up how; an entry without letters is refused."""
        tables: tuple[dict[str, list[str]], ...] = ({}, {}, {}, {})
        for concept, lines in entries.items():
            for line in lines:
                kind, plain = _kind(lang, line)
                held = tables[kind].setdefault(plain, [])
                if concept not in held:
                    held.append(concept)
        words, stems, expressions, pieces = ({key: tuple(v) for key, v in table.items()} for table in tables)
        longest = max(map(len, pieces), default=0)
        heads = frozenset(expression.split(" ", 1)[0] for expression in expressions)
        return cls(lang, words, stems, expressions, pieces, longest, heads, {})

    def find(self, tokens: list[str]) -> list[Found]:
        """The concepts of a normalised message's words, in order."""
        found: list[Found] = []
        if self.pieces:
            found += self._pieces("".join(tokens))
        at = 0
        while at < len(tokens):
            length, concepts = self._expression(tokens, at) if tokens[at] in self.heads else (0, ())
            if not length:
                length, concepts = 1, self.word(tokens[at])
            found += [(concept, " ".join(tokens[at : at + length])) for concept in concepts]
            at += length
        return found

    def word(self, word: str) -> tuple[str, ...]:
        """The concepts of one word: as it stands, by the longest stem, or behind a joined little word."""
        known = self._seen.get(word)
        if known is None:
            known = self._plain(word) or next(filter(None, map(self._plain, self._bare(word))), ())
            if len(self._seen) < 50_000:
                self._seen[word] = known
        return known

    def _plain(self, word: str) -> tuple[str, ...]:
        if word in self.words:
            return self.words[word]
        for end in range(len(word), _SHORTEST_STEM - 1, -1):
            if word[:end] in self.stems:
                return self.stems[word[:end]]
        return ()

    def _bare(self, word: str) -> Iterable[str]:
        for prefix in _JOINED.get(self.lang, ()):
            if word.startswith(prefix) and len(word) > len(prefix) + 1:
                yield word[len(prefix) :]

    def _expression(self, tokens: list[str], at: int) -> tuple[int, tuple[str, ...]]:
        for length in range(min(_LONGEST, len(tokens) - at), 1, -1):
            if concepts := self.expressions.get(" ".join(tokens[at : at + length])):
                return length, concepts
        return 0, ()

    def _pieces(self, text: str) -> list[Found]:
        """The longest piece at each place; what it covers is not looked at again."""
        found: list[Found] = []
        at = 0
        while at < len(text):
            for end in range(min(len(text), at + self.longest_piece), at, -1):
                if concepts := self.pieces.get(text[at:end]):
                    found += [(concept, text[at:end]) for concept in concepts]
                    break
            else:
                end = at + 1
            at = end
        return found


def _kind(lang: str, line: str) -> tuple[int, str]:
    """(0 word, 1 stem, 2 expression, 3 piece) and the entry as it is looked up."""
    plain = normalise(line.replace("*", " "))
    if not plain:
        raise ValueError(f"{lang}: {line!r} has no letters")
    if lang in ("zh", "ko") and HAN_OR_HANGUL.search(plain):
        return 3, plain.replace(" ", "")
    if " " in plain:
        return 2, plain
    return (1, plain) if line.strip().endswith("*") else (0, plain)
