"""The stand-in beside the test process: it lives on when workers, web servers or tests are killed."""

import http.client
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from .calls import Call
from .inbound import Inbound, send_inbound
from .payloads import ACCOUNT
from .records import Accepted, Callback, Request

ROOT = Path(__file__).parents[2]
T = TypeVar("T")


class TwilioProcess:
    """`with TwilioProcess() as twilio:` runs `python -m tests.stand_in` in a session of its own.

    The same names as TwilioStandIn where both have them; each look at the records is a call of /_control/.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        account_sid: str = ACCOUNT,
        auth_token: str | None = None,
        reach: Mapping[str, str] | None = None,
    ) -> None:
        self.account_sid, self.auth_token = account_sid, auth_token or secrets.token_hex(16)
        self.reach = dict(reach or {})
        command = [
            sys.executable,
            "-m",
            "tests.stand_in",
            "--port",
            str(port),
            "--account-sid",
            account_sid,
            "--auth-token",
            self.auth_token,
        ]
        for public, local in self.reach.items():
            command += ["--reach", f"{public}={local}"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError(f"the stand-in did not start, exit {self.process.wait()}")

    def __enter__(self) -> Self:
        """It serves already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """End the process this object started."""
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    @property
    def messages(self) -> list[Accepted]:
        """Everything accepted, oldest first."""
        return [Accepted(**row) for row in self._control("messages")]

    @property
    def calls(self) -> list[Call]:
        """Every call accepted, oldest first."""
        return [Call(**row) for row in self._control("calls")]

    @property
    def requests(self) -> list[Request]:
        """Every call of the API."""
        return [Request(**row) for row in self._control("requests")]

    @property
    def callbacks(self) -> list[Callback]:
        """Every callback posted, with the app's answer."""
        return [Callback(**row) for row in self._control("callbacks")]

    def sent_to(self, number: str) -> list[Accepted]:
        """The messages accepted for exactly this address, oldest first."""
        return [message for message in self.messages if message.to == number]

    @property
    def media(self) -> dict[str, Any]:
        """Which `files` are there (by SID), and what was `asked` of them."""
        found: dict[str, Any] = self._control("media")
        return found

    def arrange(self, what: str, **given: object) -> None:
        """Arrange what comes: fail_next, calm, number, opt_out, close_window, plan, put_media, with those' arguments."""
        self._control(what, given)

    def wait_for(self, check: Callable[[Self], T], timeout: float = 5.0) -> T:
        """The first true value of `check(self)`, looked at every 20 ms; or TimeoutError."""
        end = time.monotonic() + timeout
        while not (value := check(self)):
            if time.monotonic() > end:
                raise TimeoutError(f"not within {timeout} s")
            time.sleep(0.02)
        return value

    def idle(self, timeout: float = 5.0) -> None:
        """Wait until every callback has been posted and answered; or TimeoutError."""
        self.wait_for(lambda s: s._control("pending") == 0, timeout)

    def inbound(self, url: str, **given: Any) -> Inbound:
        """As TwilioStandIn.inbound."""
        answer = send_inbound(url, self.account_sid, self.auth_token, self.reach, **given)
        self._control(
            "heard_from", {"number": answer.params.get("From", ""), "opt_out_type": answer.params.get("OptOutType", "")}
        )
        return answer

    def _control(self, name: str, given: Mapping[str, object] | None = None) -> Any:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            method = "GET" if given is None else "POST"
            connection.request(method, f"/_control/{name}", None if given is None else json.dumps(given))
            answer = connection.getresponse()
            document = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(document["problem"])
        return document
