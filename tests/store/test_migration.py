"""Migrations with rows in the tables: each runs forward, nothing is lost, and the final tables match the program."""

import runpy
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import Connection

from bot.base import settings
from bot.base.database import metadata, open_engine

OLD_ROWS = (
    "INSERT INTO contacts (id, address_index, sealed_address, channel, created_at) VALUES (1, 'i', 's', 'sms', '2026-11-01 10:00:00')",
    "INSERT INTO cases (id, message_sid, n, contact_id, topic, severity, role, about, language, sealed_answers, state, opened_at)"
    " VALUES (1, 'SM1', 0, 1, 'talk_to_human', 'follow_up', 'family_liaison', 'a', 'en', '{}', 'alerted', '2026-11-01 10:00:00')",
    "INSERT INTO cases (id, message_sid, n, contact_id, topic, severity, role, about, language, sealed_answers, state, opened_at)"
    " VALUES (2, 'SM2', 0, 1, 'talk_to_human', 'follow_up', 'family_liaison', 'a', 'en', '{}', 'alerted', '2026-11-02 10:00:00')",
    "INSERT INTO cases (id, message_sid, n, contact_id, topic, severity, role, about, language, sealed_answers, state, opened_at,"
    " handled_at, handled_by) VALUES (3, 'SM3', 0, 1, 'meals_needs', 'info', 'default', 'a', 'en', '{}', 'handled',"
    " '2026-11-02 10:00:00', '2026-11-03 10:00:00', 'ana')",
    "INSERT INTO deliveries (id, kind, case_id, staff, state, rank, attempts, due_at, created_at)"
    " VALUES ('d1', 'alert', 2, 'ana_ruiz', 'delivered', 4, 1, '2026-11-02 10:00:00', '2026-11-02 10:00:00')",
)


def at(url: str, revision: str, forward: bool = True) -> None:
    config = Config(str(settings.ROOT / "alembic.ini"))
    config.attributes["url"] = url
    (command.upgrade if forward else command.downgrade)(config, revision)


def test_old_rows_are_migrated_forward_and_back(bare_database: str) -> None:
    url = bare_database
    at(url, "0006")
    engine = open_engine(url)
    with engine.begin() as db:
        for row in OLD_ROWS:
            db.execute(text(row))
    engine.dispose()
    at(url, "head")
    with engine.begin() as db:
        rows = db.execute(
            text("SELECT id, state, rounds, page_at IS NOT NULL AS due, resolved_by FROM cases ORDER BY id")
        )
        assert [tuple(row) for row in rows] == [
            (1, "closed", 0, 0, None), (2, "alerted", 1, 1, None), (3, "resolved", 0, 0, "ana"),
        ]  # fmt: skip
        assert broken_references(db) == []
    engine.dispose()
    at(url, "0006", forward=False)
    with engine.begin() as db:
        assert db.execute(text("SELECT state FROM cases WHERE id = 3")).scalar_one() == "handled"
    engine.dispose()


def broken_references(db: Connection) -> list[Any]:
    """Return rows with broken references; PostgreSQL allows none."""
    return list(db.execute(text("PRAGMA foreign_key_check"))) if db.dialect.name == "sqlite" else []


def revisions() -> list[str]:
    """Return all revisions, oldest first."""
    script = ScriptDirectory.from_config(Config(str(settings.ROOT / "alembic.ini")))
    return [revision.revision for revision in reversed(list(script.walk_revisions()))]


def build_value(column: Column[Any], number: int) -> Any:
    """Return a value for this column that no other row has."""
    for key in column.foreign_keys:
        return build_value(key.column, number)
    kinds: dict[type[Any], Any] = {
        Boolean: bool(number % 2),
        Date: date(2026, 11, 1),
        DateTime: datetime(2026, 11, 1, 10, tzinfo=UTC),
        LargeBinary: b"x",
        Integer: number,
        Float: float(number),
    }
    known = [one for kind, one in kinds.items() if isinstance(column.type, kind)]
    return known[0] if known else f"x{number}"[: getattr(column.type, "length", None) or 20]


def add_rows(db: Connection, number: int) -> Counter[str]:
    """Add one row to every existing table; return the row counts."""
    here = MetaData()
    here.reflect(db)
    held: Counter[str] = Counter()
    for table in here.sorted_tables:
        if table.name != "alembic_version":
            db.execute(insert(table).values({column.name: build_value(column, number) for column in table.c}))
            held[table.name] = _count(db, table)
    return held


def _count(db: Connection, table: Table) -> int:
    return int(db.execute(select(func.count()).select_from(table)).scalar_one())


RENAMED_TABLES = runpy.run_path(str(settings.ROOT / "migrations/versions/0026_standard_names.py"))["TABLES"]


@pytest.mark.long
def test_every_revision_migrates_rows_in_every_table(bare_database: str) -> None:
    """A district that installed each release and texted at each: no row is lost, and no reference breaks."""
    engine = open_engine(bare_database)
    held: Counter[str] = Counter()
    for number, revision in enumerate(revisions(), 1):
        at(bare_database, revision)
        with engine.begin() as db:
            here = MetaData()
            here.reflect(db)
            now = {table.name: _count(db, table) for table in here.sorted_tables}
            expected = {RENAMED_TABLES.get(name, name) if revision == "0026" else name: held[name] for name in held}
            assert {name: now.get(name) for name in expected} == expected, f"rows are missing after {revision}"
            assert broken_references(db) == [], revision
            held = add_rows(db, number)
    engine.dispose()


def test_migrated_tables_match_the_program(bare_database: str) -> None:
    """Like `alembic check`: no migration has anything left to add, change, or remove."""
    at(bare_database, "head")
    engine = open_engine(bare_database)
    with engine.connect() as db:
        found = compare_metadata(MigrationContext.configure(db, opts={"compare_type": True}), metadata)
        assert found == []
        assert set(inspect(db).get_table_names()) - {"alembic_version"} == set(metadata.tables)
    engine.dispose()
