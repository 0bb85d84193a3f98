"""The webhook's throughput and p99 next to a bare Flask handler's, both under gunicorn with one worker, in turns."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bot.base.settings import ROOT
from bot.dev_server.launch import migrate_database
from bot.dev_server.redis_server import run_embedded_server
from tests.bench.load import requests, send_all

PUBLIC, TOKEN, ACCOUNT = "https://puente.test", "t" * 32, "AC" + "1" * 32
ROUNDS, FAMILIES, CONNECTIONS = 5, 60, 8


def webhook() -> dict[str, float]:
    """Return medians of five rounds in turns; `ratio` is ours over the bare handler's and must be at least 0.5."""
    with tempfile.TemporaryDirectory() as name, run_embedded_server(Path(name)) as redis_url:
        env = environment(name, redis_url)
        migrate_database(env["DATABASE_URL"])
        with serving("tests.bench.bare:app", env) as bare, serving("app:app", env) as ours:
            return _figures([_round(bare, ours, number) for number in range(ROUNDS)])


def _round(bare: int, ours: int, number: int) -> tuple[float, float, float, float]:
    first_messages = requests(PUBLIC, TOKEN, ACCOUNT, FAMILIES, str(number))
    more_messages = requests(PUBLIC, TOKEN, ACCOUNT, FAMILIES, str(number))  # the same families, already known
    send_all(ours, first_messages, CONNECTIONS)
    bare_rate, bare_times = send_all(bare, more_messages, CONNECTIONS)
    rate, times = send_all(ours, more_messages, CONNECTIONS)
    return bare_rate, rate, _p99(bare_times), _p99(times)


def _figures(rounds: list[tuple[float, float, float, float]]) -> dict[str, float]:
    bare, ours, bare_p99, p99 = (median(column) for column in zip(*rounds, strict=True))
    return {
        "bare_per_second": round(bare, 1),
        "webhook_per_second": round(ours, 1),
        "ratio": round(median(figures[1] / figures[0] for figures in rounds), 3),
        "bare_p99_ms": round(bare_p99 * 1000, 1),
        "webhook_p99_ms": round(p99 * 1000, 1),
        "p99_ratio": round(median(figures[3] / figures[2] for figures in rounds), 2),
    }


def _p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


def environment(folder: str, redis_url: str) -> dict[str, str]:
    """Return the settings of a measured process."""
    return {
        **os.environ,
        "REDIS_URL": redis_url,
        "DATABASE_URL": f"sqlite:///{folder}/bench.db",
        "VAR_DIR": folder,
        "PUBLIC_URL": PUBLIC,
        "DATA_KEY": secrets.token_hex(32),
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_SMS_FROM": "+12175550100",
    }


def free_port() -> int:
    """Find a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def serving(app: str, env: dict[str, str], port: int = 0) -> Iterator[int]:
    """Serve this app with gunicorn and yield the port."""
    port = port or free_port()
    threads = ["--worker-class", "bot.web.server.gunicorn_worker.Worker", "--workers", "1", "--threads", "8"]
    options = [*threads, "--log-level", "warning"]
    command = [sys.executable, "-m", "gunicorn", *options, "--no-control-socket", "--bind", f"127.0.0.1:{port}", app]
    process = subprocess.Popen(command, env=env, cwd=ROOT)
    try:
        _wait(port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=15)


def _wait(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server did not start")
