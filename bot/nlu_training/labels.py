"""Define what a training message is labeled with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.nlu.intents import EMERGENCY_INTENTS

QUIET_CLASSES: Final = ("topic", "near_miss", "everyday", "attack", "out_of_scope")
"""The classes of the paging model that need no page."""


@dataclass(frozen=True, slots=True)
class LabeledPhrase:
    """Hold one message with its language and what it is."""

    text: str
    lang: str
    intent: str | None
    """None for an everyday sentence about school, which belongs to no topic."""
    page_class: str
    """An emergency, or one of `QUIET_CLASSES`."""
    label: str = ""
    """The label as its author wrote it, for the report by kind."""


def choose_page_class(intent: str, is_near_miss: bool) -> str:
    """Return the class of a message of this topic in the model that decides on paging."""
    if is_near_miss:
        return "near_miss"
    if intent in EMERGENCY_INTENTS:
        return intent
    return {"restricted_request": "attack", "out_of_scope": "out_of_scope"}.get(intent, "topic")
