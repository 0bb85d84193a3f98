"""A gunicorn thread worker with a limit on the time to read a request (`worker_class` in gunicorn.conf.py).

A thread reads a request until it is complete. Without a limit, a dozen clients that send half a request would block
every thread forever, whether they lost their network or attack on purpose. No family would get an answer.
"""

import socket
import time
from contextlib import suppress
from typing import Any

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

MAX_REQUEST_READ_SECONDS = 30
"""How long a request may take to arrive: enough for 16 MB (a recording) on a slow network."""


class Worker(ThreadWorker):
    """gunicorn's thread worker, which stops reading a request that isn't complete in time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_deadlines: dict[Any, float] = {}

    def handle(self, conn: Any) -> Any:
        """Handle one request in a thread."""
        self._read_deadlines[conn] = time.monotonic() + MAX_REQUEST_READ_SECONDS
        try:
            return super().handle(conn)
        finally:
            del self._read_deadlines[conn]

    def murder_pending(self) -> None:
        """Stop reading requests that are too late. The main thread calls this every second.

        Only reading stops. A response that takes longer is still sent.
        """
        super().murder_pending()
        for conn, deadline in tuple(self._read_deadlines.items()):
            if time.monotonic() > deadline:
                with suppress(OSError):  # the client closed the connection
                    conn.sock.shutdown(socket.SHUT_RD)
