"""`make run` with a small Procfile: one run at a time, no leftovers, and a clear message if it can't start."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bot.dev_server.launch import check_port, migrate_database
from bot.dev_server.redis_server import wait_for_server
from bot.dev_server.stale_processes import SERVER_PROCESS_NAMES, StartupError, is_run_process, stop_run_processes
from tests.dev_server.conftest import Start, is_running, wait_for

pytestmark = pytest.mark.long

PROGRAM = (
    "import sys; from pathlib import Path; from bot.dev_server.launch import main; sys.exit(main(Path(sys.argv[1])))"
)
PROCFILE = """
web: echo $REDIS_URL > web.url; echo $$ > web.id; exec sleep 100
worker: echo $$ >> worker.ids; exec sleep 100
"""


@pytest.fixture
def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def run(tmp_path: Path, start: Start, free_port: int) -> Iterator[Start]:
    """Start Puente with the small Procfile; stop everything at the end, whatever the test did."""
    (tmp_path / "Procfile").write_text(PROCFILE)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "migrations" / "env.py").touch()
    settings = {"PORT": str(free_port), "VAR_DIR": str(tmp_path / "var")}
    yield lambda **env: start(sys.executable, "-c", PROGRAM, str(tmp_path), **(settings | env))
    for process in list_run_processes(tmp_path):
        process.kill()


def list_run_processes(root: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if is_run_process(process, root / "var"):
                found.append(process)
        except psutil.Error:
            continue
    return found


def is_up(root: Path) -> bool:
    ids = root / "worker.ids"
    return (root / "web.id").exists() and ids.exists() and len(ids.read_text().split()) == 2


def read_output(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=15)[0]


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_stops_all_processes(tmp_path: Path, run: Start, number: signal.Signals) -> None:
    running = run()
    wait_for(lambda: is_up(tmp_path))
    running.send_signal(number)
    said = read_output(running)
    assert running.returncode == 0, said
    assert "Traceback" not in said
    assert not list_run_processes(tmp_path)


def test_processes_get_the_embedded_server_address(tmp_path: Path, run: Start) -> None:
    run()
    wait_for(lambda: is_up(tmp_path))
    wait_for_server((tmp_path / "web.url").read_text().strip())


def test_configured_server_replaces_the_embedded_one(tmp_path: Path, run: Start, redis_url: str) -> None:
    run(REDIS_URL=redis_url)
    wait_for(lambda: is_up(tmp_path))
    assert (tmp_path / "web.url").read_text().strip() == redis_url
    assert not (tmp_path / "var" / "redis").exists()


@pytest.mark.long
def test_killed_process_restarts(tmp_path: Path, run: Start) -> None:
    run()
    wait_for(lambda: is_up(tmp_path))
    first = (tmp_path / "web.id").read_text()
    os.kill(int(first), signal.SIGKILL)
    wait_for(lambda: (tmp_path / "web.id").read_text().strip() not in ("", first.strip()))


@pytest.mark.long
def test_second_run_reports_the_running_one(tmp_path: Path, run: Start) -> None:
    running = run()
    wait_for(lambda: is_up(tmp_path))
    second = run()
    assert "is already running in" in read_output(second)
    assert second.returncode == 1
    assert running.poll() is None
    assert is_running(int((tmp_path / "web.id").read_text()))


@pytest.mark.long
def test_next_start_stops_leftovers_of_a_killed_run(tmp_path: Path, run: Start) -> None:
    running = run()
    wait_for(lambda: is_up(tmp_path))
    running.kill()
    running.wait()
    left = [process.pid for process in list_run_processes(tmp_path) if process.name() in SERVER_PROCESS_NAMES]
    assert left
    left += [int(number) for name in ("web.id", "worker.ids") for number in (tmp_path / name).read_text().split()]
    assert all(map(is_running, left))
    for name in ("web.id", "worker.ids"):
        (tmp_path / name).unlink()
    again = run()
    wait_for(lambda: is_up(tmp_path))
    assert not any(map(is_running, left))
    again.terminate()
    assert "Traceback" not in read_output(again)
    assert not list_run_processes(tmp_path)


@pytest.mark.long
def test_orphaned_server_is_stopped(tmp_path: Path, run: Start) -> None:
    run()
    wait_for(
        lambda: (
            is_up(tmp_path) and any(process.name() in SERVER_PROCESS_NAMES for process in list_run_processes(tmp_path))
        )
    )
    (server,) = [process for process in list_run_processes(tmp_path) if process.name() in SERVER_PROCESS_NAMES]
    for process in list_run_processes(tmp_path):
        if process != server:
            process.kill()
    stop_run_processes(tmp_path / "var")
    assert not is_running(server.pid)


def test_port_in_use_is_reported(tmp_path: Path, run: Start, free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)):
        second = run()
        said = read_output(second)
    assert (
        said
        == f"Port {free_port} cannot be used (address already in use): choose another one with `make run PORT=8001`.\n"
    )
    assert second.returncode == 1


def test_free_port_is_accepted(free_port: int) -> None:
    check_port(free_port)


def test_invalid_setting_is_reported_in_one_line(run: Start) -> None:
    bad = run(PORT="many")
    said = read_output(bad)
    assert said.startswith("PORT is not valid")
    assert said.count("\n") == 1
    assert bad.returncode == 1


def test_unwritable_var_folder_is_reported(tmp_path: Path, run: Start) -> None:
    (tmp_path / "file").touch()
    bad = run(VAR_DIR=str(tmp_path / "file" / "var"))
    said = read_output(bad)
    assert "cannot be written" in said
    assert said.count("\n") == 1
    assert bad.returncode == 1


def test_unreachable_database_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="check DATABASE_URL"):
        migrate_database(f"sqlite:///{tmp_path}/no/such/folder/puente.db")
