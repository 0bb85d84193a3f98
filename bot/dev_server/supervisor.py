"""Restart a command whenever it ends: `python -m bot.dev_server.supervisor [--holds FILE | --outlives FILE] -- …`.

honcho stops everything when one of its processes ends, but a killed worker must restart. The command gets its own
process group, so that it can be stopped with all its children, even with a shell in between.

A supervisor with `--outlives FILE` stops after all supervisors with `--holds FILE`. The server stops last in this way,
after all processes that write to it.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time

MIN_RESTART_DELAY_SECONDS = 0.5
MAX_RESTART_DELAY_SECONDS = 5.0
STABLE_RUN_SECONDS = 10.0
"""After a run of this length, the restart delay starts from its minimum."""

STOP_TIMEOUT_SECONDS = 4.0
"""How long a command can take to stop. honcho kills the supervisor after five seconds."""

POLL_INTERVAL_SECONDS = 0.1

_stop_signals: list[int] = []
"""The signals that asked this supervisor to stop."""


def main(arguments: list[str]) -> int:
    """Keep the command after `--` running until SIGTERM or SIGINT. Then stop it, by force if needed. Return 0."""
    separator = arguments.index("--")
    options, command = arguments[:separator], arguments[separator + 1 :]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: _stop_signals.append(number))
    lock = os.open(options[1], os.O_RDWR | os.O_CREAT, 0o600) if options else None
    if lock is not None and options[0] == "--holds":
        fcntl.flock(lock, fcntl.LOCK_SH)
    child = _run_repeatedly(command)
    if child and lock is not None and options[0] == "--outlives":
        _wait_for_others(lock)
    if child:
        _stop_child(child)
    return 0


def _run_repeatedly(command: list[str]) -> subprocess.Popen[bytes] | None:
    """Run the command repeatedly. When asked to stop, return the running child, if there is one."""
    delay = MIN_RESTART_DELAY_SECONDS
    while not _stop_signals:
        started_at = time.monotonic()
        child = subprocess.Popen(command, process_group=0)
        while child.poll() is None:
            if _stop_signals:
                return child
            time.sleep(POLL_INTERVAL_SECONDS)
        _signal_group(child.pid, signal.SIGKILL)  # remaining children may hold its port
        if time.monotonic() - started_at > STABLE_RUN_SECONDS:
            delay = MIN_RESTART_DELAY_SECONDS
        _wait_before_restart(child.returncode, delay)
        delay = min(2 * delay, MAX_RESTART_DELAY_SECONDS)
    return None


def _wait_before_restart(code: int, delay: float) -> None:
    if not _stop_signals:
        number = -code if code < 0 else code - 128  # a shell in between reports a signal as 128 + number
        reason = f"ended with code {code}"
        if number in set(signal.Signals):
            reason = f"was killed by {signal.Signals(number).name}"
        print(f"{reason}; restarting in {delay:g} s", file=sys.stderr, flush=True)
    deadline = time.monotonic() + delay
    while not _stop_signals and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL_SECONDS)


def _wait_for_others(lock: int) -> None:
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS + 0.5
    while time.monotonic() < deadline:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(POLL_INTERVAL_SECONDS)


def _stop_child(child: subprocess.Popen[bytes]) -> None:
    _signal_group(child.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    while (child.poll() is None or _signal_group(child.pid, 0)) and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL_SECONDS)
    _signal_group(child.pid, signal.SIGKILL)
    child.wait()


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to a process group. Return whether it has a process."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS reports EPERM if only zombies remain
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
