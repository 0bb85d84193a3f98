"""A stand-in for a district's transcription server: it records requests and answers as a test wants."""

import json
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class TranscriptionRequest:
    path: str
    content_type: str
    token: str
    audio: bytes


class TranscriptionServer:
    """A context manager; `url` for TRANSCRIBER_URL."""

    def __init__(self) -> None:
        self.status, self.says, self.body, self.seconds = 200, "", None, 0.0
        self.asked: list[TranscriptionRequest] = []
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                audio = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                token, kind = self.headers.get("Authorization", ""), self.headers.get("Content-Type", "")
                stand_in.asked.append(TranscriptionRequest(self.path, kind, token, audio))
                time.sleep(stand_in.seconds)
                self.send_response(stand_in.status)
                if stand_in.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(stand_in.answer())

            def log_message(self, format: str, *args: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/transcribe"
        self.body: bytes | None

    def answer(self) -> bytes:
        """The body of an answer."""
        return self.body if self.body is not None else json.dumps({"text": self.says}).encode()

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
