"""Find emergencies in a message with the patterns of all languages."""

from __future__ import annotations

from bot.base.text_normalization import normalize_text
from bot.nlu.intents import EMERGENCY_INTENTS
from bot.nlu.phrasebook import Phrasebook


def find_emergencies(text: str, phrasebook: Phrasebook) -> tuple[tuple[str, str], ...]:
    """Return the emergencies in `text`, the leading one first, each with the language of its patterns.

    The search covers all languages, so that a wrong guess of the language or a message in two languages hides nothing.
    `EMERGENCY_INTENTS` defines the order and gives the reasons for it.
    """
    return match_emergency_patterns(normalize_text(text), phrasebook)


def match_emergency_patterns(normalized_text: str, phrasebook: Phrasebook) -> tuple[tuple[str, str], ...]:
    """Return the same as `find_emergencies`, for a text that is already normalized."""
    languages_by_intent: dict[str, list[str]] = {}
    for pattern in phrasebook.matcher.match_patterns(normalized_text):
        languages_by_intent.setdefault(pattern.intent, []).append(pattern.lang)
    # The language with the most patterns wins, because "ICE" alone matches in all languages.
    return tuple(
        (intent, max(languages_by_intent[intent], key=languages_by_intent[intent].count))
        for intent in EMERGENCY_INTENTS
        if intent in languages_by_intent
    )
