"""Helpers for tests of the stand-in: the real Twilio client with another URL, and a small app for webhooks."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped, unused-ignore]
from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped, unused-ignore]
from twilio.http.response import Response  # type: ignore[import-untyped, unused-ignore]
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped, unused-ignore]
from twilio.rest import Client  # type: ignore[import-untyped, unused-ignore]
from twilio.twiml.messaging_response import MessagingResponse  # type: ignore[import-untyped, unused-ignore]
from twilio.twiml.voice_response import VoiceResponse  # type: ignore[import-untyped, unused-ignore]

# Twilio's package has no types. The tests import its names from here, so that each needs one ignore.
__all__ = [
    "Client",
    "MessagingResponse",
    "Receiver",
    "RequestValidator",
    "TwilioRestException",
    "VoiceResponse",
    "aimed_client",
]


class Aimed(TwilioHttpClient):  # type: ignore[misc, unused-ignore]
    """Twilio's own HTTP client, with a timeout and another scheme and host."""

    def __init__(self, base: str, timeout: float = 2.0) -> None:
        super().__init__(timeout=timeout)
        self.base = urlsplit(base)

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Response:
        """Send the request to the other host."""
        target = urlsplit(url)._replace(scheme=self.base.scheme, netloc=self.base.netloc)
        return super().request(method, target.geturl(), *args, **options)


def aimed_client(base: str, account_sid: str, auth_token: str, timeout: float = 2.0) -> Client:
    """Return a twilio.rest.Client that sends its requests to `base`."""
    return Client(account_sid, auth_token, http_client=Aimed(base, timeout))


class Receiver(ThreadingHTTPServer):
    """An app for webhooks at `url`. `got` has (path, form, whether the signature is valid, idempotency token) of each.

    Twilio's RequestValidator checks the signature, for the URL `public` if the app has one.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, auth_token: str, public: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.public, self.validator = public or self.url, RequestValidator(auth_token)
        self.got: list[tuple[str, dict[str, str], bool, str]] = []
        self.hosts: set[str] = set()
        self.answer = (200, "text/xml", "<Response/>")

    def __enter__(self) -> Self:
        """Start serving."""
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        """Stop serving."""
        self.shutdown()
        self.server_close()

    def statuses(self) -> list[str]:
        """Return the MessageStatus of each webhook, in order of arrival."""
        return [form["MessageStatus"] for _, form, _, _ in self.got]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        form = dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))
        good = self.server.validator.validate(
            self.server.public + self.path, form, self.headers.get("X-Twilio-Signature", "")
        )
        self.server.hosts.add(self.headers["Host"])
        self.server.got.append((self.path, form, good, self.headers["I-Twilio-Idempotency-Token"]))
        status, kind, text = self.server.answer
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass
