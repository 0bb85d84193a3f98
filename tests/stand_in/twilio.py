"""The stand-in inside the test process."""

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
    """`with TwilioStandIn() as twilio:` is Twilio at `twilio.url`, on a free port of this machine.

    `reach` says where the app really is: {"https://line.example": "http://127.0.0.1:5000"} signs for the
    public URL and posts to the local one.  With the `server` of another one it takes that one's place there; what it
    knows begins empty.  What a test can arrange and look at is in Ledger.
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
        """It serves already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Refuse connections (a lent server does not), cut the open ones, drop the callbacks still to come.

        The records stay.
        """
        self._stopped.set()
        if self._is_lent:
            self.server.cut()
        else:
            self.server.close()
        self._postman.close()

    def sent_to(self, number: str) -> list[Accepted]:
        """The messages accepted for exactly this address, oldest first."""
        with self.changed:
            return [message for message in self.messages if message.to == number]

    def calls_to(self, number: str) -> list[Call]:
        """The calls accepted for exactly this number, oldest first."""
        with self.changed:
            return [call for call in self.calls if call.to == number]

    def answer(self, call: Call, press: str | None = None, machine: bool = False) -> list[Heard]:
        """Somebody (or a machine) picks up this call and presses a key (or none): what was heard, then what after it."""
        steps = list(self.line.pick_up(call, press, machine))
        self._note_all(steps)
        return [step for step in steps if isinstance(step, Heard)]

    def miss(self, call: Call, how: str = "no-answer") -> None:
        """Nobody picks up: "busy", "no-answer", "failed" or "canceled"."""
        self._note_all(list(self.line.miss(call, how)))

    def ring_in(self, url: str, caller: str, line: str, **more: str) -> Heard:
        """Somebody calls our line, whose voice webhook is `url`."""
        return self.line.ask(url, form_of_inbound(caller, line, **more))

    @property
    def line(self) -> Line:
        """This account's way to the app."""
        return Line(self.account_sid, self.auth_token, self.reach)

    def _note_all(self, steps: Sequence[object]) -> None:
        for step in steps:
            if isinstance(step, Callback):
                self.note(step)

    def wait_for(self, check: Callable[[Self], T], timeout: float = 5.0) -> T:
        """The first true value of `check(self)`, looked at on every change and every 20 ms; or TimeoutError.

        `check` runs without the lock, so it may also ask the app or its database.
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
        """Wait until every callback has been posted and answered; or TimeoutError."""
        self.wait_for(lambda s: s.pending == 0, timeout)

    def inbound(self, url: str, **given: Any) -> Inbound:
        """A family writes.  Twilio's field names as keywords (From=, Body=, MessageSid=, …), the rest
        filled in as for the channel of From, or for `kind` (see payloads.KINDS).

        times: post it so often, as retries do: same MessageSid, same idempotency token (`token`: this one)
        bad_signature: signed with another token; signature=None: no header; a string: that header
        raw: these bytes as the body; signed over the form in them, or over the fields if some are given
        headers: added, or instead; timeout: seconds to wait for the answer (Twilio's 15)

        As on the real line, WhatsApp's window opens, and OptOutType STOP or START takes effect by itself.
        """
        answer = send_inbound(url, self.account_sid, self.auth_token, self.reach, **given)
        self.heard_from(answer.params.get("From", ""), answer.params.get("OptOutType", ""))
        return answer
