"""The whole of `make run`, and the worker, with typical failures."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import pytest
from redis import Redis, RedisError
from rq import Queue
from rq.job import Job
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer

from bot.base.settings import ROOT
from bot.dev_server.redis_server import build_server_command, wait_for_server
from tests.dev_server.conftest import Start, wait_for
from tests.dev_server.test_launch import free_port, list_run_processes, read_output

pytestmark = pytest.mark.long

__all__ = ["free_port"]


def queue(redis: Redis, name: str = "default") -> Queue:
    return Queue(name, connection=redis, serializer=JSONSerializer)


def is_finished(job: Job) -> bool:
    try:
        return bool(job.get_status(refresh=True) == "finished")
    except RedisError:
        return False


@pytest.fixture
def whole_run(tmp_path: Path, start: Start, free_port: int) -> Iterator[subprocess.Popen[str]]:
    env = {"PORT": str(free_port), "VAR_DIR": str(tmp_path / "var")}
    yield start("sh", "-c", f"cd {ROOT} && exec {sys.executable} -m bot.dev_server", **env)
    for process in list_run_processes(tmp_path):
        process.kill()


def is_ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def list_processes(root: Path, words: str) -> list[psutil.Process]:
    """Return the processes whose command line begins with these words."""
    found = []
    for process in list_run_processes(root):
        with suppress(psutil.Error):
            found += [process] if " ".join(process.cmdline()).startswith(words) else []
    return found


def kill_processes(root: Path, words: str) -> list[psutil.Process]:
    """Kill them and wait until they are gone."""
    found = list_processes(root, words)
    for process in found:
        process.kill()
    psutil.wait_procs(found, timeout=5)
    return found


@pytest.mark.long
def test_all_processes_start_recover_and_stop(tmp_path: Path, whole_run: subprocess.Popen[str], free_port: int) -> None:
    wait_for(lambda: is_ready(free_port), 60)
    redis = Redis.from_url(build_server_command(tmp_path / "var" / "redis")[1])
    assert len(kill_processes(tmp_path, "python worker.py")) >= 2  # a work-horse may run a job at this moment
    # A job that is queued while Redis still lists the dead workers is lost to RQ. The sweep recovers it.
    wait_for(lambda: len(list_processes(tmp_path, "python worker.py")) == 2)
    job = queue(redis).enqueue("os.getpid", result_ttl=60)
    wait_for(lambda: is_finished(job), 30)
    server = next(
        process for process in list_run_processes(tmp_path) if process.name() in ("valkey-server", "redis-server")
    )
    server.kill()
    later = None
    while later is None:
        try:
            later = queue(redis).enqueue("os.getpid", result_ttl=60)
        except RedisError:
            later = None
    wait_for(lambda: is_finished(later), 30)
    wait_for(lambda: is_ready(free_port), 30)
    assert not FailedJobRegistry(queue=queue(redis, "urgent")).get_job_ids(cleanup=False)
    redis.close()
    whole_run.send_signal(signal.SIGINT)
    said = read_output(whole_run)
    assert whole_run.returncode == 0
    assert "First login:" in said
    assert not list_run_processes(tmp_path)


def is_waiting_for_work(redis: Redis) -> bool:
    return any(str(client["cmd"]).startswith("bl") or client["cmd"] == "brpop" for client in redis.client_list())


@pytest.mark.long
def test_worker_reconnects_within_seconds_after_redis_returns(tmp_path: Path, start: Start) -> None:
    command, url = build_server_command(tmp_path / "redis")
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    wait_for_server(url)
    with Redis.from_url(url) as redis:
        worker = start(sys.executable, str(ROOT / "worker.py"), REDIS_URL=url, VAR_DIR=str(tmp_path))
        first = queue(redis).enqueue("os.getpid", result_ttl=60)
        wait_for(lambda: is_finished(first), 30)
        # A worker that loses Redis between two jobs ends instead, and is started again (test_killed_process_restarts).
        wait_for(lambda: is_waiting_for_work(redis), 30)
        server.kill()
        server.wait()
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(5)  # it waits for Redis
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for_server(url)
        second = queue(redis, "urgent").enqueue("os.getpid", result_ttl=60)
        wait_for(lambda: is_finished(second), 8)
    worker.terminate()
    assert worker.wait(5) == 0
    server.terminate()
    server.wait()


def test_worker_without_redis_exits_with_an_error(tmp_path: Path, start: Start) -> None:
    worker = start(sys.executable, str(ROOT / "worker.py"), REDIS_URL=f"unix://{tmp_path}/none", VAR_DIR=str(tmp_path))
    said = read_output(worker)
    assert worker.returncode == 1
    assert "Redis does not answer" in said and "REDIS_URL" in said
    assert os.fspath(tmp_path) not in said  # an address may contain a password
