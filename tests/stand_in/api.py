"""The routes of the Messages and Calls APIs, without HTTP."""

import base64
import hmac
import re
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from . import account
from .calls import page_of_calls
from .ledger import Ledger
from .listing import page
from .records import Accepted, Fault, Form
from .rules import RequestRefusedError

Answer = tuple[int, dict[str, Any]]
PATH = re.compile(r"/2010-04-01/Accounts/([^/]+)/Messages(?:/([^/]+))?\.json")
FILES = re.compile(r"/2010-04-01/Accounts/([^/]+)/Messages/([^/]+)/Media\.json")
CALLS = re.compile(r"/2010-04-01/Accounts/([^/]+)/Calls(?:/([^/]+))?\.json")
BUSY = {
    "429": (20429, "Too Many Requests"),
    "500": (20500, "An internal server error has occurred"),
    "503": (20503, "Service unavailable"),
}


class ConnectionDroppedError(Exception):
    """Close the connection without an answer."""


class GarbledAnswerError(Exception):
    """Answer with a page that isn't Twilio's, as a proxy would."""


class Api:
    """Answer requests from the ledger. `on_accept` gets each accepted message. `stopped` ends all `hang` faults."""

    def __init__(self, ledger: Ledger, on_accept: Callable[[Accepted], None], stopped: threading.Event) -> None:
        self.ledger, self.on_accept, self.stopped = ledger, on_accept, stopped

    def answer(self, method: str, path: str, query: str, raw: bytes, authorization: str) -> Answer:
        """Return the status and the document. Raises RequestRefusedError or another error of this module."""
        pair = f"{self.ledger.account_sid}:{self.ledger.auth_token}".encode()
        if not hmac.compare_digest(authorization.encode(), b"Basic " + base64.b64encode(pair)):
            raise RequestRefusedError(20003, "Authenticate", 401)
        if (about := account.answer(self.ledger, method, path, query)) is not None:
            return 200, about
        called = CALLS.fullmatch(path)
        if called and called[1] == self.ledger.account_sid:
            return self._call(read_form(raw)) if method == "POST" and not called[2] else self._calls(called[2], query)
        files = FILES.fullmatch(path)
        if files and files[1] == self.ledger.account_sid and method == "GET":
            return 200, self.ledger.media.listed(files[2])
        match = PATH.fullmatch(path)
        if not match or match[1] != self.ledger.account_sid:
            raise RequestRefusedError(20404, f"The requested resource {path} was not found", 404)
        if method == "POST":
            form = read_form(raw)
            return self._update(match[2], form) if match[2] else self._create(form)
        return self._fetch(match[2]) if match[2] else self._list(query)

    def _create(self, form: Form) -> Answer:
        fault = self.ledger.take_fault(form.get("To", [""])[0], "create")
        self._before(fault)
        message = self.ledger.accept(form)
        document = message.resource(self.ledger.account_sid)  # the state before any callback
        self.on_accept(message)
        self._after(fault)
        return 201, document

    def _call(self, form: Form) -> Answer:
        fault = self.ledger.take_fault(form.get("To", [""])[0], "call")
        self._before(fault)
        document = self.ledger.accept_call(form).resource(self.ledger.account_sid)
        self._after(fault)
        return 201, document

    def _calls(self, sid: str | None, query: str) -> Answer:
        """Return the list of calls, or one call."""
        with self.ledger.changed:
            calls = [call for call in self.ledger.calls if sid in (None, call.sid)]
        if sid is None:
            return 200, page_of_calls(calls, self.ledger.account_sid, dict(parse_qsl(query)))
        if not calls:
            raise RequestRefusedError(20404, f"The requested resource {sid} was not found", 404)
        return 200, calls[0].resource(self.ledger.account_sid)

    def _list(self, query: str) -> Answer:
        params = dict(parse_qsl(query, keep_blank_values=True))
        fault = self.ledger.take_fault(params.get("To"), "list")
        self._before(fault)
        document = page(self.ledger, params)
        self._after(fault)
        return 200, document

    def _fetch(self, sid: str) -> Answer:
        message = self.ledger.find(sid)
        fault = self.ledger.take_fault(message.to, "fetch")
        self._before(fault)
        self._after(fault)
        return 200, message.resource(self.ledger.account_sid)

    def _update(self, sid: str, form: Form) -> Answer:
        """Redact a message: the form must be an empty Body (update() of the Python client)."""
        message = self.ledger.find(sid)
        fault = self.ledger.take_fault(message.to, "update")
        self._before(fault)
        if form != {"Body": [""]}:
            raise RequestRefusedError(20001, "Only an empty Body can be set")
        message.redacted = True
        self._after(fault)
        return 200, message.resource(self.ledger.account_sid)

    def _before(self, fault: Fault | None) -> None:
        if fault and fault.kind in BUSY:
            raise RequestRefusedError(*BUSY[fault.kind], http=int(fault.kind))
        if fault and fault.kind == "hang":
            self.stopped.wait(fault.seconds)
        if fault and fault.kind in ("hang", "drop_before"):
            raise ConnectionDroppedError
        if fault and fault.kind == "garbage":
            raise GarbledAnswerError

    def _after(self, fault: Fault | None) -> None:
        if fault and fault.kind == "slow_after_accept":
            self.stopped.wait(fault.seconds)
        if fault and fault.kind == "drop_after_accept":
            raise ConnectionDroppedError
        if fault and fault.kind == "garbage_after_accept":
            raise GarbledAnswerError


def read_form(raw: bytes) -> Form:
    """Parse a posted form with its empty values. Raises RequestRefusedError unless it is UTF-8."""
    try:
        return parse_qs(raw.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise RequestRefusedError(20001, "The form is not UTF-8") from None
