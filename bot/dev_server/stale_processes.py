"""Allow one run at a time per `var/` with a lock, and stop the processes that a killed run left behind.

Every process of a run, including RQ work-horses, starts with `PUENTE_RUN=<its var/>` in its environment.
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
"""A supervisor needs up to four seconds for its command, and one for the processes that it outlives."""


class StartupError(Exception):
    """Puente cannot start. The message has the remedy."""


@contextmanager
def hold_run_lock(var_dir: Path) -> Iterator[None]:
    """Lock `var/` for this process, and stop processes of an earlier run. Raises `StartupError`."""
    try:
        var_dir.mkdir(parents=True, exist_ok=True)
        lock = os.open(var_dir / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartupError(f"{var_dir} cannot be written ({error.strerror}): make it writable.") from None
    try:
        # Not flock: honcho's forks would hold that lock after this process was killed.
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise StartupError(
            f"Puente is already running in {var_dir}: stop it with Ctrl-C in its terminal, or start a second one with"
            " `make run PORT=8001 VAR_DIR=var2`."
        ) from None
    try:
        stop_run_processes(var_dir)
        yield
    finally:
        stop_run_processes(var_dir)
        os.close(lock)


def stop_run_processes(var_dir: Path) -> None:
    """Stop every process of a run in `var/` except this one, its parents, and its children.

    Supervisors stop first, since they restart other processes. The server stops last, since the others write to it.
    """
    _stop_processes([process for process in _list_run_processes(var_dir) if _is_supervisor(process)])
    _stop_processes([process for process in _list_run_processes(var_dir) if _is_not_server(process)])
    _stop_processes(list(_list_run_processes(var_dir)))


def _list_run_processes(var_dir: Path) -> Iterator[psutil.Process]:
    current_process = psutil.Process()
    own_processes = {current_process, *current_process.parents(), *current_process.children()}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process not in own_processes and process.uids().real == os.getuid() and is_run_process(process, var_dir):
                yield process


def is_run_process(process: psutil.Process, var_dir: Path) -> bool:
    """Return whether a process belongs to a run in `var/`. Raises `psutil.Error` if it ended or is not accessible."""
    if process.name() in SERVER_PROCESS_NAMES:  # the server overwrites its environment with its title
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


def _is_supervisor(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return "bot.dev_server.supervisor" in process.cmdline()
    return False


def _is_not_server(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.name() not in SERVER_PROCESS_NAMES
    return False
