"""What several machines share: a PostgreSQL (with or without a pooler) and a Redis on a port."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.databases import as_somebody, create, free_port, skip_or_fail, wait_for_port
from tests.machines.parts import redis_server


@pytest.fixture
def shared_redis(tmp_path: Path) -> Iterator[str]:
    with redis_server(tmp_path / "redis") as (port, _):
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture
def database(postgresql: str) -> str:
    """The URL of a new database without migrations."""
    return create(postgresql, "machines")


POOLER = """
[databases]
machines = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
server_reset_query_always = 0
logfile = {folder}/log
"""
"""Use far fewer connections to the database than to the pooler, so that each transaction gets another one."""


@contextmanager
def pgbouncer(folder: Path, database: str) -> Iterator[str]:
    """Start PgBouncer in transaction mode for this database and yield its URL."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if not found:
        skip_or_fail("This test needs PgBouncer: on Debian and Ubuntu, `sudo apt install pgbouncer`.")
    port, server = free_port(), database.rsplit(":", 1)[1].split("/", maxsplit=1)[0]
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "users").write_text('"puente" ""\n')
    (folder / "settings.ini").write_text(POOLER.format(server=server, port=port, folder=folder))
    process = subprocess.Popen(as_somebody([str(found), "-q", str(folder / "settings.ini")]))
    try:
        wait_for_port(port)
        yield f"postgresql://puente@127.0.0.1:{port}/machines"
    finally:
        process.terminate()
        process.wait(timeout=20)
