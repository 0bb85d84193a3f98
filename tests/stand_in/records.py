"""The records of the stand-in. They hold only plain values, so that JSON can represent them."""

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
"""`garbage` is the page of a proxy with status 200 instead of Twilio's JSON, before or after the message is accepted."""
RANK = {"accepted": 0, "queued": 1, "sent": 2, "delivered": 3, "undelivered": 3, "failed": 3, "read": 4}


def new_sid(prefix: str) -> str:
    """Return a SID in Twilio's format: two letters and 32 hexadecimal digits, in no order."""
    return prefix + uuid.uuid4().hex


def rfc2822(moment: float | None) -> str | None:
    """Format a time as the 2010 API does: whole seconds, +0000."""
    return None if moment is None else format_datetime(datetime.fromtimestamp(int(moment), UTC))


@dataclass(kw_only=True)
class Accepted:
    """An accepted message. `body` keeps the original text, even after a redaction."""

    sid: str
    to: str
    sender: str  # "" until a Messaging Service has chosen one
    body: str
    at: float
    service: str = ""
    status_callback: str = ""
    media: list[str] = field(default_factory=list)
    content_sid: str = ""
    content_variables: dict[str, str] = field(default_factory=dict)
    params: Form = field(default_factory=dict)  # the posted form
    segments: int = 1
    status: str = "queued"
    error_code: int | None = None
    sent_at: float | None = None
    updated_at: float = 0.0
    redacted: bool = False

    @property
    def whatsapp(self) -> bool:
        """Return whether the channel is WhatsApp."""
        return self.to.startswith("whatsapp:")

    def move_to(self, status: str, error_code: int | None, now: float) -> None:
        """Move to a status. Like Twilio's record, and unlike the callbacks, it never moves back."""
        self.updated_at = now
        if RANK[status] > RANK[self.status]:
            self.status, self.error_code = status, error_code
        if self.sent_at is None and status != "failed":
            self.sent_at = now

    def resource(self, account_sid: str) -> dict[str, Any]:
        """Return the message as the API shows it (field names: Twilio's OpenAPI file of April 2026)."""
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
    """One request to the API. `status` is None if the client got no answer."""

    method: str
    path: str
    params: Form
    status: int | None
    at: float


@dataclass(frozen=True)
class Callback:
    """One status callback and the app's answer. `status` is None if the app is unreachable."""

    url: str
    params: dict[str, str]
    token: str
    status: int | None
    text: str
    at: float


@dataclass
class Fault:
    """A fault for the next `count` requests that match."""

    kind: str
    count: int = 1
    to: str | None = None
    seconds: float = 30.0
    on: str = "create"  # or "list", "fetch", "update"


@dataclass(frozen=True)
class NumberRule:
    """How every message to a number fails: in the request, or after it."""

    error_code: int
    at: str = "callback"
    status: str = "undelivered"


@dataclass(frozen=True)
class CallbackPlan:
    """How the callbacks of a message arrive. Twilio guarantees neither delivery nor order, and callbacks may repeat.

    `delay` is the seconds before each callback. Without `together`, each waits for the answer to the previous one.
    `copies` is how often each is posted. With `none`, none is posted.
    """

    delay: float = 0.01
    out_of_order: bool = False
    copies: int = 1
    none: bool = False
    read: bool = False  # WhatsApp only
    together: bool = False
