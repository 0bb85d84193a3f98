"""`bot keys rotate` and `bot retain` as separate processes, killed with -9 at any moment, then run again."""

import os
import random
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select

from bot.base.database import Database, metadata, now
from bot.base.encryption import Vault
from bot.base.settings import ROOT
from bot.runtime import Runtime
from bot.store.cases import cases, deliveries
from bot.store.families import contacts
from bot.store.lifecycle import reencrypt
from tests.store.reading import newest_cases

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]
NEW = "the key of the next quarter long enough to be one"
FAMILIES, SENT = 1500, 4000


def run(runtime: Runtime, *words: str, data_key: str, kill_after: float | None = None) -> int:
    """Run the command; return its exit code, negative if it was killed."""
    given = runtime.settings
    env = dict(os.environ) | {
        "VAR_DIR": str(given.var_dir), "DATABASE_URL": given.database_url, "REDIS_URL": given.redis_url,
        "DATA_KEY": data_key, "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    one = subprocess.Popen([sys.executable, "-m", "bot", *words], env=env, cwd=ROOT, stdout=subprocess.DEVNULL)
    if kill_after is not None:
        time.sleep(kill_after)
        one.kill()
    return one.wait(timeout=120)


def test_rotation_survives_repeated_kills(runtime: Runtime) -> None:
    old = runtime.settings.data_keys[0]
    with runtime.database.write() as db:
        for number in range(FAMILIES):
            contact = contacts.add(db, f"+1217{number:07d}", "sms", now())
            new = cases.NewCase(
                contact.id, "talk_to_human", "info", "default", "a", "en", {"wrote": f"family {number}"}
            )
            cases.open_or_join(db, f"SM{number}", 0, new, now())
    both, seed = f"{NEW},{old}", random.Random(9)
    killed = 0
    for _ in range(6):
        killed += run(runtime, "keys", "rotate", data_key=both, kill_after=1.6 + seed.random()) < 0
    assert killed, "at least one was killed at work"
    both_keys = Database(runtime.settings.database_url, Vault([NEW, old]))
    with both_keys.read() as db:
        assert len({one.answers["wrote"] for one in newest_cases(db, FAMILIES)}) == FAMILIES
    assert run(runtime, "keys", "rotate", data_key=both) == 0
    with both_keys.read() as db:
        counts = reencrypt.count_by_key(db)
        assert (counts.older, counts.unknown) == (0, 0)
        assert len({one.answers["wrote"] for one in newest_cases(db, FAMILIES)}) == FAMILIES
    assert run(runtime, "keys", "reindex", data_key=both) == 0
    alone = Database(runtime.settings.database_url, Vault([NEW]))
    with alone.read() as db:
        assert all(contacts.find(db, f"+1217{number:07d}") for number in range(0, FAMILIES, 50))
        assert len({one.answers["wrote"] for one in newest_cases(db, FAMILIES)}) == FAMILIES
    both_keys.engine.dispose()
    alone.engine.dispose()


def test_retention_counts_each_row_once_despite_kills(runtime: Runtime) -> None:
    long_ago = now() - timedelta(days=400)
    row = {"kind": "notice", "staff": "ana_ruiz", "state": "delivered", "rank": 4, "attempts": 1}
    row |= {"due_at": long_ago, "created_at": long_ago}
    with runtime.database.write() as db:
        db.execute(insert(deliveries.deliveries), [{**row, "id": f"d{number}"} for number in range(SENT)])
    seed = random.Random(7)
    for _ in range(5):
        run(runtime, "retain", data_key=runtime.settings.data_key, kill_after=1.5 + seed.random() * 0.6)
    assert run(runtime, "retain", data_key=runtime.settings.data_key) == 0
    counts = metadata.tables["retention_counts"]
    with runtime.database.read() as db:
        assert db.execute(select(func.count()).select_from(deliveries.deliveries)).scalar_one() == 0
        assert db.execute(select(func.sum(counts.c.many))).scalar_one() == SENT
