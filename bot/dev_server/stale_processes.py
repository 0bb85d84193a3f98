"""One run at a time in one `var/`: the lock, and the processes that a killed run left behind.

Every process of a run carries `PUENTE_RUN=<its var/>` in the environment it started with, work-horses included.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

RUN_MARKER_VARIABLE = "PUENTE_RUN"

SERVER_PROCESS_NAMES = ("valkey-server", "redis-server")

TERMINATE_TIMEOUT_SECONDS = 6
"""A keeper needs up to four for its command, and one for those it outlives."""


class StartupError(Exception):
    """Puente cannot be started here and now; the message is a sentence with the remedy."""


@contextmanager
def hold_run_lock(var_dir: Path) -> Iterator[None]:
    """Hold `var/` for this process alone and stop what an earlier run left there.  Raises `CannotRun`."""
    try:
        var_dir.mkdir(parents=True, exist_ok=True)
        lock = os.open(var_dir / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartupError(f"{var_dir} cannot be written ({error.strerror}): make it writable.") from None
    try:
        # Not flock: honcho forks, and its forks would go on holding that after this process was killed.
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise StartupError(
            f"Puente is running in {var_dir} already: stop that first (Ctrl-C there), or start a second one with"
            " `make run PORT=8001 VAR_DIR=var2`."
        ) from None
    try:
        stop_run_processes(var_dir)
        yield
    finally:
        stop_run_processes(var_dir)
        os.close(lock)


def stop_run_processes(var_dir: Path) -> None:
    """Stop every process of a run in `var/` but this one, its parents and its children.

    Keepers first, or they start again what is stopped; the server last, it saves what the others do.
    """
    for is_selected in (_is_keeper, _is_not_server, _is_any):
        _stop_processes([process for process in _list_run_processes(var_dir) if is_selected(process)])


def _list_run_processes(var_dir: Path) -> Iterator[psutil.Process]:
    current_process = psutil.Process()
    own_processes = {current_process, *current_process.parents(), *current_process.children()}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process not in own_processes and process.uids().real == os.getuid() and is_run_process(process, var_dir):
                yield process


def is_run_process(process: psutil.Process, var_dir: Path) -> bool:
    """Whether this process is of a run in `var/`.  Raises `psutil.Error` if it is gone or not ours to look at."""
    if process.name() in SERVER_PROCESS_NAMES:  # it writes its title over its environment, but it works in its folder
        return process.cwd() == str(var_dir / "redis")
    return process.environ().get(RUN_MARKER_VARIABLE) == str(var_dir)


def _stop_processes(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.terminate()
    for process in psutil.wait_procs(processes, timeout=TERMINATE_TIMEOUT_SECONDS)[1]:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=1)


def _is_keeper(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return "bot.dev_server.supervisor" in process.cmdline()
    return False


def _is_not_server(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.name() not in SERVER_PROCESS_NAMES
    return False


def _is_any(process: psutil.Process) -> bool:
    return True
