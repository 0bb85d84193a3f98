"""Define the result of a classification as plain values that the program can store and compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bot.nlu.intents import Severity

if TYPE_CHECKING:
    from bot.nlu.phrasebook import Phrasebook

Page = Literal["now", "ask", "no"]
"""Page staff at once, ask the family one question and page without an answer, or don't page."""


@dataclass(frozen=True, slots=True)
class Understanding:
    """Hold what one message means. It never holds the message itself."""

    lang: str | None
    lang_confidence: float
    intent: str | None
    """None if no topic is likely enough. Puente then offers `choices`."""
    confidence: float
    severity: Severity
    secondary_intents: tuple[str, ...] = ()
    """Other topics of the message: emergencies first (their staff are paged too), then one topic."""
    choices: tuple[str, ...] = ()
    """Up to three of the likeliest topics, best first."""
    page: Page = "no"
    suspected_intent: str | None = None
    """The emergency to ask about if `page` is "ask"."""


@dataclass(frozen=True, slots=True)
class NluContext:
    """Hold what Puente knows before it reads a message.

    `languages` are the languages that the district answers in. A message can be in any language of the training data.
    """

    phrasebook: Phrasebook
    languages: tuple[str, ...]
    stored_language: str | None = None
