"""Extract the features of a message: its words, parts of words, and concepts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations, pairwise
from typing import Final

from bot.base.text_normalization import split_words
from bot.nlu.concepts import ConceptMatch, Lexicon

FEATURE_FAMILIES: Final = ("words", "letters", "concepts")
"""The kinds of features. The model scales each kind by its number of features, so that no kind dominates."""

_QUESTION_MARK_PATTERN: Final = re.compile("[?¿؟？]")
_MAX_WORDS: Final = 60
"""For a longer message, the model reads the beginning and the end, where a voice note states its request."""
_MAX_CONCEPTS: Final = 14

Features = tuple[list[str], list[str], list[str]]


def split_tokens(normalized_text: str) -> list[str]:
    """Return the words that the model reads: all words, or the first and last words of a very long message."""
    message_words = split_words(normalized_text)
    if len(message_words) <= _MAX_WORDS:
        return message_words
    return [*message_words[: _MAX_WORDS // 2], *message_words[-_MAX_WORDS // 2 :]]


def find_mark_concepts(text: str) -> list[ConceptMatch]:
    """Return the concept of a question mark, because a question doesn't report that something is happening."""
    return [("QUESTION", "?")] if _QUESTION_MARK_PATTERN.search(text) else []


def build_lexical_features(message_tokens: list[str]) -> tuple[list[str], list[str]]:
    """Return the words with pairs of neighbors, and parts of two to five letters with marked ends of words."""
    word_features = message_tokens + [f"{first} {second}" for first, second in pairwise(message_tokens)]
    pieces: list[str] = []
    for token in message_tokens:
        if len(token) > 1:
            word = f"_{token}_"
            sizes = (2, 3, 4, 5) if len(token) < 24 else (4,)
            for size in sizes:
                pieces += [word[start : start + size] for start in range(len(word) - size + 1)]
    return word_features, pieces


def build_concept_features(matches: Iterable[ConceptMatch]) -> list[str]:
    """Return the concepts, each pair of them, and each two that follow one another."""
    names = [concept for concept, _ in matches]
    unique_names = sorted(set(names))[: _MAX_CONCEPTS * 2]
    paired_names = unique_names
    if len(unique_names) > _MAX_CONCEPTS:
        paired_names = sorted(set(names[:_MAX_CONCEPTS]))
    pairs = [f"{first}+{second}" for first, second in combinations(paired_names, 2)]
    sequences = {f"{first}>{second}" for first, second in pairwise(names) if first != second}
    return [*unique_names, *pairs, *sequences]


def find_concepts(message_tokens: list[str], lexicons: Iterable[Lexicon]) -> list[ConceptMatch]:
    """Find the concepts with the first lexicon, and look up its unknown words in the other lexicons."""
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
