"""One look at a text: its features, its language, and how likely each topic is.  Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bot.base.text_normalization import normalise
from bot.nlu.concepts import Found
from bot.nlu.features import concepts, conceptual, lexical, marks, tokens
from bot.nlu.intents import EMERGENCIES
from bot.nlu.language_id import SURE, detect
from bot.nlu.linear_model import Rows
from bot.nlu.types import Context

_SENTENCES: Final = re.compile(r"[.!?;\n。！？؟؛።፧…]+")
_LEAST_WORDS: Final = 3
_HARM: Final = ("KILL", "DIE", "HURT", "GUN", "KNIFE", "CUT", "POISON")
_OWN_WORDS: Final = {
    "self_harm_now": frozenset((*_HARM, "SUICIDE", "NO_MORE", "PILLS", "JUMP", "LIVE", "SELF", "GOODBYE")),
    "abuse_violence_home": frozenset(
        (
            *_HARM,
            "HIT",
            "CHOKE",
            "THREATEN",
            "TOUCH",
            "FORCE",
            "BRUISE",
            "SECRET_PHONE",
            "DRUNK",
            "LOCKED",
            "AFRAID",
            "PUNISH",
            "ATTACK",
            "KNOCK",
            "BREAK_IN",
            "EX",
        )
    ),
    "danger_now": frozenset(
        (
            *_HARM,
            "SHOOT",
            "BOMB",
            "FIRE",
            "GAS",
            "ACCIDENT",
            "BLEED",
            "BREATHE",
            "FAINT",
            "AMBULANCE",
            "ATTACK",
            "KIDNAP",
            "HIT",
            "THREATEN",
            "STRANGER",
            "PILLS",
            "BREAK_IN",
            "FORCE",
            "HIDE",
            "TAKEN",
        )
    ),
    "child_alone_now": frozenset(
        (
            "ALONE",
            "LOST",
            "NOBODY",
            "TAKEN",
            "LEAVE_ALONE",
            "LOCKED",
            "KIDNAP",
            "DETENTION",
            "HUNGRY_BABY",
            "LOOK_FOR",
            "CRY",
            "STILL",
            "STOP_BUS",
            "AFRAID",
            "SEE",
        )
    ),
    "enforcement_now": frozenset(
        (
            "AGENT",
            "POLICE",
            "MASKED",
            "RAID",
            "VEHICLE_UNMARKED",
            "KNOCK",
            "BREAK_IN",
            "TAKEN",
            "WARRANT",
            "HIDE",
            "IMMIGRATION",
            "DOCUMENTS",
            "HELP",
        )
    ),
}
"""The concepts of which a message about each emergency holds at least one."""
_MOST_SENTENCES: Final = 6


@dataclass(frozen=True, slots=True)
class Reading:
    """What was seen in a text, or in one sentence of it."""

    normal: str
    lang: str | None
    sure: float
    rows: Rows
    found: tuple[Found, ...]
    """The concepts in order, each with the words that told it."""
    topics: dict[str, float]
    """How likely each topic is; the values add up to one."""

    @property
    def emergency(self) -> float:
        """How likely it is that somebody needs help now, whatever the kind.

        A kind of which the message holds no word of its own counts half: what else it says only resembles one.
        """
        told = {concept for concept, _ in self.found}
        return sum(self.topics[one] * (1.0 if told & _OWN_WORDS[one] else 0.5) for one in EMERGENCIES)


def read(text: str, context: Context) -> Reading:
    """Read the whole text."""
    taught = context.phrasebook.taught
    normal = normalise(text)
    parts = tokens(normal)
    spelled = lexical(parts)
    possible = tuple(dict.fromkeys((*context.languages, *taught.lexicons)))
    lang, sure = detect(text, spelled, taught.languages, possible, context.stored_language)
    return _reading(text, normal, parts, spelled, (lang, sure), context)


def sentences(text: str, whole: Reading, context: Context) -> tuple[Reading, ...]:
    """Each sentence by itself, where the text has several: one may hide another in the sum."""
    cut = [part for part in _SENTENCES.split(text) if part.strip()]
    if len(cut) < 2:
        return ()
    found = []
    for part in cut[:_MOST_SENTENCES]:
        normal = normalise(part)
        parts = tokens(normal)
        if len(parts) >= _LEAST_WORDS:
            found.append(_reading(part, normal, parts, lexical(parts), (whole.lang, whole.sure), context))
    return tuple(found) if len(found) > 1 else ()


def _reading(
    text: str,
    normal: str,
    parts: list[str],
    spelled: tuple[list[str], list[str]],
    language: tuple[str | None, float],
    context: Context,
) -> Reading:
    taught = context.phrasebook.taught
    lexicons = [taught.lexicons[one] for one in _lexicons(*language, context) if one in taught.lexicons]
    found = (*concepts(parts, lexicons), *marks(text))
    rows = (*spelled, conceptual(found))
    return Reading(normal, *language, rows, found, taught.likely(rows, [concept for concept, _ in found]))


def _lexicons(lang: str | None, sure: float, context: Context) -> tuple[str, ...]:
    """Whose words to know: the message's language and English, which many mix in; the stored one where unsure."""
    likely = (lang, context.stored_language if sure < SURE else None, "en")
    return tuple(dict.fromkeys(one for one in likely if one))
