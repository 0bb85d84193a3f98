"""The keeper starts a command again whenever it ends: `python -m bot.dev_server.supervisor [--holds FILE | --outlives
FILE] -- …`.

honcho stops everything when one of its processes ends; a worker that was killed must come back instead.  The command
gets a process group of its own, so that it can be stopped with all its children, even if a shell stands in between.

Keepers that hold a file are outlived by the keeper that outlives it: the server goes last, after all who write to it.
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
"""A command that ran this long was fine: its next end counts as the first."""

STOP_TIMEOUT_SECONDS = 4.0
"""How long a command may take to end; honcho would kill its keeper after five."""

POLL_INTERVAL_SECONDS = 0.1

_stop_signals: list[int] = []
"""The signals that asked this keeper to stop."""


def main(arguments: list[str]) -> int:
    """Keep the command after `--` running until SIGTERM or SIGINT; then stop it, by force if need be: 0."""
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
    """Run the command over and over; on being asked to stop: the child that runs, if one does."""
    delay = MIN_RESTART_DELAY_SECONDS
    while not _stop_signals:
        started_at = time.monotonic()
        child = subprocess.Popen(command, process_group=0)
        while child.poll() is None:
            if _stop_signals:
                return child
            time.sleep(POLL_INTERVAL_SECONDS)
        _signal_group(child.pid, signal.SIGKILL)  # what it left behind may hold its port
        if time.monotonic() - started_at > STABLE_RUN_SECONDS:
            delay = MIN_RESTART_DELAY_SECONDS
        _wait_before_restart(child.returncode, delay)
        delay = min(2 * delay, MAX_RESTART_DELAY_SECONDS)
    return None


def _wait_before_restart(code: int, delay: float) -> None:
    if not _stop_signals:
        number = -code if code < 0 else code - 128  # a shell in between tells of a signal in its way
        is_signal = number in set(signal.Signals)
        reason = f"was killed by {signal.Signals(number).name}" if is_signal else f"ended with code {code}"
        print(f"{reason}; starting it again in {delay:g} s", file=sys.stderr, flush=True)
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
    """Whether anybody was there to get the signal."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS says EPERM where only zombies are left
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
