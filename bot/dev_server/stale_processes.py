"""One run at a time in one `var/`: the lock, and the processes that a killed run left behind.

Every process of a run carries `PUENTE_RUN=<its var/>` in the environment it started with, work-horses included.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

MARK = "PUENTE_RUN"

SERVERS = ("valkey-server", "redis-server")

PATIENCE_SECONDS = 6
"""A keeper needs up to four for its command, and one for those it outlives."""


class CannotRun(Exception):
    """Puente cannot be started here and now; the message is a sentence with the remedy."""


@contextmanager
def alone(var: Path) -> Iterator[None]:
    """Hold `var/` for this process alone and stop what an earlier run left there.  Raises `CannotRun`."""
    try:
        var.mkdir(parents=True, exist_ok=True)
        lock = os.open(var / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotRun(f"{var} cannot be written ({error.strerror}): make it writable.") from None
    try:
        # Not flock: honcho forks, and its forks would go on holding that after this process was killed.
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise CannotRun(
            f"Puente is running in {var} already: stop that first (Ctrl-C there), or start a second one with"
            " `make run PORT=8001 VAR_DIR=var2`."
        ) from None
    try:
        stop_all(var)
        yield
    finally:
        stop_all(var)
        os.close(lock)


def stop_all(var: Path) -> None:
    """Stop every process of a run in `var/` but this one, its parents and its children.

    Keepers first, or they start again what is stopped; the server last, it saves what the others do.
    """
    for chosen in (_is_keeper, _is_no_server, _is_any):
        _stop([process for process in _marked(var) if chosen(process)])


def _marked(var: Path) -> Iterator[psutil.Process]:
    me = psutil.Process()
    ours = {me, *me.parents(), *me.children()}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process not in ours and process.uids().real == os.getuid() and belongs_to(process, var):
                yield process


def belongs_to(process: psutil.Process, var: Path) -> bool:
    """Whether this process is of a run in `var/`.  Raises `psutil.Error` if it is gone or not ours to look at."""
    if process.name() in SERVERS:  # it writes its title over its environment, but it works in its folder
        return process.cwd() == str(var / "redis")
    return process.environ().get(MARK) == str(var)


def _stop(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.terminate()
    for process in psutil.wait_procs(processes, timeout=PATIENCE_SECONDS)[1]:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=1)


def _is_keeper(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return "bot.dev_server.supervisor" in process.cmdline()
    return False


def _is_no_server(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.name() not in SERVERS
    return False


def _is_any(process: psutil.Process) -> bool:
    return True
