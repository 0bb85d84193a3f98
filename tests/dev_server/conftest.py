"""Real processes: each test cleans up what it started, by id."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from bot.base.settings import ROOT

Start = Callable[..., subprocess.Popen[str]]


def wait_for(what: Callable[[], object], seconds: float = 15) -> None:
    """Wait until `what()` is true; fail with its name after `seconds`."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.05)


def is_running(process_id: int) -> bool:
    """Return whether the process runs. A zombie does not count."""
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE)
    return False


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a command in `tmp_path` with this checkout importable; its output goes to a pipe."""
    started: list[subprocess.Popen[str]] = []

    def begin(*command: str, **env: str) -> subprocess.Popen[str]:
        clean = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATABASE_URL", "PORT")}
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=clean | {"PYTHONPATH": str(ROOT)} | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.terminate()
        try:
            process.wait(12)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout:
            process.stdout.close()
