"""What the understanding of a message is made of: plain values that the program may keep and compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.nlu.intents import Severity

if TYPE_CHECKING:
    from bot.nlu.phrasebook import Phrasebook


@dataclass(frozen=True, slots=True)
class Understanding:
    """What one message says, as far as the bot can tell; never the message itself."""

    lang: str | None
    lang_confidence: float
    intent: str | None
    """None when no topic is likely enough; then `choices` are offered."""
    confidence: float
    severity: Severity
    secondary_intents: tuple[str, ...] = ()
    """What else the message says besides `intent`: emergencies first (their people are paged too), then a topic."""
    choices: tuple[str, ...] = ()
    """Up to three likeliest topics, best first."""


@dataclass(frozen=True, slots=True)
class NluContext:
    """What is known before the message is read: phrases, the district's languages, the family's language.

    `languages` are those that the district answers in; a message may be in any that was taught besides.
    """

    phrasebook: Phrasebook
    languages: tuple[str, ...]
    stored_language: str | None = None
