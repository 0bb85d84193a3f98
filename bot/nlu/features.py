"""What the model sees of a message: its words, pieces of words, and the concepts it speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations, pairwise
from typing import Final

from bot.base.text_normalization import split_words
from bot.nlu.concepts import ConceptMatch, Lexicon

FEATURE_FAMILIES: Final = ("words", "letters", "concepts")
"""The kinds of features; each is scaled by its own number of features, so that none drowns another."""

_QUESTION_MARK_PATTERN: Final = re.compile("[?¿؟？]")
_MAX_WORDS: Final = 60
"""Of a longer message the beginning and the end are read: a voice note says what it wants there."""
_MAX_CONCEPTS: Final = 14

Features = tuple[list[str], list[str], list[str]]


def split_tokens(normalized_text: str) -> list[str]:
    """The words that are looked at: all of a usual message, the first and last of a very long one."""
    message_words = split_words(normalized_text)
    return (
        message_words
        if len(message_words) <= _MAX_WORDS
        else [*message_words[: _MAX_WORDS // 2], *message_words[-_MAX_WORDS // 2 :]]
    )


def find_mark_concepts(text: str) -> list[ConceptMatch]:
    """What only the signs say: a question, which asks whether something is, and does not tell that it is."""
    return [("QUESTION", "?")] if _QUESTION_MARK_PATTERN.search(text) else []


def build_lexical_features(message_tokens: list[str]) -> tuple[list[str], list[str]]:
    """Words with pairs of neighbours; pieces of three to five letters, ends of words marked."""
    word_features = message_tokens + [f"{a} {b}" for a, b in pairwise(message_tokens)]
    pieces: list[str] = []
    for token in message_tokens:
        if len(token) > 1:
            word = f"_{token}_"
            for size in (2, 3, 4, 5) if len(token) < 24 else (4,):
                pieces += [word[start : start + size] for start in range(len(word) - size + 1)]
    return word_features, pieces


def build_concept_features(matches: Iterable[ConceptMatch]) -> list[str]:
    """The concepts, each pair of them, and each two that follow one another."""
    names = [concept for concept, _ in matches]
    unique_names = sorted(set(names))[: _MAX_CONCEPTS * 2]
    paired_names = unique_names if len(unique_names) <= _MAX_CONCEPTS else sorted(set(names[:_MAX_CONCEPTS]))
    pairs = [f"{a}+{b}" for a, b in combinations(paired_names, 2)]
    return [*unique_names, *pairs, *{f"{a}>{b}" for a, b in pairwise(names) if a != b}]


def find_concepts(message_tokens: list[str], lexicons: Iterable[Lexicon]) -> list[ConceptMatch]:
    """What the message speaks of, by the first lexicon; words it does not have are looked up in the others."""
    main_lexicon, *other_lexicons = lexicons
    matches = main_lexicon.find_concepts(message_tokens)
    if other_lexicons:
        matched_words = {word for _, piece in matches for word in piece.split()}
        unknown_words = [
            token
            for token in message_tokens
            if token not in matched_words and len(token) > 2 and not main_lexicon.find_word_concepts(token)
        ]
        for lexicon in other_lexicons:
            matches += [(concept, word) for word in unknown_words for concept in lexicon.words.get(word, ())]
    return matches
