"""From a text to what it says: emergencies first, then the topic.  Pure: no input or output, no clock."""

from __future__ import annotations

from collections.abc import Iterable

from bot.understanding.emergencies import find_normal
from bot.understanding.language import SURE, detect
from bot.understanding.text import normalise
from bot.understanding.topics import THRESHOLD, rank
from bot.understanding.types import SEVERITY, Context, Understanding

_FOUND = 0.95
"""How sure a matched emergency pattern is; it is acted on in any case."""


def understand(text: str, context: Context) -> Understanding:
    """What `text` says; never raises, whatever a phone sends.

    An emergency is looked for in all languages.  Where the language itself is unsure, the one in whose
    words the emergency was told is taken, because the answer must be read at once.
    """
    normal = normalise(text)
    found = find_normal(normal, context.phrasebook)
    lang, sure = detect(text, context.languages, context.stored_language, context.phrasebook.vocabulary)
    ranked = rank(normal, _languages(lang, sure, context), context.phrasebook)
    if found:
        if sure < SURE and found[0][1] in context.languages:
            lang = found[0][1]
        return _emergency(tuple(intent for intent, _ in found), lang, sure, ranked)
    intent, confidence = ranked[0] if ranked else (None, 0.0)
    taken = intent if confidence >= THRESHOLD else None
    choices = tuple(topic for topic, _ in ranked)
    return Understanding(lang, sure, taken, confidence, SEVERITY[taken] if taken else "info", (), choices)


def _emergency(
    found: tuple[str, ...], lang: str | None, sure: float, ranked: Iterable[tuple[str, float]]
) -> Understanding:
    choices = (*found, *(topic for topic, _ in ranked))[:3]
    return Understanding(lang, sure, found[0], _FOUND, SEVERITY[found[0]], found[1:], choices)


def _languages(lang: str | None, sure: float, context: Context) -> tuple[str, ...]:
    """Whose phrases to compare: the message's language and English, more of them the less sure that is."""
    likely = tuple(one for one in (lang, context.stored_language, "en") if one)
    return likely if sure >= SURE else (*likely, *context.languages)
