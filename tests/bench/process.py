"""What a process needs: seconds until it serves, and its private memory after typical messages."""

import tempfile
import time
from pathlib import Path

import psutil

from bot.dev_server.launch import migrate_database
from bot.dev_server.redis_server import run_embedded_server
from tests.bench.load import requests, send_all
from tests.bench.webhook import ACCOUNT, PUBLIC, TOKEN, environment, serving


def process() -> dict[str, float]:
    """Measure the web process's start-up in seconds, its memory in MB (unique set size, at most 200), and a worker's."""
    with tempfile.TemporaryDirectory() as name, run_embedded_server(Path(name)) as redis_url:
        env = environment(name, redis_url)
        migrate_database(env["DATABASE_URL"])
        began = time.perf_counter()
        with serving("app:app", env) as port:
            send_all(port, requests(PUBLIC, TOKEN, ACCOUNT, 1, "first"), 1)
            seconds = time.perf_counter() - began
            send_all(port, requests(PUBLIC, TOKEN, ACCOUNT, 200, "more"), 8)
            memory = _megabytes(_web())
        return {"web_seconds_to_first_answer": round(seconds, 2), "web_mb": memory}


def _web() -> psutil.Process:
    """Find the gunicorn worker: the youngest grandchild of this process."""
    return max(psutil.Process().children(recursive=True), key=lambda child: child.create_time())


def _megabytes(worker: psutil.Process) -> float:
    return round(worker.memory_full_info().uss / 1e6, 1)
