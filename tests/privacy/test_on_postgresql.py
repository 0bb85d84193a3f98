"""The same on PostgreSQL: keys, erasure by text, rotation, an export, and retention of one row in every table."""

from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import delete, select, update

from bot.base.database import Database, metadata, now
from bot.base.encryption import FAMILY_KEY_MARKER, Vault
from bot.retention import job
from bot.runtime import Runtime
from bot.store.lifecycle import reencrypt, subject_access_export
from bot.web.app import create_app
from tests.conftest import NOW, Family, migrate
from tests.privacy.test_erasure import add_rows
from tests.store.reading import newest_cases
from tests.store.test_postgres import url

__all__ = ["url"]
pytestmark = pytest.mark.long
NEW = "the key of the next quarter long enough to be one"


@pytest.fixture
def here(url: str, runtime: Runtime) -> Runtime:
    migrate(url)
    opened = replace(runtime, database=Database(url, Vault(runtime.settings.data_keys)))
    with opened.database.write() as db:
        for table in reversed(metadata.sorted_tables):
            db.execute(delete(table))
    return opened


def test_rotation_export_and_erasure_work_on_postgresql(here: Runtime, url: str) -> None:
    family = Family(here, create_app(runtime=here).test_client(), "+12175550177")
    family.text("english")
    family.text("I want to talk to a person, my landlord is Mr Quill")
    old = here.settings.data_keys[0]
    both = Database(url, Vault([NEW, old]))
    with both.read() as db:
        assert reencrypt.count_by_key(db).older > 0
        assert all(one.answers for one in newest_cases(db, 5))
    for _ in reencrypt.reencrypt_all(both):
        pass
    with both.read() as db:
        counts = reencrypt.count_by_key(db)
        assert (counts.older, counts.unknown, counts.to_reencrypt) == (0, 0, 0)
        assert counts.own > 0
        assert "Quill" in str(newest_cases(db, 5))
        assert "Quill" in str(subject_access_export.export_family(db, 1) or subject_access_export.export_family(db, 2))
    now_here = replace(here, database=both)
    again = Family(now_here, create_app(runtime=now_here).test_client(), "+12175550177")
    assert "What is kept" in again.text("PRIVACY") or again.status == 200
    again.text("delete my data")
    assert "is deleted" in again.text("1")
    with both.read() as db:
        for name in ("families", "contacts", "cases", "case_messages", "family_keys"):
            assert db.execute(select(metadata.tables[name])).all() == [], name
    assert FAMILY_KEY_MARKER


def test_retention_works_on_postgresql(here: Runtime) -> None:
    with here.database.write() as db:
        add_rows(db, 901)
        db.execute(update(metadata.tables["cases"]).values(state="closed", resolved_at=now()))
        db.execute(update(metadata.tables["contacts"]).values(active_case_id=None))
        db.execute(update(metadata.tables["deliveries"]).values(state="delivered"))
        db.execute(update(metadata.tables["recipients"]).values(state="delivered"))
    with time_machine.travel(NOW + timedelta(days=4000)):
        for _ in range(3):
            job.delete_expired(here, "test")
    with here.database.read() as db:
        for name in ("cases", "case_messages", "deliveries", "follow_ups", "rsvps"):
            assert db.execute(select(metadata.tables[name])).all() == [], name
