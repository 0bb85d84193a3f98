"""What the model sees of a message: its words, pieces of words, and the concepts it speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations, pairwise
from typing import Final

from bot.base.text_normalization import words
from bot.nlu.concepts import Found, Lexicon

FAMILIES: Final = ("words", "letters", "concepts")
"""The kinds of features; each is scaled by its own number of features, so that none drowns another."""

_ASKS: Final = re.compile("[?¿؟？]")
_MOST_WORDS: Final = 60
"""Of a longer message the beginning and the end are read: a voice note says what it wants there."""
_MOST_CONCEPTS: Final = 14

Features = tuple[list[str], list[str], list[str]]


def tokens(normal: str) -> list[str]:
    """The words that are looked at: all of a usual message, the first and last of a very long one."""
    found = words(normal)
    return found if len(found) <= _MOST_WORDS else [*found[: _MOST_WORDS // 2], *found[-_MOST_WORDS // 2 :]]


def marks(text: str) -> list[Found]:
    """What only the signs say: a question, which asks whether something is, and does not tell that it is."""
    return [("QUESTION", "?")] if _ASKS.search(text) else []


def lexical(parts: list[str]) -> tuple[list[str], list[str]]:
    """Words with pairs of neighbours; pieces of three to five letters, ends of words marked."""
    told = parts + [f"{a} {b}" for a, b in pairwise(parts)]
    pieces: list[str] = []
    for part in parts:
        if len(part) > 1:
            word = f"_{part}_"
            for size in (2, 3, 4, 5) if len(part) < 24 else (4,):
                pieces += [word[at : at + size] for at in range(len(word) - size + 1)]
    return told, pieces


def conceptual(found: Iterable[Found]) -> list[str]:
    """The concepts, each pair of them, and each two that follow one another."""
    row = [concept for concept, _ in found]
    once = sorted(set(row))[: _MOST_CONCEPTS * 2]
    some = once if len(once) <= _MOST_CONCEPTS else sorted(set(row[:_MOST_CONCEPTS]))
    pairs = [f"{a}+{b}" for a, b in combinations(some, 2)]
    return [*once, *pairs, *{f"{a}>{b}" for a, b in pairwise(row) if a != b}]


def concepts(parts: list[str], lexicons: Iterable[Lexicon]) -> list[Found]:
    """What the message speaks of, by the first lexicon; words it does not have are looked up in the others."""
    first, *others = lexicons
    found = first.find(parts)
    if others:
        told = {word for _, piece in found for word in piece.split()}
        strange = [part for part in parts if part not in told and len(part) > 2 and not first.word(part)]
        for lexicon in others:
            found += [(concept, word) for word in strange for concept in lexicon.words.get(word, ())]
    return found
