"""Run the stand-in inside the test process."""

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from .answering import Heard, Line, form_of_inbound
from .api import Api
from .callbacks import Postman
from .calls import Call
from .inbound import Inbound, send_inbound
from .ledger import Ledger
from .payloads import ACCOUNT
from .records import Accepted, Callback
from .server import Server

T = TypeVar("T")


class TwilioStandIn(Ledger):
    """A stand-in at `twilio.url`, on a free port of this machine: `with TwilioStandIn() as twilio:`.

    `reach` maps public URLs to local ones: {"https://line.example": "http://127.0.0.1:5000"} signs for the public URL
    and posts to the local one. With the `server` of another stand-in, it replaces that one there, with empty records.
    Ledger has what a test can arrange and read.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        account_sid: str = ACCOUNT,
        auth_token: str | None = None,
        reach: Mapping[str, str] | None = None,
        server: Server | None = None,
    ) -> None:
        super().__init__(account_sid, auth_token or secrets.token_hex(16))
        self.reach = dict(reach or {})
        self._stopped = threading.Event()
        self._postman = Postman(self, self.reach)
        api = Api(self, self._postman.start, self._stopped)
        self._is_lent = server is not None
        self.server = server or Server(api, port)
        self.server.api = api
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        """Return the stand-in, which already serves."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the stand-in."""
        self.close()

    def close(self) -> None:
        """Close the open connections, drop the callbacks that are due, and keep the records.

        The server stops listening, unless it belongs to another stand-in.
        """
        self._stopped.set()
        if self._is_lent:
            self.server.cut()
        else:
            self.server.close()
        self._postman.close()

    def sent_to(self, number: str) -> list[Accepted]:
        """Return the messages accepted for exactly this address, oldest first."""
        with self.changed:
            return [message for message in self.messages if message.to == number]

    def calls_to(self, number: str) -> list[Call]:
        """Return the calls accepted for exactly this number, oldest first."""
        with self.changed:
            return [call for call in self.calls if call.to == number]

    def answer(self, call: Call, press: str | None = None, machine: bool = False) -> list[Heard]:
        """Let a person or a machine pick up a call and press a key or none. Return what was heard before and after it."""
        steps = list(self.line.pick_up(call, press, machine))
        self._note_all(steps)
        return [step for step in steps if isinstance(step, Heard)]

    def miss(self, call: Call, how: str = "no-answer") -> None:
        """End a call without an answer: "busy", "no-answer", "failed", or "canceled"."""
        self._note_all(list(self.line.miss(call, how)))

    def ring_in(self, url: str, caller: str, line: str, **more: str) -> Heard:
        """Call the app, whose voice webhook is `url`."""
        return self.line.ask(url, form_of_inbound(caller, line, **more))

    @property
    def line(self) -> Line:
        """Return the account's connection to the app."""
        return Line(self.account_sid, self.auth_token, self.reach)

    def _note_all(self, steps: Sequence[object]) -> None:
        for step in steps:
            if isinstance(step, Callback):
                self.note(step)

    def wait_for(self, check: Callable[[Self], T], timeout: float = 5.0) -> T:
        """Return the first true value of `check(self)`, called on every change and every 20 ms. Raises TimeoutError.

        `check` runs without the lock, so that it can also use the app or its database.
        """
        end = time.monotonic() + timeout
        while not (value := check(self)):
            if time.monotonic() > end:
                raise TimeoutError(
                    f"not within {timeout} s; {len(self.messages)} messages, "
                    f"{len(self.callbacks)} callbacks, {self.pending} to come"
                )
            with self.changed:
                self.changed.wait(0.02)
        return value

    def idle(self, timeout: float = 5.0) -> None:
        """Wait until every callback is posted and answered. Raises TimeoutError."""
        self.wait_for(lambda twilio: twilio.pending == 0, timeout)

    def inbound(self, url: str, **options: Any) -> Inbound:
        """Post an inbound message of a family.

        Keywords are Twilio's field names (From=, Body=, MessageSid=, …). The other fields follow the channel of From,
        or `kind` (see payloads.KINDS). These keywords change the request:

        times: how often to post it, as retries do, with the same MessageSid and idempotency token (`token`)
        bad_signature: sign with another token; signature: None for no header, or the value of the header
        raw: the bytes of the body; the signature covers the form in them, or the fields if there are any
        headers: more headers, or other values; timeout: seconds to wait for the answer (Twilio's are 15)

        As at Twilio, WhatsApp's window opens, and OptOutType STOP or START takes effect.
        """
        answer = send_inbound(url, self.account_sid, self.auth_token, self.reach, **options)
        self.heard_from(answer.params.get("From", ""), answer.params.get("OptOutType", ""))
        return answer
