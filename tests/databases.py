"""The databases of the tests: a temporary PostgreSQL server, and an empty database of either kind for each test.

`PUENTE_TEST_DATABASE=postgresql` runs every test that asks for a database on PostgreSQL instead of SQLite.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, event, inspect
from sqlalchemy.util import LRUCache

from bot.base import settings
from bot.base.database import Database
from tests.scratch import MEMORY

ON_POSTGRESQL = os.environ.get("PUENTE_TEST_DATABASE") == "postgresql"
"""Whether the tests of this run use PostgreSQL."""

QUICK = (
    *("fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0"),
    *("autovacuum=off", "max_connections=200"),
)
"""The server's options. The data doesn't outlive the run, so it need not reach the disk."""


COMPILED: LRUCache[Any, Any] = LRUCache(5_000)
FIRST: list[Engine] = []


def quicken(engine: Engine) -> None:
    """Compile each statement once for all tests of this process, and let SQLite skip the sync to disk.

    The key of SQLAlchemy's cache includes the dialect, so the engines share that as well.
    """
    if not FIRST:
        engine.connect().close()  # this completes the dialect
        FIRST.append(engine)
    engine.dialect, engine._compiled_cache = FIRST[0].dialect, COMPILED
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _skip_sync)


def _skip_sync(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def skip_or_fail(reason: str) -> None:
    """Skip a test because of what this machine lacks, or fail it if the run must not skip tests."""
    if os.environ.get("PUENTE_NOTHING_SKIPPED"):
        pytest.fail(reason)
    pytest.skip(reason)


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs. Skip the test on a machine without PostgreSQL."""
    paths = [*sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True), shutil.which(name)]
    if not paths[0]:
        skip_or_fail("This test needs PostgreSQL: on Debian and Ubuntu, `sudo apt install postgresql`.")
    return str(paths[0])


def as_somebody(command: list[str]) -> list[str]:
    """Return the command for the user `postgres` if this is root, because PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.getuid() == 0 else command


def free_port() -> int:
    """Return a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for_port(port: int) -> None:
    """Wait until a process listens on the port, and fail after ten seconds."""
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"no process listens on port {port}")


def wait_for_database(url: str) -> None:
    """Wait until PostgreSQL accepts connections. It listens earlier ("the database system is starting up")."""
    for _ in range(300):
        try:
            psycopg.connect(url, connect_timeout=3).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise AssertionError("PostgreSQL didn't start")


@contextmanager
def cluster() -> Iterator[str]:
    """Run a PostgreSQL server, and yield its URL without the name of a database."""
    initdb, postgres = program("initdb"), program("postgres")
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="puente-pg-", dir=MEMORY))
    folder.chmod(0o777)
    data = str(folder / "data")
    init_command = [initdb, "-D", data, "-A", "trust", "-U", "puente", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    subprocess.run(as_somebody(init_command), check=True, capture_output=True)
    options = [argument for option in QUICK for argument in ("-c", option)]
    server_command = [postgres, "-D", data, "-p", str(port), "-k", str(folder), *options]
    log = (folder / "log").open("w")
    server = subprocess.Popen(as_somebody(server_command), stdout=log, stderr=log)
    try:
        wait_for_port(port)
        wait_for_database(f"postgresql://puente@127.0.0.1:{port}/postgres")
        yield f"postgresql://puente@127.0.0.1:{port}/"
    finally:
        _stop(data, server)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def _stop(data: str, server: "subprocess.Popen[bytes]") -> None:
    subprocess.run(as_somebody([program("pg_ctl"), "-D", data, "-m", "immediate", "stop"]), capture_output=True)
    server.wait(timeout=30)


def create(server: str, name: str, template: str = "template1") -> str:
    """Create a database as a copy of `template`, and return its URL. A database of the same name is dropped first."""
    with psycopg.connect(f"{server}postgres", autocommit=True) as db:
        db.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        db.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    return f"{server}{name}"


def migrate(url: str, revision: str = "head") -> None:
    """Migrate a database up to this revision."""
    config = Config(str(settings.ROOT / "alembic.ini"))
    config.attributes["url"] = url
    command.upgrade(config, revision)


ALONE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
COUNTED = "SELECT sequencename FROM pg_sequences WHERE last_value IS NOT NULL"


def fill_template(server: str, name: str) -> str:
    """Create a template with all tables and a database from it, and return the URL of the database."""
    migrate(create(server, f"{name}_template"))
    return create(server, name, f"{name}_template")


def empty(url: str) -> None:
    """Empty a database of `fill_template` and restart its sequences, which is much faster than creating it again.

    Only tables with rows are truncated: to truncate all tables takes as long as a copy of the database. If a test
    dropped or renamed a table, the database is created again.
    """
    server, _, name = url.rpartition("/")
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(ALONE)
        tables = [table for (table,) in db.execute(TABLES)]
        with psycopg.connect(f"{url}_template") as template:
            is_complete = sorted(tables) == sorted(table for (table,) in template.execute(TABLES))
        if is_complete:
            _empty(db, tables)
    if not is_complete:
        create(f"{server}/", name, f"{name}_template")


def _empty(db: "psycopg.Connection[tuple[str]]", tables: list[str]) -> None:
    filled = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM \"{name}\")" for name in tables)
    if used := [f'"{name}"' for (name,) in db.execute(filled).fetchall()]:
        db.execute(f"TRUNCATE {', '.join(used)} CASCADE")
    for (name,) in db.execute(COUNTED).fetchall():
        db.execute(f'ALTER SEQUENCE "{name}" RESTART')


def kept_on_disk(database: Database, folder: Path) -> bytes:
    """Return all stored bytes of a database: SQLite's files in this folder, or every value of every table."""
    if database.engine.dialect.name == "sqlite":
        return b"".join(path.read_bytes() for path in sorted(folder.rglob("puente.db*")))
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values(database.engine))


def values(engine: Engine) -> Iterator[object]:
    """Yield every value of every table, as the driver returns it."""
    with engine.connect() as db:
        for name in inspect(db).get_table_names():
            for row in db.exec_driver_sql(f'SELECT * FROM "{name}"'):
                yield from row
