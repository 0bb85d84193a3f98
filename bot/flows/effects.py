"""What a turn asks the outside to do, as plain data.  The engine does none of it."""

from dataclasses import dataclass
from datetime import time, timedelta
from typing import Literal

from bot.flows.model import Need, Severity, Text


@dataclass(frozen=True)
class SayText:
    """Send a text of the catalogs.  `text` is its English wording, `answers` fills its placeholders."""

    text: Text
    answers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class AskQuestion:
    """Send a question; `options` are the English labels in the order of their numbers.

    `names`: the options are proper names (schools), the same in every language.
    """

    text: Text
    options: tuple[str, ...] = ()
    answers: tuple[tuple[str, str], ...] = ()
    has_proper_names: bool = False


@dataclass(frozen=True)
class StepReached:
    """Nothing to do: the conversation came to this step.  Transcripts and the drawing of a flow read it."""

    flow: str
    step: str


@dataclass(frozen=True)
class StateFact:
    """State a dated fact by its id; if it is stale or unset, a person is offered instead."""

    fact: str


@dataclass(frozen=True)
class Notice:
    """Send one of the texts of `flows/texts.yaml` by its id."""

    text_id: str


@dataclass(frozen=True)
class AskTopic:
    """Ask which of these topics was meant, with a person as the last choice; `beside`: a second one, asked after."""

    flows: tuple[str, ...]
    is_secondary: bool = False


@dataclass(frozen=True)
class AskLanguage:
    """Send the list of languages, each in its own script."""


@dataclass(frozen=True)
class Escalation:
    """A person is needed.  `answers` is what the family told this flow (masked before it is stored)."""

    to: str
    severity: Severity
    about: str
    topic: str
    answers: tuple[tuple[str, str], ...] = ()
    should_reopen: bool = False
    """It opens the case again that the family was asked about, if there is one."""
    should_join_open_case: bool = False
    """It goes with whatever case of the family is open, and is as urgent as that; only without one it opens its own."""
    is_silent: bool = False
    """Nothing is said of it: the family wants no messages."""


@dataclass(frozen=True)
class CloseCase:
    """The case that the family was asked about was solved."""


@dataclass(frozen=True)
class ForwardToStaff:
    """A person talks with the family: the message is theirs, and the helper says nothing."""


@dataclass(frozen=True)
class SaveVoiceNote:
    """Keep the sound that came with the message, with the case of the same message."""


@dataclass(frozen=True)
class PlanFollowUp:
    """Start `flow` after this span of time."""

    delay: timedelta
    flow: str


@dataclass(frozen=True)
class PlanFlowOnDay:
    """Start `flow` at this time of a day: `on` is an ISO date, or `next_school_day`."""

    day: str
    local_time: time
    flow: str


@dataclass(frozen=True)
class ShowMedia:
    """Send a file of `flows/media/` with the message."""

    file: str


@dataclass(frozen=True)
class PlanTimeout:
    """If this question of `flow` still waits after this span, the conversation goes on by itself."""

    delay: timedelta
    flow: str
    step: str


@dataclass(frozen=True)
class SetAttribute:
    """Write down a name and value that the flow sets."""

    name: str
    value: str


@dataclass(frozen=True)
class SetLanguage:
    """Keep this language for the family."""

    language: str


@dataclass(frozen=True)
class FindPartners:
    """Name up to three organizations that help with this; `near` is a town or ZIP code that nobody keeps."""

    need: Need
    near: str = ""


@dataclass(frozen=True)
class SuggestPartner:
    """Keep this (masked) for staff as an organization that somebody suggests."""

    text: str


@dataclass(frozen=True)
class AnswerReferral:
    """What the family says of the organization that it was told of: helped, not_helped, not_reached."""

    outcome: Literal["helped", "not_helped", "not_reached"]


@dataclass(frozen=True)
class ChangeConsent:
    """The family stopped or started messages, or asked for a school's; `basis` says how (a word, Twilio's own)."""

    kind: Literal["stop", "start", "joined"]
    basis: str


@dataclass(frozen=True)
class EraseFamily:
    """The family has confirmed that everything that is kept about it is to be deleted, now and for good."""


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
