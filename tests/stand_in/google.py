"""A stand-in of the address that googletrans asks: checks what it gets, answers in Google's shape, fails on order."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Literal, Self
from urllib.parse import parse_qs, urlsplit

Mood = Literal["well", "busy", "broken", "garbage", "unchanged", "loses_marks", "slow"]


class GoogleStandIn:
    """As a context manager: `url` for GOOGLETRANS_BASE, `asked` holds (text, source, target) of each request.

    "Translates" by writing the target's code in front and small letters large, so that a test sees what was done.
    """

    def __init__(self) -> None:
        self.mood: Mood = "well"
        self.cannot: str | None = None
        """Texts with this word come back unchanged, whatever the mood."""
        self.says: dict[str, str] = {}
        """What it says to these very texts, for a test that people look at."""
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
                """Say nothing: `asked` has it all."""

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """Whoever asked has hung up, as a test wanted: nothing to print into another test's output."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, path: str) -> tuple[int, str]:
        """Status and body for one request."""
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path != "/translate_a/single" or not {"q", "sl", "tl"} <= set(query):
            return 400, "not what googletrans asks"
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
        """What a phone would show for this text."""
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
