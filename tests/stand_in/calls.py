"""The Calls API: its errors, its resource, and its list. The codes are from Twilio's error dictionary, the texts guesses."""

import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from .records import Form, new_sid, rfc2822
from .rules import PHONE, RequestRefusedError, well_formed

EVENTS = ("initiated", "ringing", "answered", "completed")
REPEATABLE = {"StatusCallbackEvent"}
KNOWN = {
    "To",
    "From",
    "Url",
    "Method",
    "Twiml",
    "FallbackUrl",
    "StatusCallback",
    "StatusCallbackMethod",
    "Timeout",
    "TimeLimit",
    "MachineDetection",
} | REPEATABLE
TWIML_CHARACTERS = 4000


@dataclass(kw_only=True)
class Call:
    """An accepted call. The phone rings when a test says so (answering.py)."""

    sid: str
    to: str
    sender: str
    at: float
    url: str = ""
    twiml: str = ""
    timeout: int = 60
    status_callback: str = ""
    events: list[str] = field(default_factory=list)
    params: Form = field(default_factory=dict)
    answered_by: str = ""
    status: str = "queued"

    def resource(self, account_sid: str) -> dict[str, Any]:
        """Return the call as the API shows it."""
        return {
            "sid": self.sid,
            "account_sid": account_sid,
            "api_version": "2010-04-01",
            "uri": f"/2010-04-01/Accounts/{account_sid}/Calls/{self.sid}.json",
            "direction": "outbound-api",
            "to": self.to,
            "from": self.sender,
            "status": self.status,
            "date_created": rfc2822(self.at),
            "date_updated": rfc2822(self.at),
            "start_time": None,
            "end_time": None,
            "duration": None,
            "price": None,
            "price_unit": "USD",
        }


def check_call(form: Form, senders: Collection[str]) -> Call:
    """Return the call that a form requests. Empty `senders` allow any. Raises RequestRefusedError."""
    for name, values in form.items():
        if name not in KNOWN or (len(values) > 1 and name not in REPEATABLE):
            raise RequestRefusedError(20001, f"Invalid parameter {name}")
    params = {name: values[0] for name, values in form.items()}
    to, sender, events = params.get("To", ""), params.get("From", ""), form.get("StatusCallbackEvent", [])
    _check_numbers(to, sender, senders)
    _check_words(params.get("Url", ""), params.get("Twiml", ""))
    callback, timeout = params.get("StatusCallback", ""), params.get("Timeout", "60")
    if callback and not well_formed(callback):
        raise RequestRefusedError(21609, f"The 'StatusCallback' URL {callback} is not a valid URL.")
    if not set(events) <= set(EVENTS):
        raise RequestRefusedError(21626, "Invalid StatusCallbackEvent")
    if params.get("MachineDetection", "Enable") not in ("Enable", "DetectMessageEnd"):
        raise RequestRefusedError(20001, "MachineDetection is Enable or DetectMessageEnd")
    if not (re.fullmatch(r"\d{1,3}", timeout) and 5 <= int(timeout) <= 600):
        raise RequestRefusedError(20001, "Timeout is from 5 to 600 seconds")
    return Call(
        sid=new_sid("CA"),
        to=to,
        sender=sender,
        at=time.time(),
        url=params.get("Url", ""),
        twiml=params.get("Twiml", ""),
        timeout=int(timeout),
        status_callback=callback,
        events=events or ["completed"],
        params=form,
    )


def page_of_calls(calls: Sequence[Call], account_sid: str, query: dict[str, str]) -> dict[str, Any]:
    """Return the list of calls, newest first, on one page."""
    unknown = set(query) - {"To", "From", "Status", "PageSize", "Page"}
    if unknown:
        raise RequestRefusedError(20001, f"Invalid parameter {', '.join(sorted(unknown))}")
    wanted = {"to": query.get("To"), "from": query.get("From"), "status": query.get("Status")}
    rows = [call.resource(account_sid) for call in reversed(calls)]
    fitting = [row for row in rows if all(value in (None, row[name]) for name, value in wanted.items())]
    return {"calls": fitting, "page": 0, "page_size": len(fitting), "next_page_uri": None}


def _check_numbers(to: str, sender: str, senders: Collection[str]) -> None:
    if not to:
        raise RequestRefusedError(21201, "No 'To' number is specified")
    if not sender:
        raise RequestRefusedError(21213, "No 'From' number is specified")
    if not PHONE.fullmatch(to):
        raise RequestRefusedError(21211, f"Invalid 'To' Phone Number: {to}")
    if not PHONE.fullmatch(sender):
        raise RequestRefusedError(21212, f"Invalid From Number: {sender}")  # a short code can't call
    if senders and sender not in senders:
        raise RequestRefusedError(21210, f"{sender} is not a number of this account")


def _check_words(url: str, twiml: str) -> None:
    if bool(url) == bool(twiml) or (url and not well_formed(url)):
        raise RequestRefusedError(21205, "Url parameter is required, or Twiml, and not both")
    if twiml and len(twiml) > TWIML_CHARACTERS:
        raise RequestRefusedError(21218, "Twiml is at most 4000 characters")
    try:
        tag = ElementTree.fromstring(twiml).tag if twiml else "Response"
    except ElementTree.ParseError:
        tag = ""
    if tag != "Response":
        raise RequestRefusedError(12100, "Twiml is not TwiML")
