"""Map words of every language to concepts, so that all languages train one model.

`flows/concepts/<lang>.yaml` maps each concept (AGENT, TAKEN, DOOR, NOW) to words, stems (`word*`), and expressions of
one language. A message becomes the list of its concepts, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from bot.base.text_normalization import HAN_OR_HANGUL_PATTERN, normalize_text

_MAX_EXPRESSION_WORDS: Final = 4
"""The maximum number of words in an expression."""
_MIN_STEM_CHARACTERS: Final = 2
_JOINED_PREFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "ar": ("وال", "بال", "فال", "كال", "لل", "ال", "و", "ف", "ب", "ل", "ك", "ه", "ح", "ع", "ش"),
    "fa": ("می", "نمی", "ن", "ب"),
    "ps": ("و", "نه"),
    "am": ("እንደ", "ስለ", "እየ", "እስከ", "የ", "በ", "ለ", "ከ", "እ", "አል", "ይ", "ት", "ል", "ያ", "ስ"),
}
"""Short words that these languages write together with the next word."""

ConceptMatch = tuple[str, str]
"""A concept and the part of the message that means it."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Hold the words for the concepts in one language. `build` creates it, and only its cache changes later."""

    lang: str
    words: Mapping[str, tuple[str, ...]]
    stems: Mapping[str, tuple[str, ...]]
    expressions: Mapping[str, tuple[str, ...]]
    pieces: Mapping[str, tuple[str, ...]]
    """Texts that match anywhere, for Chinese and Korean. Chinese has no spaces, and Korean words carry endings and
    prefixes."""
    max_piece_characters: int
    first_words: frozenset[str]
    _concept_cache: dict[str, tuple[str, ...]]

    @classmethod
    def build(cls, lang: str, entries: Mapping[str, Iterable[str]]) -> Lexicon:
        """Build the lookup tables from the entries of a file. Raises ValueError for an entry without letters."""
        tables: tuple[dict[str, list[str]], ...] = ({}, {}, {}, {})
        for concept, lines in entries.items():
            for line in lines:
                kind, plain = _classify_entry(lang, line)
                concepts = tables[kind].setdefault(plain, [])
                if concept not in concepts:
                    concepts.append(concept)
        words, stems, expressions, pieces = ({key: tuple(names) for key, names in table.items()} for table in tables)
        max_piece_characters = max(map(len, pieces), default=0)
        first_words = frozenset(expression.split(" ", 1)[0] for expression in expressions)
        return cls(lang, words, stems, expressions, pieces, max_piece_characters, first_words, {})

    def find_concepts(self, tokens: list[str]) -> list[ConceptMatch]:
        """Return the concepts in the words of a normalized message, in order."""
        matches: list[ConceptMatch] = []
        if self.pieces:
            matches += self._find_pieces("".join(tokens))
        start = 0
        while start < len(tokens):
            length, concepts = self._match_expression(tokens, start)
            if not length:
                length, concepts = 1, self.find_word_concepts(tokens[start])
            matches += [(concept, " ".join(tokens[start : start + length])) for concept in concepts]
            start += length
        return matches

    def find_word_concepts(self, word: str) -> tuple[str, ...]:
        """Return the concepts of a whole word, of its longest stem, or of the part after a joined prefix."""
        concepts = self._concept_cache.get(word)
        if concepts is None:
            candidates = (word, *self._strip_prefixes(word))
            concepts = next(filter(None, map(self._find_word_or_stem, candidates)), ())
            if len(self._concept_cache) < 50_000:
                self._concept_cache[word] = concepts
        return concepts

    def _find_word_or_stem(self, word: str) -> tuple[str, ...]:
        if word in self.words:
            return self.words[word]
        for end in range(len(word), _MIN_STEM_CHARACTERS - 1, -1):
            if word[:end] in self.stems:
                return self.stems[word[:end]]
        return ()

    def _strip_prefixes(self, word: str) -> Iterable[str]:
        for prefix in _JOINED_PREFIXES.get(self.lang, ()):
            if word.startswith(prefix) and len(word) > len(prefix) + 1:
                yield word[len(prefix) :]

    def _match_expression(self, tokens: list[str], start: int) -> tuple[int, tuple[str, ...]]:
        if tokens[start] not in self.first_words:
            return 0, ()
        for length in range(min(_MAX_EXPRESSION_WORDS, len(tokens) - start), 1, -1):
            if concepts := self.expressions.get(" ".join(tokens[start : start + length])):
                return length, concepts
        return 0, ()

    def _find_pieces(self, text: str) -> list[ConceptMatch]:
        """Return the longest piece at each place. Pieces don't overlap."""
        matches: list[ConceptMatch] = []
        start = 0
        while start < len(text):
            for end in range(min(len(text), start + self.max_piece_characters), start, -1):
                if concepts := self.pieces.get(text[start:end]):
                    matches += [(concept, text[start:end]) for concept in concepts]
                    break
            else:
                end = start + 1
            start = end
        return matches


def _classify_entry(lang: str, line: str) -> tuple[int, str]:
    """Return the kind of an entry (0 word, 1 stem, 2 expression, 3 piece) and its lookup key."""
    plain = normalize_text(line.replace("*", " "))
    if not plain:
        raise ValueError(f"{lang}: {line!r} has no letters")
    if lang in ("zh", "ko") and HAN_OR_HANGUL_PATTERN.search(plain):
        return 3, plain.replace(" ", "")
    if " " in plain:
        return 2, plain
    return (1, plain) if line.strip().endswith("*") else (0, plain)
