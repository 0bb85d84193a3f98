"""What every channel promises: send a text or call, say honestly what became of it, look up what was accepted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

SendOutcome = Literal["refused", "not_accepted", "unknown"]

CALL_STATUSES = {
    "queued": "queued",
    "initiated": "sending",
    "ringing": "sending",
    "in-progress": "sent",
    "completed": "delivered",
    "busy": "undelivered",
    "no-answer": "undelivered",
    "failed": "failed",
    "canceled": "canceled",
}
"""What is said of a call, in the words of a text: one that was picked up is sent, one that was heard out delivered."""


@dataclass(frozen=True)
class OutgoingMessage:
    """One text to one address ("+1555…", "whatsapp:+1555…", "whatsapp:US.1234"); `id` is ours, for the callback.

    `template`: the ContentSid of an approved WhatsApp template that is sent instead of `body`, with `variables`;
    `media`: the address of a picture or sound that goes with it (WhatsApp).  `machines`: of a call, whether to listen
    first if a machine answers.
    """

    id: str
    to: str
    body: str
    template: str = ""
    variables: tuple[str, ...] = ()
    media: str = ""
    should_detect_machine: bool = False


@dataclass(frozen=True)
class AcceptedMessage:
    """The provider has it, under this SID and first status; a callback tells the rest."""

    sid: str
    status: str


@dataclass(frozen=True)
class ListedMessage:
    """A message in the provider's own list."""

    sid: str
    body: str
    status: str
    created_at: datetime


class SendError(Exception):
    """The text was not accepted, or nobody knows.

    `refused`: for good (a wrong number, an opt-out); trying again gives the same answer.
    `not_accepted`: certainly not taken (429, no connection); trying again is safe.
    `unknown`: the request left and no answer came (a read time-out, a dropped connection, a 5xx): sending again may
    send twice, so the provider's list is read first (twilio.md, section 5).
    """

    def __init__(self, outcome: SendOutcome, code: int | None = None) -> None:
        super().__init__(f"{outcome} (code {code})")
        self.outcome, self.code = outcome, code


class Channel(Protocol):
    """A way out: Twilio, or the simulator."""

    def send(self, outgoing: OutgoingMessage) -> AcceptedMessage:
        """Hand one text over; raises `SendError`."""
        ...

    def call(self, outgoing: OutgoingMessage) -> AcceptedMessage:
        """Ring this number and read the body out; raises `SendError`."""
        ...

    def list_calls(self, to: str, since: datetime) -> list[ListedMessage]:
        """The calls that were accepted for this address since then, without words; raises `SendError`."""
        ...

    def list_messages(self, to: str, since: datetime) -> list[ListedMessage]:
        """What was accepted for this address since then; raises `SendError` if the list can't be read."""
        ...
