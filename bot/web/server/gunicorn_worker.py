"""gunicorn's threads (`worker_class` in gunicorn.conf.py), which wait for nobody without end.

A thread reads a request until it is whole.  A dozen clients that begin one and fall silent (a phone that lost its net,
somebody who means harm) would hold every thread for ever, and no message of a family would be answered.
"""

import socket
import time
from contextlib import suppress
from typing import Any

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

MAX_REQUEST_READ_SECONDS = 30
"""So long a request may take to come in: sixteen megabytes (a recording) on a slow line.  Twilio's take an instant."""


class Worker(ThreadWorker):
    """Threads as gunicorn's; what has not come in whole in time is read no further."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_deadlines: dict[Any, float] = {}

    def handle(self, conn: Any) -> Any:
        """One request, in one of the threads."""
        self._read_deadlines[conn] = time.monotonic() + MAX_REQUEST_READ_SECONDS
        try:
            return super().handle(conn)
        finally:
            del self._read_deadlines[conn]

    def murder_pending(self) -> None:
        """Every second, in the main thread: who is too late.  Only reading ends: an answer that takes longer to make
        still goes out."""
        super().murder_pending()
        for conn, deadline in tuple(self._read_deadlines.items()):
            if time.monotonic() > deadline:
                with suppress(OSError):  # it has gone by itself
                    conn.sock.shutdown(socket.SHUT_RD)
