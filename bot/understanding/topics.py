"""Which topic a message is about, by likeness to the phrases of the files.  A first, simple router."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rapidfuzz import fuzz, process

from bot.understanding.phrasebook import START, Phrasebook
from bot.understanding.text import words

THRESHOLD: Final = 0.64
"""Below this a topic is only offered as a choice, never taken for granted."""

_OFFER: Final = 0.5
_ONLY_WHOLE: Final = frozenset({"short_reply"})
"""Topics whose phrases say nothing inside a longer message ("ok", "2")."""


def rank(normal: str, languages: Iterable[str], phrasebook: Phrasebook) -> tuple[tuple[str, float], ...]:
    """Up to three topics with a score between 0 and 1, best first; only what is at least worth offering."""
    if normal.isdigit() and len(normal) <= 2:
        return (("short_reply", 1.0),)
    languages = tuple(dict.fromkeys(languages))
    for language in languages:
        if intent := phrasebook.exact.get(language, {}).get(normal):
            return ((intent, 1.0),)
    best: dict[str, float] = {}
    text = " ".join(words(normal))
    for language in languages:
        for intent, score in _scores(text, language, phrasebook):
            best[intent] = max(score, best.get(intent, 0.0))
    ranked = sorted(best.items(), key=lambda pair: -pair[1])
    return tuple(pair for pair in ranked if pair[1] >= _OFFER)[:3]


def _near(text: str, language: str, phrasebook: Phrasebook) -> dict[int, str]:
    """The phrases that share the beginning of a telling word with the text: comparing all would take long."""
    starts, spaced = phrasebook.starts.get(language, {}), phrasebook.spaced.get(language, ())
    numbers = {number for word in set(text.split()) for number in starts.get(word[:START], ())}
    return {number: spaced[number] for number in numbers}


def _scores(text: str, language: str, phrasebook: Phrasebook) -> list[tuple[str, float]]:
    """The likest phrases of one language: how much of each is there, less what else the message says."""
    phrases = phrasebook.phrases.get(language, ())
    spaced = _near(text, language, phrasebook)
    likest = process.extract(text, spaced, scorer=fuzz.token_set_ratio, processor=None, limit=6, score_cutoff=60)
    scored = []
    for phrase, overlap, number in likest:
        intent = phrases[number].intent
        if intent not in _ONLY_WHOLE or fuzz.ratio(text, phrase) > 85:
            scored.append((intent, overlap / 100 * (0.45 + 0.5 * fuzz.token_sort_ratio(text, phrase) / 100)))
    return scored
