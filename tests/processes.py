"""Find the processes that a test run has started, including orphaned ones."""

import os
import signal
from contextlib import suppress
from uuid import uuid4

import psutil

MARK = "PUENTE_TEST_RUN"
"""A variable that every process of a run inherits."""
GRACE_SECONDS = 5


def mark_own_processes() -> None:
    """Mark processes that this one starts from now on, to tell them from other runs.

    SIGTERM (of `timeout`, of a CI) becomes Ctrl-C: otherwise pytest ends at once and leaves its servers running.
    """
    os.environ[MARK] = uuid4().hex
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def end_leftover_processes() -> list[str]:
    """Kill what still runs of this run after a grace period; return the command lines.

    Look again until nothing is found: an ending process may have started another one.
    """
    told: list[str] = []
    while processes := [process for process in psutil.process_iter() if _is_marked(process)]:
        _gone, left = psutil.wait_procs(processes, timeout=GRACE_SECONDS)
        for process in left:
            told.append(f"{process.pid} {_describe(process)}")
            with suppress(psutil.NoSuchProcess):
                process.kill()
    return told


def _is_marked(process: psutil.Process) -> bool:
    try:
        is_own = process.environ().get(MARK) == os.environ[MARK]
        return is_own and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):  # it is gone, or belongs to another user
        return False


def _describe(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return "gone by now"
