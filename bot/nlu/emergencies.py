"""The layer before everything else: does this message say that someone needs help now?"""

from __future__ import annotations

from bot.base.text_normalization import normalize_text
from bot.nlu.intents import EMERGENCY_INTENTS
from bot.nlu.phrasebook import Phrasebook


def find_emergencies(text: str, phrasebook: Phrasebook) -> tuple[tuple[str, str], ...]:
    """The emergencies in `text` with the language of the words that told, the leading one first, each once.

    All languages are searched whatever language the message seems to be in, so that a wrong guess (or a
    message in two languages) hides nothing.  The order is that of `EMERGENCIES`, where its reasons stand.
    """
    return match_emergency_patterns(normalize_text(text), phrasebook)


def match_emergency_patterns(normalized_text: str, phrasebook: Phrasebook) -> tuple[tuple[str, str], ...]:
    """As `find`, for a text that is normalised already."""
    languages_by_intent: dict[str, list[str]] = {}
    for pattern in phrasebook.matcher.match_patterns(normalized_text):
        languages_by_intent.setdefault(pattern.intent, []).append(pattern.lang)
    # Of several languages the one with the most patterns told; "ICE" alone belongs to all of them.
    return tuple(
        (intent, max(languages_by_intent[intent], key=languages_by_intent[intent].count))
        for intent in EMERGENCY_INTENTS
        if intent in languages_by_intent
    )
