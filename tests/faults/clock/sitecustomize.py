"""Shift the wall clock of a service's processes by what `PUENTE_CLOCK` (a file) says; monotonic clocks go on.

Python reads this before the program. A thread watches the file; each fork has its own. (Debian's libfaketime would do
it for every program, but with true monotonic clocks it breaks `time.sleep`.)
"""

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

FILE = Path(os.environ["PUENTE_CLOCK"])
READ_INTERVAL = 0.25


class Clock:
    """The current shift of this process. A fork starts with its parent's shift."""

    off: int = 0
    travel: time_machine.travel | None = None


def _follow() -> None:
    while True:
        try:
            told = int(FILE.read_text() or Clock.off)
        except (OSError, ValueError):
            told = Clock.off  # the file is being written
        if told != Clock.off:
            if Clock.travel:
                Clock.travel.stop()
            Clock.off, Clock.travel = told, None
            if told:
                Clock.travel = time_machine.travel(datetime.now(UTC) + timedelta(seconds=told), tick=True)
                Clock.travel.start()
        time.sleep(READ_INTERVAL)


def _begin() -> None:
    threading.Thread(target=_follow, name="clock", daemon=True).start()


os.register_at_fork(after_in_child=_begin)
_begin()
