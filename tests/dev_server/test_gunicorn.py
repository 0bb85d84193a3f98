"""gunicorn as the Procfile starts it, with hostile clients (real processes, real sockets)."""

import runpy
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest

from bot.base.settings import ROOT
from bot.monitoring import notifier
from bot.runtime import Runtime
from bot.store.lifecycle import reindex
from bot.web.app import create_app
from bot.web.server import gunicorn_worker
from tests.dev_server.conftest import Start, wait_for

SLOW = "import bot.web.server.gunicorn_worker as w; w.MAX_REQUEST_READ_SECONDS = 1\n"
APP = """
def app(environ, start):
    environ["wsgi.input"].read()
    start("200 OK", [])
    return [f"{environ['SCRIPT_NAME']} {environ['PATH_INFO']}".encode()]
"""
BEGUN = {
    "headers": b"GET / HTTP/1.1\r\nHost: x\r\nX",
    "body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\na",
}


def parse_procfile_options() -> list[str]:
    """Return the Procfile's gunicorn options without its address, number of processes, and app."""
    (web,) = [line for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith("web:")]
    given = shlex.split(web.removeprefix("web: gunicorn "))[:-1]
    return [
        str(ROOT / one) if one == "gunicorn.conf.py" else one
        for number, one in enumerate(given)
        if "$" not in one and not (number + 1 < len(given) and "$" in given[number + 1])
    ]


@pytest.fixture
def port(start: Start, tmp_path: Path) -> Iterator[int]:
    """Start gunicorn as in the Procfile, with one second to read each request and an app that reads all of it."""
    (tmp_path / "slow.py").write_text(SLOW + APP)
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        found = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", *parse_procfile_options(), "--bind", f"127.0.0.1:{found}", "slow:app"]
    start(*command, VAR_DIR=str(tmp_path / "var"))
    wait_for(lambda: get_response(found))
    yield found


def get_response(port: int, path: str = "/", header: str = "X: x") -> bytes:
    """Return the answer, or nothing within eight seconds."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as client:
            client.settimeout(8)
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{header}\r\nConnection: close\r\n\r\n".encode())
            return b"".join(iter(lambda: client.recv(4096), b""))
    except OSError:
        return b""


@pytest.mark.parametrize("begun", BEGUN)
def test_stalled_clients_do_not_block_others(port: int, begun: str) -> None:
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(12)]
    for one in silent:
        one.sendall(BEGUN[begun])
    assert get_response(port)
    for one in silent:
        one.close()


def test_client_cannot_set_proxy_headers(port: int) -> None:
    """gunicorn trusts these headers from any local client, and some proxies pass them on.

    They would bypass a proxy that hides a page from other networks by its path.
    """
    assert b"\n /open/metrics\r\n" in get_response(port, "/open/metrics", "SCRIPT_NAME: /open")


def test_slow_upload_of_a_recording_has_enough_time() -> None:
    assert gunicorn_worker.MAX_REQUEST_READ_SECONDS * 5_000_000 / 8 > 16 * 1024 * 1024


def test_web_process_checks_keys_and_watches_for_alarms(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    is_watching, worker = Event(), SimpleNamespace(wsgi=create_app(runtime=runtime))
    monkeypatch.setattr(notifier, "check_forever", lambda given: given is runtime and is_watching.set())
    start_web_process = runpy.run_path(str(ROOT / "gunicorn.conf.py"))["post_worker_init"]
    start_web_process(worker)
    assert is_watching.wait(5)
    is_watching.clear()
    monkeypatch.setattr(reindex, "explain_unfit_database", lambda database: "another DATA_KEY")
    with pytest.raises(SystemExit, match="cannot start:\nanother DATA_KEY"):
        start_web_process(worker)
    assert not is_watching.is_set()
