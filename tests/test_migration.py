"""Migration 0007 with rows in the tables: what was there before goes on, and nothing is paged from the wrong round."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from bot import settings
from bot.store.db import open_engine

BEFORE = (
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


def test_rows_of_before_are_carried_over_and_back(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    at(url, "0006")
    engine = open_engine(url)
    with engine.begin() as db:
        for row in BEFORE:
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
        assert db.execute(text("PRAGMA foreign_key_check")).all() == []
    engine.dispose()
    at(url, "0006", forward=False)
    with engine.begin() as db:
        assert db.execute(text("SELECT state FROM cases WHERE id = 3")).scalar_one() == "handled"
    engine.dispose()
