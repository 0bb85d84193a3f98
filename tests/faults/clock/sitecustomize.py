"""On the path of a line's processes: their wall clock is off by what `PUENTE_CLOCK` (a file) says; monotonic ones go on.

Python reads this before the program.  A thread looks at the file; each fork has one of its own.  (Debian's libfaketime
would do it for every program, but with true monotonic clocks it breaks `time.sleep`.)
"""

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

FILE = Path(os.environ["PUENTE_CLOCK"])
EVERY = 0.25


class Clock:
    """How far this process is off now; a fork begins with what the process that it came from had."""

    off: int = 0
    travel: time_machine.travel | None = None


def _follow() -> None:
    while True:
        try:
            told = int(FILE.read_text() or Clock.off)
        except (OSError, ValueError):
            told = Clock.off  # being written
        if told != Clock.off:
            if Clock.travel:
                Clock.travel.stop()
            Clock.off, Clock.travel = told, None
            if told:
                Clock.travel = time_machine.travel(datetime.now(UTC) + timedelta(seconds=told), tick=True)
                Clock.travel.start()
        time.sleep(EVERY)


def _begin() -> None:
    threading.Thread(target=_follow, name="clock", daemon=True).start()


os.register_at_fork(after_in_child=_begin)
_begin()
