"""What the stand-in remembers.  Plain values only, so that each record also travels as JSON."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

Form = dict[str, list[str]]
FAULTS = (
    "429",
    "500",
    "503",
    "hang",
    "drop_before",
    "drop_after_accept",
    "slow_after_accept",
    "garbage",
    "garbage_after_accept",
)
"""`garbage`: a page of a proxy's, with status 200, where Twilio's JSON should be; the message was taken or was not."""
RANK = {"accepted": 0, "queued": 1, "sent": 2, "delivered": 3, "undelivered": 3, "failed": 3, "read": 4}


def new_sid(prefix: str) -> str:
    """A SID in Twilio's shape: two letters, 32 hexadecimal digits; it says nothing about order."""
    return prefix + uuid.uuid4().hex


def rfc2822(moment: float | None) -> str | None:
    """The time format of the 2010 API: whole seconds, +0000."""
    return None if moment is None else format_datetime(datetime.fromtimestamp(int(moment), UTC))


@dataclass(kw_only=True)
class Accepted:
    """A message the stand-in took on; `body` stays as it was taken, even after a redaction."""

    sid: str
    to: str
    sender: str  # "" with a Messaging Service, until that has chosen one
    body: str
    at: float
    service: str = ""
    status_callback: str = ""
    media: list[str] = field(default_factory=list)
    content_sid: str = ""
    content_variables: dict[str, str] = field(default_factory=dict)
    params: Form = field(default_factory=dict)  # everything as it was posted
    segments: int = 1
    status: str = "queued"
    error_code: int | None = None
    sent_at: float | None = None
    updated_at: float = 0.0
    redacted: bool = False

    @property
    def whatsapp(self) -> bool:
        """True if it goes out by WhatsApp."""
        return self.to.startswith("whatsapp:")

    def move_to(self, status: str, error_code: int | None, now: float) -> None:
        """Take a step of its life; like Twilio's record (unlike the callbacks) it never goes back."""
        self.updated_at = now
        if RANK[status] > RANK[self.status]:
            self.status, self.error_code = status, error_code
        if self.sent_at is None and status != "failed":
            self.sent_at = now

    def resource(self, account_sid: str) -> dict[str, Any]:
        """The message as the API shows it (field names: Twilio's OpenAPI file of April 2026)."""
        uri = f"/2010-04-01/Accounts/{account_sid}/Messages/{self.sid}"
        return {
            "account_sid": account_sid,
            "api_version": "2010-04-01",
            "sid": self.sid,
            "uri": uri + ".json",
            "body": "" if self.redacted else self.body,
            "direction": "inbound" if self.status == "received" else "outbound-api",
            "to": self.to,
            "from": self.sender or None,
            "messaging_service_sid": self.service or None,
            "num_media": str(len(self.media)),
            "num_segments": "0" if self.status == "accepted" else str(self.segments),
            "status": self.status,
            "error_code": self.error_code,
            "error_message": None if self.error_code is None else f"Error {self.error_code}",
            "date_created": rfc2822(self.at),
            "date_updated": rfc2822(self.updated_at or self.at),
            "date_sent": rfc2822(self.sent_at),
            "price": None,
            "price_unit": "USD",
            "subresource_uris": {"media": uri + "/Media.json"},
        }


@dataclass(frozen=True)
class Request:
    """One call of the API; `status` is None when the caller got no answer."""

    method: str
    path: str
    params: Form
    status: int | None
    at: float


@dataclass(frozen=True)
class Callback:
    """One status callback and what the app answered; `status` is None when it could not be reached."""

    url: str
    params: dict[str, str]
    token: str
    status: int | None
    text: str
    at: float


@dataclass
class Fault:
    """A trouble waiting for the next `count` calls that fit."""

    kind: str
    count: int = 1
    to: str | None = None
    seconds: float = 30.0
    on: str = "create"  # or "list", "fetch", "update"


@dataclass(frozen=True)
class NumberRule:
    """How every message to a number ends: refused in the request, or lost afterwards."""

    error_code: int
    at: str = "callback"
    status: str = "undelivered"


@dataclass(frozen=True)
class CallbackPlan:
    """How callbacks come.  Twilio promises neither delivery nor order, and repeats happen: try all of it.

    `delay` seconds pass before each one; normally one waits for the answer to the one before, `together`
    posts them all at once; `copies` is how often each is posted; with `none` a message lives on in silence.
    """

    delay: float = 0.01
    out_of_order: bool = False
    copies: int = 1
    none: bool = False
    read: bool = False  # WhatsApp only
    together: bool = False
