"""The layer before everything else: does this message say that someone needs help now?"""

from __future__ import annotations

from bot.base.text_normalization import normalise
from bot.nlu.intents import EMERGENCIES
from bot.nlu.phrasebook import Phrasebook


def find(text: str, phrasebook: Phrasebook) -> tuple[tuple[str, str], ...]:
    """The emergencies in `text` with the language of the words that told, the leading one first, each once.

    All languages are searched whatever language the message seems to be in, so that a wrong guess (or a
    message in two languages) hides nothing.  The order is that of `EMERGENCIES`, where its reasons stand.
    """
    return find_normal(normalise(text), phrasebook)


def find_normal(normal: str, phrasebook: Phrasebook) -> tuple[tuple[str, str], ...]:
    """As `find`, for a text that is normalised already."""
    told: dict[str, list[str]] = {}
    for pattern in phrasebook.matcher.match(normal):
        told.setdefault(pattern.intent, []).append(pattern.lang)
    # Of several languages the one with the most patterns told; "ICE" alone belongs to all of them.
    return tuple((intent, max(told[intent], key=told[intent].count)) for intent in EMERGENCIES if intent in told)
