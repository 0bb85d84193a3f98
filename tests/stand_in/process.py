"""Run the stand-in in its own process, which survives when a test kills workers or web servers."""

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
    """A stand-in in its own process and session: `with TwilioProcess() as twilio:`.

    It has the names of TwilioStandIn where both offer the same. Each access to the records is a request to /_control/.
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
        """Return the stand-in, which already serves."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the stand-in."""
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
        """Return the accepted messages, oldest first."""
        return [Accepted(**row) for row in self._control("messages")]

    @property
    def calls(self) -> list[Call]:
        """Return the accepted calls, oldest first."""
        return [Call(**row) for row in self._control("calls")]

    @property
    def requests(self) -> list[Request]:
        """Return all requests to the API."""
        return [Request(**row) for row in self._control("requests")]

    @property
    def callbacks(self) -> list[Callback]:
        """Return all posted callbacks with the app's answers."""
        return [Callback(**row) for row in self._control("callbacks")]

    def sent_to(self, number: str) -> list[Accepted]:
        """Return the messages accepted for exactly this address, oldest first."""
        return [message for message in self.messages if message.to == number]

    @property
    def media(self) -> dict[str, Any]:
        """Return the SIDs of the current `files`, and the requests for them in `asked`."""
        media: dict[str, Any] = self._control("media")
        return media

    def arrange(self, action: str, **arguments: object) -> None:
        """Call fail_next, calm, number, opt_out, close_window, plan, or put_media with its arguments."""
        self._control(action, arguments)

    def wait_for(self, check: Callable[[Self], T], timeout: float = 5.0) -> T:
        """Return the first true value of `check(self)`, called every 20 ms. Raises TimeoutError."""
        end = time.monotonic() + timeout
        while not (value := check(self)):
            if time.monotonic() > end:
                raise TimeoutError(f"not within {timeout} s")
            time.sleep(0.02)
        return value

    def idle(self, timeout: float = 5.0) -> None:
        """Wait until every callback is posted and answered. Raises TimeoutError."""
        self.wait_for(lambda twilio: twilio._control("pending") == 0, timeout)

    def inbound(self, url: str, **arguments: Any) -> Inbound:
        """Post an inbound message. For the arguments, see TwilioStandIn.inbound."""
        answer = send_inbound(url, self.account_sid, self.auth_token, self.reach, **arguments)
        self._control(
            "heard_from", {"number": answer.params.get("From", ""), "opt_out_type": answer.params.get("OptOutType", "")}
        )
        return answer

    def _control(self, name: str, arguments: Mapping[str, object] | None = None) -> Any:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            method = "GET" if arguments is None else "POST"
            connection.request(method, f"/_control/{name}", None if arguments is None else json.dumps(arguments))
            answer = connection.getresponse()
            document = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(document["problem"])
        return document
