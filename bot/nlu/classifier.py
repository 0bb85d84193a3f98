"""From a text to what it says: emergencies first, then the topic.  Pure: no input or output, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from bot.base.text_normalization import normalise
from bot.nlu.classification import Reading, read, sentences
from bot.nlu.emergencies import find_normal
from bot.nlu.intents import EMERGENCIES, SEVERITY, Severity
from bot.nlu.language_id import SURE
from bot.nlu.types import Context, Understanding

THRESHOLD: Final = 0.3
"""Below this a topic is only offered as a choice, never taken for granted."""
PAGE: Final = 0.3
"""From this likelihood on somebody is paged, whatever the words."""
DOUBT: Final = 0.06
"""A pattern of an emergency pages too, unless the model is sure that the message is about something else:
an emergency less likely than this, and another topic at least as likely as `_SURE`."""
_SURE: Final = 0.5
_SHORT: Final = 80
"""Characters of the longest text that is remembered."""
_ENOUGH: Final = 2
"""A message of which fewer concepts are known was hardly understood: the patterns decide."""
_BESIDE: Final = 0.6
"""A second topic is offered afterwards if its sentence is as likely as this."""
_HARMLESS: Final = frozenset({"PRETEND", "STUPID"})
_FISHING: Final = frozenset({"OTHER_FAMILY", "REPORT_SOMEONE", "LIST", "ADDRESS", "POLICE", "AGENT", "STATUS"})


def understand(text: str, context: Context) -> Understanding:
    """What `text` says; never raises, whatever a phone sends.

    An emergency is looked for in all languages.  Where the language itself is unsure, the one in whose
    words the emergency was told is taken, because the answer must be read at once.
    """
    return _of_everybody(text, context) if _everybodys(text, context) else _understand(text, context)


def _everybodys(text: str, context: Context) -> bool:
    """Whether these are words of ours (a number, a command, a phrase that was taught), which many send."""
    if len(text) > _SHORT:
        return False
    normal, book = normalise(text), context.phrasebook
    return normal in book.taught.exact or normal in book.commands or _choice(normal)


@lru_cache(maxsize=4096)
def _of_everybody(text: str, context: Context) -> Understanding:
    """Looked at once and remembered: it says nothing of who sent it.  What a family words itself never stays here."""
    return _understand(text, context)


def _choice(normal: str) -> bool:
    return normal.isdigit() and len(normal) <= 2


def _understand(text: str, context: Context) -> Understanding:
    whole = read(text, context)
    exact = context.phrasebook.taught.exact.get(whole.normal)
    if not whole.normal or _choice(whole.normal):
        return _without_words(text, whole)
    parts = () if exact else sentences(text, whole, context)
    ranked = _ranked(whole, exact)
    told = _emergencies(whole, parts, exact, context)
    if told:
        return _urgent(whole, [intent for intent, _ in told], _language(whole, told, context), ranked, parts)
    intent, likely = ranked[0]
    taken = intent if likely >= THRESHOLD else None
    also = tuple(_beside(parts, taken))[:1]
    choices = tuple(topic for topic, _ in ranked[:3])
    return Understanding(whole.lang, whole.sure, taken, likely, severity(taken, whole), also, choices)


def _without_words(text: str, whole: Reading) -> Understanding:
    """A number or a sign ("2", a thumb) answers a question; nothing at all says nothing."""
    intent = "short_reply" if text.strip() else None
    return Understanding(
        whole.lang, whole.sure, intent, 1.0 if intent else 0.0, "info", (), (intent,) if intent else ()
    )


def severity(intent: str | None, reading: Reading) -> Severity:
    """How soon a person must see it; of attacks only those that are after a family or a pupil."""
    if intent is None:
        return "info"
    told = {concept for concept, _ in reading.found}
    if intent == "restricted_request" and told & _HARMLESS and not told & _FISHING:
        return "info"
    return SEVERITY[intent]


def _ranked(whole: Reading, exact: str | None) -> list[tuple[str, float]]:
    ranked = sorted(whole.topics.items(), key=lambda pair: -pair[1])
    if exact is None:
        return ranked
    return [(exact, 1.0), *((intent, 0.0) for intent, _ in ranked if intent != exact)]


def _emergencies(
    whole: Reading, parts: Iterable[Reading], exact: str | None, context: Context
) -> list[tuple[str, str | None]]:
    """The emergencies with the language of the words that told (None where the model did), the leading one first."""
    if exact is not None:
        return [(exact, None)] if exact in EMERGENCIES else []
    readings = (whole, *parts)
    likeliest = max(readings, key=lambda reading: reading.emergency)
    sure_of_another = (
        likeliest.emergency < DOUBT and max(whole.topics.values()) >= _SURE and len(whole.found) >= _ENOUGH
    )
    patterns = {} if sure_of_another else dict(find_normal(whole.normal, context.phrasebook))
    if likeliest.emergency < PAGE and not patterns:
        return []
    first = max(EMERGENCIES, key=lambda intent: likeliest.topics[intent])
    sure = {intent for reading in readings for intent in EMERGENCIES if reading.topics[intent] >= PAGE}
    named = {first, *sure, *patterns} if likeliest.emergency >= PAGE else set(patterns)
    return [(intent, patterns.get(intent)) for intent in EMERGENCIES if intent in named]


def _language(whole: Reading, told: list[tuple[str, str | None]], context: Context) -> str | None:
    lang = told[0][1]
    return lang if whole.sure < SURE and lang in context.languages else whole.lang


def _urgent(
    whole: Reading, found: list[str], lang: str | None, ranked: list[tuple[str, float]], parts: tuple[Reading, ...]
) -> Understanding:
    others = tuple(found[1:]) or tuple(_beside(parts, found[0]))[:1]
    choices = tuple(dict.fromkeys((*found, *(topic for topic, _ in ranked))))[:3]
    sure = max(0.5, whole.emergency)
    return Understanding(lang, whole.sure, found[0], min(1.0, sure), SEVERITY[found[0]], others, choices)


def _beside(parts: Iterable[Reading], main: str | None) -> Iterable[str]:
    """Ordinary topics of single sentences, besides the main one."""
    for part in parts:
        intent = max(part.topics, key=part.topics.__getitem__)
        smalltalk = intent in ("short_reply", "greeting_identity", "out_of_scope", *EMERGENCIES)
        if part.topics[intent] >= _BESIDE and intent != main and not smalltalk:
            yield intent
