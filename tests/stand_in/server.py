"""The HTTP server of the API: threads, connections that a test can close, and the record of every request."""

import contextlib
import json
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from . import control
from .api import Api, ConnectionDroppedError, GarbledAnswerError
from .records import Request
from .rules import RequestRefusedError


class Server(ThreadingHTTPServer):
    """The server of an Api in its own thread. `close` also closes open connections, as a real outage does."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, api: Api, port: int) -> None:
        self.api = api
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Handler)
        threading.Thread(target=self.serve_forever, args=(0.02,), name="twilio-stand-in", daemon=True).start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Process a request, and record its connection."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Shut down a request, and remove its connection from the record."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print an error unless the client closed the connection."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop listening and close the open connections."""
        self.shutdown()
        self.server_close()
        self.cut()

    def cut(self) -> None:
        """Close the open connections, but continue to listen."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):  # the client may have closed it
                connection.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """The handler of one connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # send each answer in one packet
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Handle a list, a fetch, or a control route."""
        self._serve("GET")

    def do_DELETE(self) -> None:
        """Delete a file that a family sent."""
        self._serve("DELETE")

    def do_POST(self) -> None:
        """Handle a create, an update, or a control route."""
        self._serve("POST")

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing, because `requests` records each request."""

    def _serve(self, method: str) -> None:
        api = self.server.api  # another stand-in may replace it during the request
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        if parts.path.startswith("/_control/"):
            return self._send(*control.answer(api.ledger, parts.path, raw))
        file = api.ledger.media.answer(method, parts.path, self.headers.get("Authorization", ""))
        if file is not None:
            return self._send_raw(*file)
        started = time.time()
        status, document = self._answer(api, method, parts.path, parts.query, raw)
        params = parse_qs((raw or parts.query.encode()).decode("utf-8", "replace"), keep_blank_values=True)
        api.ledger.note(Request(method, self.path, params, status, started))
        if status is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif document is None:
            self._send_raw(
                status, {"Content-Type": "text/html"}, b"<html><body>Please log in to this network.</body></html>"
            )
        else:
            self._send(status, document)

    def _answer(
        self, api: Api, method: str, path: str, query: str, raw: bytes
    ) -> tuple[int | None, dict[str, Any] | None]:
        try:
            return api.answer(method, path, query, raw, self.headers.get("Authorization", ""))
        except RequestRefusedError as refused:
            return refused.http, refused.as_json()
        except ConnectionDroppedError:
            return None, {}
        except GarbledAnswerError:
            return 200, None

    def _send_raw(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Connection" not in headers:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if status != 204:
            self.wfile.write(data)

    def _send(self, status: int, document: object) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
