"""An account: its state, numbers, and Messaging Services. Field names: Twilio's OpenAPI file of April 2026.

Twilio's error dictionary says that requests for an inactive account get error 20005. The HTTP status is a guess, and
so is whether its state can still be read.
"""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from .rules import PHONE, RequestRefusedError

if TYPE_CHECKING:
    from .ledger import Ledger

ACCOUNT = re.compile(r"/2010-04-01/Accounts/([^/]+)\.json")
NUMBERS = re.compile(r"/2010-04-01/Accounts/([^/]+)/IncomingPhoneNumbers\.json")
SERVICE = re.compile(r"/v1/Services/(MG[0-9a-f]{32})")
OF_A_NUMBER = {
    **{"sms_url": "", "sms_method": "POST", "sms_fallback_url": "", "sms_fallback_method": "POST"},
    **{"voice_url": "", "voice_method": "POST", "voice_fallback_url": "", "voice_fallback_method": "POST"},
    **{"sms_application_sid": "", "voice_application_sid": "", "trunk_sid": None},
    **{"status_callback": "", "status_callback_method": "POST"},
}
OF_A_SERVICE: dict[str, object] = {
    **{"inbound_request_url": None, "inbound_method": "POST", "fallback_url": None, "fallback_method": "POST"},
    **{"use_inbound_webhook_on_number": False, "status_callback": None},
}


@dataclass
class Holdings:
    """The account that a test arranges: its `status` and `type`, and the fields of its numbers and services."""

    status: str = "active"
    type: str = "Full"
    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)
    runtime: dict[str, dict[str, Any]] = field(default_factory=dict)

    def own(self, number: str, **given: object) -> None:
        """Add a number with these fields. A field that Twilio doesn't have raises ValueError."""
        self.numbers[number] = _set(OF_A_NUMBER, given) | {"phone_number": number}

    def serve(self, sid: str, **given: object) -> None:
        """Add a Messaging Service with these fields."""
        self.runtime[sid] = _set(OF_A_SERVICE, given) | {"sid": sid}


def answer(ledger: "Ledger", method: str, path: str, query: str) -> dict[str, Any] | None:
    """Return the document, or None for another path. Raises RequestRefusedError."""
    held, given = ledger.holdings, dict(parse_qsl(query, keep_blank_values=True))
    if held.status == "closed":
        raise RequestRefusedError(20005, "Account not active", 403)
    if (found := SERVICE.fullmatch(path)) and method == "GET":
        return _service(held, found[1])
    whose = ACCOUNT.fullmatch(path) or NUMBERS.fullmatch(path)
    if not whose or whose[1] != ledger.account_sid or method != "GET":
        return None
    if NUMBERS.fullmatch(path):
        return _numbers(held, given)
    return {"sid": ledger.account_sid, "status": held.status, "type": held.type, "friendly_name": "District"}


def _service(held: Holdings, sid: str) -> dict[str, Any]:
    if sid not in held.runtime:
        raise RequestRefusedError(20404, f"The requested resource /Services/{sid} was not found", 404)
    return held.runtime[sid]


def _numbers(held: Holdings, given: dict[str, str]) -> dict[str, Any]:
    """List the numbers that contain the requested number, as Twilio's filter does."""
    unknown = set(given) - {"PhoneNumber", "PageSize", "Page"}
    wanted = given.get("PhoneNumber", "")
    if unknown or not PHONE.fullmatch(wanted):
        raise RequestRefusedError(20001, f"Invalid parameter {', '.join(sorted(unknown)) or 'PhoneNumber'}")
    rows = [row for number, row in held.numbers.items() if wanted in number]
    return {"incoming_phone_numbers": rows, "page": 0, "page_size": 50, "next_page_uri": None}


def _set(fields: dict[str, Any], given: dict[str, object]) -> dict[str, Any]:
    if unknown := set(given) - set(fields):
        raise ValueError(f"no such field: {unknown}")
    return fields | given
