"""The supervisor: ended commands restart, stopped ones stay stopped, in the right order."""

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.dev_server.conftest import Start, is_running, wait_for

pytestmark = pytest.mark.long

SUPERVISOR_COMMAND = (sys.executable, "-m", "bot.dev_server.supervisor")


def read_ids(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_killed_command_restarts_and_ends_with_its_supervisor(tmp_path: Path, start: Start) -> None:
    keeper = start(*SUPERVISOR_COMMAND, "--", "sh", "-c", "echo $$ >> ids; exec sleep 100")
    wait_for(lambda: len(read_ids(tmp_path / "ids")) == 1)
    os.kill(read_ids(tmp_path / "ids")[0], signal.SIGKILL)
    wait_for(lambda: len(read_ids(tmp_path / "ids")) == 2)
    keeper.terminate()
    said, _ = keeper.communicate(timeout=5)
    assert keeper.returncode == 0
    assert said == "was killed by SIGKILL; restarting in 0.5 s\n"
    assert not any(map(is_running, read_ids(tmp_path / "ids")))


def test_exiting_command_restarts_with_growing_delay(tmp_path: Path, start: Start) -> None:
    keeper = start(*SUPERVISOR_COMMAND, "--", "sh", "-c", "echo $$ >> ids; exit 3")
    wait_for(lambda: len(read_ids(tmp_path / "ids")) == 3)
    keeper.send_signal(signal.SIGINT)
    said, _ = keeper.communicate(timeout=5)
    assert said.splitlines()[:2] == [f"ended with code 3; restarting in {delay} s" for delay in ("0.5", "1")]
    assert keeper.returncode == 0


def test_signal_reaches_the_command_through_a_shell(tmp_path: Path, start: Start) -> None:
    program = "import signal,sys,time; signal.signal(15, lambda *a: (time.sleep(.5), print('saved'), sys.exit()));"
    command = f'{sys.executable} -c "{program} print(1, flush=True); time.sleep(100)"; true'
    keeper = start(*SUPERVISOR_COMMAND, "--", "sh", "-c", command)
    assert keeper.stdout
    assert keeper.stdout.readline() == "1\n"
    keeper.terminate()
    assert keeper.communicate(timeout=5)[0] == "saved\n"


def test_stuck_command_is_killed_with_its_children(tmp_path: Path, start: Start) -> None:
    keeper = start(
        *SUPERVISOR_COMMAND,
        "--",
        "sh",
        "-c",
        "trap '' TERM; sleep 100 & echo $! >> ids; echo $$ >> ids; wait; sleep 100",
    )
    wait_for(lambda: len(read_ids(tmp_path / "ids")) == 2)
    keeper.terminate()
    assert keeper.wait(timeout=6) == 0
    assert not any(map(is_running, read_ids(tmp_path / "ids")))


def test_leftover_children_end_before_restart(tmp_path: Path, start: Start) -> None:
    start(*SUPERVISOR_COMMAND, "--", "sh", "-c", "sleep 100 & echo $! >> children; echo $$ >> ids; wait")
    wait_for(lambda: len(read_ids(tmp_path / "ids")) == 1)
    os.kill(read_ids(tmp_path / "ids")[0], signal.SIGKILL)
    wait_for(lambda: len(read_ids(tmp_path / "ids")) == 2)
    assert not is_running(read_ids(tmp_path / "children")[0])


def test_server_stops_after_its_writers(tmp_path: Path, start: Start) -> None:
    lock = str(tmp_path / "lock")
    server = start(
        *SUPERVISOR_COMMAND,
        "--outlives",
        lock,
        "--",
        "sh",
        "-c",
        "trap 'echo server >> ends; exit' TERM; echo $$ >> ids; sleep 100 & wait",
    )
    writer = start(
        *SUPERVISOR_COMMAND,
        "--holds",
        lock,
        "--",
        "sh",
        "-c",
        "trap 'sleep 1; echo writer >> ends; exit' TERM; echo $$ >> ids; sleep 100 & wait",
    )
    wait_for(lambda: len(read_ids(tmp_path / "ids")) == 2)
    server.terminate()
    writer.terminate()
    assert (server.wait(8), writer.wait(8)) == (0, 0)
    assert (tmp_path / "ends").read_text().split() == ["writer", "server"]
