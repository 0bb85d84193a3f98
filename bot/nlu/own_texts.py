"""Find Puente's own sentences in a message: a family forwarded or copied them, so they aren't its words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from bot.base.text_normalization import NormalizedText, normalize_text

_SENTENCE_PATTERN: Final = re.compile(r"[^.!?\n。！？؟።…]+[.!?\n。！？؟።…]*")
_SENTENCE_MARKS: Final = tuple(".!?。！？؟።")
_MIN_CHARACTERS: Final = 45
_MIN_HAN_CHARACTERS: Final = 18
"""A shorter sentence can be a family's own: "I want to talk to a person." Chinese and Korean need fewer characters."""


def collect_own_sentences(texts: Iterable[str]) -> frozenset[str]:
    """Return the normalized sentences of these texts. Labels of choices have no mark at their end and don't count."""
    sentences = (
        normalize_text(sentence)
        for text in texts
        if text.rstrip().endswith(_SENTENCE_MARKS)
        for sentence in _SENTENCE_PATTERN.findall(text)
        if "{" not in sentence
    )
    return frozenset(filter(None, sentences))


def _is_long_enough(sentence: str) -> bool:
    return len(sentence) >= (_MIN_CHARACTERS if sentence < "\u2e80" else _MIN_HAN_CHARACTERS)


def remove_own_sentences(text: NormalizedText, own_sentences: frozenset[str]) -> NormalizedText:
    """Return the text without Puente's own sentences. Most messages are returned as they are.

    A short sentence ("Call 911 now.") is removed only beside a long one, because it can be the family's own.
    """
    sentences = _SENTENCE_PATTERN.findall(text.raw)
    normalized = [normalize_text(sentence) for sentence in sentences]
    if not any(_is_long_enough(sentence) and sentence in own_sentences for sentence in normalized):
        return text
    pairs = zip(sentences, normalized, strict=True)
    return NormalizedText("".join(sentence for sentence, plain in pairs if plain not in own_sentences).strip())
