"""The runbook's own commands for backup and restore, run exactly as documented.

The restored database is that of the backup, although its processes were killed and left files behind.
"""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from bot.base.redis_client import RedisFromUrl
from bot.base.settings import ROOT
from bot.dev_server.redis_server import run_embedded_server
from tests.databases import cluster, create, migrate, program, skip_or_fail

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
KILLED = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA wal_autocheckpoint=0")
db.executemany("INSERT INTO witness VALUES (?)", [("after",)] * 500)
db.commit()
os._exit(9)
"""


def read_command_blocks(heading: str) -> list[str]:
    """Return the command blocks below a heading, in order."""
    _, _, below = RUNBOOK.partition(f"### {heading}\n")
    return re.findall(r"^```sh\n(.*?)^```", below.partition("\n### ")[0], re.M | re.S)


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with run_embedded_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def run(tmp_path: Path, redis: str) -> Callable[[str, str], str]:
    """Run a block on this database with `deploy/puente`, as the runbook says; return its output."""
    (tmp_path / "backups").mkdir()

    def block(url: str, commands: str) -> str:
        given = {
            "DATABASE_URL": url,
            "REDIS_URL": redis,
            "BACKUPS": f"{tmp_path}/backups",
            "ENVIRONMENT": "development",
        }
        given |= {"VAR_DIR": str(tmp_path), "DATA_KEY": "d" * 40, "TRANSLATOR": "off"}
        (tmp_path / "env").write_text("".join(f"{name}='{value}'\n" for name, value in given.items()))
        environment = {"PATH": os.environ["PATH"], "SETTINGS": f"{tmp_path}/env", "RUN_AS": "root"}
        command = [ROOT / "deploy" / "puente", "bash", "-euc", commands]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return block


def run_last_block(run: Callable[[str, str], str], url: str, redis: str) -> None:
    """Run the last block: tables, an empty Redis, nothing sends by itself."""
    with RedisFromUrl.from_url(redis) as client:
        client.set("newer", "than the backup")
        assert "held: 0" in run(url, read_command_blocks("Restore")[2])
        assert not client.keys("newer")


def test_sqlite_runbook_commands_work(tmp_path: Path, run: Callable[[str, str], str], redis: str) -> None:
    if subprocess.run(["which", "sqlite3"], capture_output=True).returncode:
        skip_or_fail("This test needs sqlite3: on Debian and Ubuntu, `sudo apt install sqlite3`.")
    file = tmp_path / "puente.db"
    url = f"sqlite:///{file}"
    migrate(url)
    with sqlite3.connect(file) as db:
        db.executescript("CREATE TABLE witness (at TEXT); INSERT INTO witness VALUES ('before')")
    assert run(url, read_command_blocks("Back up")[1]).strip() == "ok"
    subprocess.run([sys.executable, "-c", KILLED, str(file)])
    assert file.with_name("puente.db-wal").stat().st_size > 0, "a killed process has left what is newer"
    run(url, read_command_blocks("Restore")[1])
    with sqlite3.connect(file) as db:
        assert db.execute("SELECT DISTINCT at FROM witness").fetchall() == [("before",)]
    run_last_block(run, url, redis)


def test_postgresql_runbook_commands_work(run: Callable[[str, str], str], redis: str) -> None:
    for name in ("pg_dump", "pg_restore", "createdb", "psql"):
        program(name)
    with cluster() as server:
        url = create(server, "puente")
        migrate(url)
        with psycopg.connect(url, autocommit=True) as db:
            db.execute("CREATE TABLE witness (at TEXT)")
            db.execute("INSERT INTO witness VALUES ('before')")
        run(url, read_command_blocks("Back up")[0])
        with psycopg.connect(url, autocommit=True) as db:
            db.execute("INSERT INTO witness VALUES ('after')")
        run(url, read_command_blocks("Restore")[0])
        with psycopg.connect(url) as db:
            assert db.execute("SELECT at FROM witness").fetchall() == [("before",)]
        with psycopg.connect(f"{server}puente_broken") as db:
            assert len(db.execute("SELECT at FROM witness").fetchall()) == 2, "the broken one is kept"
        run_last_block(run, url, redis)
