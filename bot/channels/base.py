"""Define the interface of all channels: send a message, make a call, and list what the provider accepted."""

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
"""Maps Twilio's call statuses to message statuses: an answered call is sent, and a completed call is delivered."""


@dataclass(frozen=True)
class OutgoingMessage:
    """One message to one address ("+1555…", "whatsapp:+1555…", "whatsapp:US.1234").

    `id` is our own, for the callback. `template` is the ContentSid of an approved WhatsApp template that is sent with
    `variables` instead of `body`. `media` is the URL of a picture or sound (WhatsApp). `should_detect_machine` applies
    to calls and detects voicemail.
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
    """The SID and first status of an accepted message. Callbacks report the later statuses."""

    sid: str
    status: str


@dataclass(frozen=True)
class ListedMessage:
    """A message in the provider's list."""

    sid: str
    body: str
    status: str
    created_at: datetime


class SendError(Exception):
    """The provider did not accept the message, or the outcome is unknown.

    `refused`: permanent (an invalid number, an opt-out). A retry gives the same result.
    `not_accepted`: certainly not accepted (429, no connection). A retry is safe.
    `unknown`: the request was sent but got no answer (a read timeout, a dropped connection, a 5xx). A retry can send
    the message twice, so read the provider's list first (twilio.md, section 5).
    """

    def __init__(self, outcome: SendOutcome, code: int | None = None) -> None:
        super().__init__(f"{outcome} (code {code})")
        self.outcome, self.code = outcome, code


class Channel(Protocol):
    """Sends messages and calls: Twilio or the simulator."""

    def send(self, outgoing: OutgoingMessage) -> AcceptedMessage:
        """Send one message. Raises `SendError`."""
        ...

    def call(self, outgoing: OutgoingMessage) -> AcceptedMessage:
        """Call this number and read the body aloud. Raises `SendError`."""
        ...

    def list_calls(self, to: str, since: datetime) -> list[ListedMessage]:
        """List the calls that were accepted for this address since a moment, without their text. Raises `SendError`."""
        ...

    def list_messages(self, to: str, since: datetime) -> list[ListedMessage]:
        """List the messages that were accepted for this address since a moment. Raises `SendError`."""
        ...
