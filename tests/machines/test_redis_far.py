"""Redis on separate machines: three Sentinels that choose a new master, and a server with TLS."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from redis import Redis

from bot.base.redis_client import RedisFromUrl
from tests.databases import free_port, wait_for_port
from tests.machines.parts import EMERGENCY, Deployment, deployed, redis_server, until

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def start(hosts: Deployment) -> None:
    for kind in ("worker", "scheduler"):
        hosts.host(kind, kind, kept=True)
    until(hosts.ready)


SENTINEL = """
port {port}
bind 127.0.0.1
dir {folder}
sentinel monitor line 127.0.0.1 {master} 2
sentinel down-after-milliseconds line 1500
sentinel failover-timeout line 6000
"""


@contextmanager
def sentinels(folder: Path, master: int) -> Iterator[str]:
    """Start three Sentinels for this master; return the URL of the master they report."""
    with ExitStack() as all_three:
        ports = []
        for number in range(3):
            place = folder / f"sentinel{number}"
            place.mkdir()
            ports.append(free_port())
            (place / "sentinel.conf").write_text(SENTINEL.format(port=ports[-1], folder=place, master=master))
            command = [_server(), str(place / "sentinel.conf"), "--sentinel"]
            process = subprocess.Popen(command, stdout=(place / "log").open("wb"))
            all_three.callback(process.wait)
            all_three.callback(process.kill)
            wait_for_port(ports[-1])
        one = Redis(port=ports[0])
        until(lambda: one.sentinel_master("line")["num-other-sentinels"] == 2)
        until(lambda: one.sentinel_master("line")["num-slaves"] == 1)
        yield f"redis+sentinel://{','.join(f'127.0.0.1:{port}' for port in ports)}/line/0"


def _server() -> str:
    from bot.dev_server.redis_server import find_server_binary

    return find_server_binary()


def test_service_follows_sentinels_to_a_new_master(tmp_path: Path, database: str) -> None:
    first = redis_server(tmp_path / "first")
    with (
        first as (master, process),
        redis_server(tmp_path / "second", "--replicaof", f"127.0.0.1 {master}") as (other, _),
    ):
        until(lambda: Redis(port=other).info("replication")["master_link_status"] == "up")
        with sentinels(tmp_path, master) as url, deployed(tmp_path, url, database) as hosts:
            start(hosts)
            hosts.tell("+12175550001", EMERGENCY)
            hosts.all_told(1)
            process.kill()
            assert "911" in hosts.tell("+12175550002", EMERGENCY), "answered from the database alone, or by the new one"
            until(lambda: Redis(port=other).info("replication")["role"] == "master")
            hosts.all_told(2, 90)
            seconds = until(hosts.ready, 90)
            assert "Lunch" in hosts.tell("+12175550003", "what is for lunch") or hosts.answers["200"] >= 3
            hosts.tell("+12175550003", EMERGENCY)
            hosts.all_told(3, 60)
            print(f"\nready again {seconds:.0f} s after the new master was asked")


@contextmanager
def behind_tls(folder: Path, port: int) -> Iterator[tuple[int, Path]]:
    """Serve TLS for a server without it, with its own certificate; yield the port and the CA file.

    The embedded server has no TLS built in.
    """
    folder.mkdir()
    own, key = folder / "ca.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*made, *names, "-keyout", str(key), "-out", str(own)], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own, key)
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, context, port), daemon=True).start()
    try:
        yield listener.getsockname()[1], own
    finally:
        listener.close()


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    while True:
        try:
            caller, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(caller, context, port), daemon=True).start()


def _serve(caller: socket.socket, context: ssl.SSLContext, port: int) -> None:
    here = ("127.0.0.1", port)
    with (
        suppress(OSError),
        context.wrap_socket(caller, server_side=True) as outside,
        socket.create_connection(here) as inside,
    ):
        threading.Thread(target=_pump, args=(inside, outside), daemon=True).start()
        _pump(outside, inside)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError, ValueError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def test_service_works_with_redis_over_tls(tmp_path: Path, database: str) -> None:
    with redis_server(tmp_path / "redis") as (port, _), behind_tls(tmp_path / "tls", port) as (safe, authority):
        url = f"rediss://localhost:{safe}/0"
        with pytest.raises(Exception, match="certificate"):
            RedisFromUrl.from_url(url).ping()  # an unknown CA is refused
        with deployed(tmp_path, f"{url}?ssl_ca_certs={authority}", database) as hosts:
            start(hosts)
            hosts.tell("+12175550001", EMERGENCY)
            hosts.all_told(1, 60)
            assert Redis(port=port).client_list() and "rediss" not in hosts.said()
