"""Define the effects of a turn as plain data. The engine only returns them, and other packages run them."""

from dataclasses import dataclass
from datetime import time, timedelta
from typing import Literal

from bot.flows.model import Need, Severity, Text


@dataclass(frozen=True)
class SayText:
    """Send a text of the catalogs. `text` is its English wording, and `answers` fills its placeholders."""

    text: Text
    answers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class AskQuestion:
    """Send a question.

    `options` are the English labels in the order of their numbers.

    `has_proper_names`: the options are proper names (schools), which are the same in every language.
    """

    text: Text
    options: tuple[str, ...] = ()
    answers: tuple[tuple[str, str], ...] = ()
    has_proper_names: bool = False


@dataclass(frozen=True)
class StepReached:
    """Record that the conversation reached this step, for test conversations and flow charts."""

    flow: str
    step: str


@dataclass(frozen=True)
class StateFact:
    """State a dated fact by its ID. If the fact is stale or not set, the reply offers a person instead."""

    fact: str


@dataclass(frozen=True)
class Notice:
    """Send one of the texts of `flows/texts.yaml` by its ID."""

    text_id: str


@dataclass(frozen=True)
class AskTopic:
    """Ask which of these topics the family meant, with a person as the last choice.

    `is_secondary`: the question offers the second topic of a message.
    """

    flows: tuple[str, ...]
    is_secondary: bool = False


@dataclass(frozen=True)
class AskLanguage:
    """Send the list of languages, each in its own script."""


@dataclass(frozen=True)
class Escalation:
    """Ask for a person. `answers` are the answers of the family in this flow, masked before storage."""

    to: str
    severity: Severity
    about: str
    topic: str
    answers: tuple[tuple[str, str], ...] = ()
    should_reopen: bool = False
    """Reopen the case that Puente asked the family about, if there is one."""
    should_join_open_case: bool = False
    """Join the family's open case with its severity. Without an open case, open a new one."""
    is_silent: bool = False
    """Don't tell the family, because it opted out of messages."""


@dataclass(frozen=True)
class CloseCase:
    """Close the case that Puente asked the family about."""


@dataclass(frozen=True)
class ForwardToStaff:
    """Forward the message to the staff member who talks with the family. Puente doesn't reply."""


@dataclass(frozen=True)
class SaveVoiceNote:
    """Save the voice note of the message with the case of the same message."""


@dataclass(frozen=True)
class PlanFollowUp:
    """Start `flow` after this delay."""

    delay: timedelta
    flow: str


@dataclass(frozen=True)
class PlanFlowOnDay:
    """Start `flow` at this time of a day. `day` is an ISO date or `next_school_day`."""

    day: str
    local_time: time
    flow: str


@dataclass(frozen=True)
class ShowMedia:
    """Send a file of `flows/media/` with the message."""

    file: str


@dataclass(frozen=True)
class PlanTimeout:
    """Continue the conversation if this question of `flow` still waits after the delay."""

    delay: timedelta
    flow: str
    step: str


@dataclass(frozen=True)
class SetAttribute:
    """Save an attribute that the flow sets."""

    name: str
    value: str


@dataclass(frozen=True)
class SetLanguage:
    """Save this language for the family."""

    language: str


@dataclass(frozen=True)
class FindPartners:
    """Name up to three partners that help with this need. Puente never stores `near`, a town or ZIP code."""

    need: Need
    near: str = ""


@dataclass(frozen=True)
class SuggestPartner:
    """Save this text (masked) for staff as a suggestion for a partner."""

    text: str


@dataclass(frozen=True)
class AnswerReferral:
    """Save whether a partner that Puente named to the family helped."""

    outcome: Literal["helped", "not_helped", "not_reached"]


@dataclass(frozen=True)
class ChangeConsent:
    """Save an opt-out, an opt-in, or a JOIN for a school.

    `basis` is how the family asked: a command, its own text, or Twilio.
    """

    kind: Literal["stop", "start", "joined"]
    basis: str


@dataclass(frozen=True)
class EraseFamily:
    """Erase the family. It has confirmed the permanent deletion of everything that Puente stores about it."""


Effect = (
    SayText
    | AskQuestion
    | StepReached
    | StateFact
    | Notice
    | AskTopic
    | AskLanguage
    | Escalation
    | ForwardToStaff
    | SaveVoiceNote
    | CloseCase
    | PlanFollowUp
    | PlanFlowOnDay
    | PlanTimeout
    | ShowMedia
    | SetAttribute
    | SetLanguage
    | FindPartners
    | SuggestPartner
    | AnswerReferral
    | ChangeConsent
    | EraseFamily
)
