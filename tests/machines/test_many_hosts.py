"""Two web hosts, four worker hosts, and two schedulers on one PostgreSQL: no deadlock, no duplicates, no losses."""

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.machines.conftest import pgbouncer
from tests.machines.parts import EMERGENCY, Deployment, deployed, until

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
FAMILIES = 40


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's own user can read. pytest's folders are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="puente-hosts-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["directly", "through pgbouncer"])
def hosts(request: pytest.FixtureRequest, open_folder: Path, shared_redis: str, database: str) -> Iterator[Deployment]:
    if request.param == "directly":
        with deployed(open_folder, shared_redis, database) as made:
            yield made
        return
    with pgbouncer(open_folder / "pooler", database) as url, deployed(open_folder, shared_redis, database, url) as made:
        yield made


def one_family(hosts: Deployment, number: int) -> None:
    """Say hello, report an emergency (Twilio sends it to two hosts at once), and opt out."""
    phone = f"+1217559{number:04d}"
    hosts.tell(phone, "hello, good morning", tries=6)
    same = f"SM{uuid4().hex}"
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(lambda _: hosts.tell(phone, EMERGENCY, 10, same), range(2))
    assert first == second and "911" in first
    assert "START" in hosts.tell(phone, "STOP", tries=6)
    assert "<Message>" not in hosts.tell(phone, "hello again", tries=6)


def test_two_web_and_four_worker_hosts_share_the_load(hosts: Deployment, database: str) -> None:
    hosts.web("web2")
    for number in range(1, 5):
        hosts.host(f"worker{number}", "worker")
    for number in (1, 2):
        hosts.host(f"scheduler{number}", "scheduler")
    until(hosts.ready)
    with ThreadPoolExecutor(10) as phones:
        list(phones.map(lambda number: one_family(hosts, number), range(FAMILIES)))
    hosts.all_told(FAMILIES)
    with psycopg.connect(database) as db:
        assert db.execute("SELECT sum(deadlocks) FROM pg_stat_database").fetchone() == (0,)
        assert db.execute("SELECT count(*), count(DISTINCT message_sid) FROM cases").fetchone() == (FAMILIES, FAMILIES)
    said = hosts.said()
    assert "Traceback" not in said and "deadlock" not in said, said[-3000:]
    assert hosts.answers["500"] == 0
    print(f"\n{FAMILIES} families, {sum(hosts.answers.values())} posts: {dict(hosts.answers)}")
