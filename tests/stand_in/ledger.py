"""The state of the account at Twilio: accepted messages and calls, opt-outs, and the faults that a test arranges."""

import threading
import time

from .account import Holdings
from .calls import Call, check_call
from .media import MediaShelf
from .records import FAULTS, Accepted, Callback, CallbackPlan, Fault, Form, NumberRule, Request
from .rules import RequestRefusedError, check

Step = tuple[str, int | None]


class Ledger:
    """All state of the stand-in. Every change holds `changed`, and notifies the threads that wait for it."""

    def __init__(self, account_sid: str, auth_token: str) -> None:
        self.account_sid, self.auth_token = account_sid, auth_token
        self.changed = threading.Condition()
        self.media = MediaShelf(account_sid, auth_token)
        self.holdings = Holdings()
        self.messages: list[Accepted] = []
        self.calls: list[Call] = []
        self.requests: list[Request] = []
        self.callbacks: list[Callback] = []
        self.senders: set[str] = set()  # empty: any well-formed sender
        self.templates: dict[str, str] = {}  # Content SID -> text; empty: any well-formed SID, with no text
        self.service_sender = "+15550006666"  # the sender that a Messaging Service chooses
        self.lists_unsent = True  # whether a DateSent filter finds unsent messages; Twilio's pages don't say
        self.plan = CallbackPlan()
        self.plans: dict[str, CallbackPlan] = {}  # by number, instead of `plan`
        self.pending = 0  # callbacks that are still due
        self._by_sid: dict[str, Accepted] = {}
        self._faults: list[Fault] = []
        self._rules: dict[str, NumberRule] = {}
        self._opted_out: set[str] = set()
        self._closed: dict[str, str] = {}

    # ---- What a test arranges. Numbers are exact: "whatsapp:+1…" and "+1…" differ.

    def fail_next(
        self, kind: str, count: int = 1, to: str | None = None, seconds: float = 30.0, on: str = "create"
    ) -> None:
        """Make the next `count` requests (for `to`) fail with one of FAULTS. `on`: create, list, fetch, update, or call."""
        if kind not in FAULTS or on not in ("create", "list", "fetch", "update", "call"):
            raise ValueError(f"no such fault: {kind} on {on}")
        with self.changed:
            self._faults.append(Fault(kind, count, to, seconds, on))

    def calm(self) -> None:
        """Remove the faults that haven't happened yet."""
        with self.changed:
            self._faults.clear()

    def number(self, number: str, error_code: int | None, at: str = "callback", status: str = "undelivered") -> None:
        """Make messages to this number fail in the "request" or by "callback". Without a code, they no longer fail."""
        if at not in ("request", "callback") or status not in ("failed", "undelivered"):
            raise ValueError(f"no such failure: {at}, {status}")
        with self.changed:
            self._rules.pop(number, None)
            if error_code is not None:
                self._rules[number] = NumberRule(error_code, at, status)

    def opt_out(self, number: str, opted_out: bool = True) -> None:
        """Refuse messages to this number with 21610 until it opts in again."""
        with self.changed:
            (self._opted_out.add if opted_out else self._opted_out.discard)(number)

    def close_window(self, number: str, status: str = "undelivered") -> None:
        """End WhatsApp's 24 hours: without a template, messages fail with 63016 until the family writes.

        `status` is a guess.
        """
        with self.changed:
            self._closed[number] = status

    def heard_from(self, number: str, opt_out_type: str = "") -> None:
        """Open the 24-hour window after an inbound message. Advanced Opt-Out handles STOP and START."""
        with self.changed:
            self._closed.pop(number, None)
        if opt_out_type in ("STOP", "START"):
            self.opt_out(number, opt_out_type == "STOP")

    # ---- what the API does

    def accept(self, form: Form) -> Accepted:
        """Accept a message. Raises RequestRefusedError."""
        message = check(form, self.senders, self.templates)
        with self.changed:
            rule = self._rules.get(message.to)
            if message.to in self._opted_out:
                raise RequestRefusedError(21610, "Attempt to send to unsubscribed recipient")
            if rule and rule.at == "request":
                raise RequestRefusedError(rule.error_code, f"Cannot send to {message.to}")
            self.messages.append(message)
            self._by_sid[message.sid] = message
            self.changed.notify_all()
        return message

    def accept_call(self, form: Form) -> Call:
        """Accept a call. Raises RequestRefusedError."""
        call = check_call(form, self.senders)
        with self.changed:
            rule = self._rules.get(call.to)
            if rule and rule.at == "request":
                raise RequestRefusedError(rule.error_code, f"Cannot call {call.to}")
            self.calls.append(call)
            self.changed.notify_all()
        return call

    def find(self, sid: str) -> Accepted:
        """Return the message with this SID. Raises RequestRefusedError."""
        with self.changed:
            if sid in self._by_sid:
                return self._by_sid[sid]
        raise RequestRefusedError(20404, f"The requested resource {sid} was not found", 404)

    def take_fault(self, to: str | None, on: str) -> Fault | None:
        """Return the oldest fault that matches this request, and reduce its count."""
        with self.changed:
            for fault in self._faults:
                if fault.on == on and fault.count > 0 and fault.to in (None, to):
                    fault.count -= 1
                    return fault
        return None

    def plan_for(self, message: Accepted) -> CallbackPlan:
        """Return the callback plan of a message."""
        return self.plans.get(message.to, self.plan)

    def steps(self, message: Accepted) -> list[Step]:
        """Return the statuses of a message in their real order, without "queued", which has no callback."""
        rule, closed = self._rules.get(message.to), self._closed.get(message.to)
        if closed and not message.content_sid:
            rule = NumberRule(63016, status=closed)
        if rule:
            end: Step = (rule.status, rule.error_code)
            return [end] if rule.status == "failed" else [("sent", None), end]
        read: list[Step] = [("read", None)] if message.whatsapp and self.plan_for(message).read else []
        return [("sent", None), ("delivered", None), *read]

    def advance(self, message: Accepted, step: Step) -> None:
        """Move a message to its next status. At the first one, a Messaging Service has chosen the sender."""
        with self.changed:
            channel = "whatsapp:" if message.whatsapp else ""
            message.sender = message.sender or channel + self.service_sender
            message.move_to(*step, now=time.time())
            self.changed.notify_all()

    def note(self, record: Request | Callback) -> None:
        """Record a request to the API, or a callback with its answer."""
        with self.changed:
            if isinstance(record, Request):
                self.requests.append(record)
            else:
                self.callbacks.append(record)
            self.changed.notify_all()
