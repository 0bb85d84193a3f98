"""A stand-in of the URL that googletrans requests. It checks requests, answers in Google's format, and can fail."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Literal, Self
from urllib.parse import parse_qs, urlsplit

Mood = Literal["well", "busy", "broken", "garbage", "unchanged", "loses_marks", "slow"]


class GoogleStandIn:
    """A context manager with `url` for GOOGLETRANS_BASE. `asked` holds (text, source, target) of each request.

    A "translation" is the target's code and the text in uppercase, so that a test recognizes it.
    """

    def __init__(self) -> None:
        self.mood: Mood = "well"
        self.cannot: str | None = None
        """Texts with this word come back unchanged, in any mood."""
        self.says: dict[str, str] = {}
        """Fixed translations by text, for a test that shows them."""
        self.asked: list[tuple[str, str, str]] = []
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, body = stand_in.answer(self.path)
                data = body.encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                """Print nothing, because `asked` records each request."""

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """Print nothing when a client closes the connection, as a test may want."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, path: str) -> tuple[int, str]:
        """Return the status and the body for one request."""
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path != "/translate_a/single" or not {"q", "sl", "tl"} <= set(query):
            return 400, "googletrans sends no such request"
        text, target = query["q"], query["tl"]
        self.asked.append((text, query["sl"], target))
        if self.mood == "slow":
            time.sleep(2)
        if self.mood == "busy":
            return 429, "too many requests"
        if self.mood == "broken":
            return 500, "oh no"
        if self.mood == "garbage":
            return 200, "<html>Our systems have detected unusual traffic</html>"
        return 200, json.dumps([[[self.translated(text, target), text, None, None, 1]], None, query["sl"]])

    def translated(self, text: str, target: str) -> str:
        """Return the translation of a text."""
        if text in self.says:
            return self.says[text]
        if self.mood == "unchanged" or (self.cannot and self.cannot in text):
            return text
        spaced = "" if self.mood == "loses_marks" else text.replace("[[", "[ [").replace("]]", "] ]")
        return f"{target}: {spaced.upper()}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
