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
    services: dict[str, dict[str, Any]] = field(default_factory=dict)

    def own(self, number: str, **params: object) -> None:
        """Add a number with these fields. A field that Twilio doesn't have raises ValueError."""
        self.numbers[number] = _set(OF_A_NUMBER, params) | {"phone_number": number}

    def serve(self, sid: str, **params: object) -> None:
        """Add a Messaging Service with these fields."""
        self.services[sid] = _set(OF_A_SERVICE, params) | {"sid": sid}


def answer(ledger: "Ledger", method: str, path: str, query: str) -> dict[str, Any] | None:
    """Return the document, or None for another path. Raises RequestRefusedError."""
    holdings, params = ledger.holdings, dict(parse_qsl(query, keep_blank_values=True))
    if holdings.status == "closed":
        raise RequestRefusedError(20005, "Account not active", 403)
    if (found := SERVICE.fullmatch(path)) and method == "GET":
        return _service(holdings, found[1])
    whose = ACCOUNT.fullmatch(path) or NUMBERS.fullmatch(path)
    if not whose or whose[1] != ledger.account_sid or method != "GET":
        return None
    if NUMBERS.fullmatch(path):
        return _numbers(holdings, params)
    return {"sid": ledger.account_sid, "status": holdings.status, "type": holdings.type, "friendly_name": "District"}


def _service(holdings: Holdings, sid: str) -> dict[str, Any]:
    if sid not in holdings.services:
        raise RequestRefusedError(20404, f"The requested resource /Services/{sid} was not found", 404)
    return holdings.services[sid]


def _numbers(holdings: Holdings, params: dict[str, str]) -> dict[str, Any]:
    """List the numbers that contain the requested number, as Twilio's filter does."""
    unknown = set(params) - {"PhoneNumber", "PageSize", "Page"}
    wanted = params.get("PhoneNumber", "")
    if unknown or not PHONE.fullmatch(wanted):
        raise RequestRefusedError(20001, f"Invalid parameter {', '.join(sorted(unknown)) or 'PhoneNumber'}")
    rows = [row for number, row in holdings.numbers.items() if wanted in number]
    return {"incoming_phone_numbers": rows, "page": 0, "page_size": 50, "next_page_uri": None}


def _set(fields: dict[str, Any], params: dict[str, object]) -> dict[str, Any]:
    if unknown := set(params) - set(fields):
        raise ValueError(f"no such field: {unknown}")
    return fields | params
