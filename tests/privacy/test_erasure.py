"""An erased family is in no table. The test looks at every table, including new ones."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Boolean, Column, Date, LargeBinary, String, Table, Text, func, insert, select

from bot import jobs
from bot.base.database import Transaction, UtcDateTime, metadata, now
from bot.cli.main import main
from bot.messaging import erasure as whole
from bot.roster.consent_basis import PersonConsent
from bot.runtime import Runtime
from bot.store.community import community_leaders
from bot.store.community.community_leaders import CommunityLeader
from bot.store.families import consent_events as families_consent_events
from bot.store.families import contacts, families
from bot.store.families.consent_events import consent_events
from bot.store.lifecycle import erasure, erasure_list
from tests.conftest import Family

AT = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
FAMILY_COLUMNS = {"family_id": "families", "contact_id": "contacts", "case_id": "cases", "follow_up_id": "follow_ups"}
FAMILY_COLUMNS |= {"delivery_id": "deliveries", "active_case_id": "cases"}
"""Columns that point to a family, with or without a foreign key."""
KEPT_TABLES = {"absences", "absence_calls", "support_needs", "home_visits", "meeting_themes", "incidents"}
"""Rows that only count, or belong to the school: they stay and point to no family."""
TEXT_COLUMNS = {"sealed_words", "sealed_done", "sealed_plan"}


def get_target_table(column: Column[Any]) -> str | None:
    """Return the table that this column refers to."""
    known = [key.column.table.name for key in column.foreign_keys]
    return known[0] if known else FAMILY_COLUMNS.get(column.name)


def list_family_tables() -> list[Table]:
    """Return every table that points to a family, directly or indirectly."""
    found = {"families"}
    while True:
        more = {
            table.name
            for table in metadata.sorted_tables
            for column in table.c
            if get_target_table(column) in found - KEPT_TABLES
        } | found
        if more == found:
            return [table for table in metadata.sorted_tables if table.name in found]
        found = more


def build_value(column: Column[Any], number: int) -> Any:
    for key in column.foreign_keys:
        return build_value(key.column, number)
    if isinstance(column.type, UtcDateTime):
        return AT
    if isinstance(column.type, Boolean):
        return True
    if isinstance(column.type, Date):
        return date(2026, 11, 24)
    if isinstance(column.type, LargeBinary):
        return b""
    if isinstance(column.type, String | Text):
        return f"x{number}"[: getattr(column.type, "length", None) or 20]
    return number


def add_rows(db: Transaction, number: int) -> None:
    """Add one row to every table for this family, and everything else that they need.

    None of it can be decrypted: erasure must not need readable data.
    """
    for table in metadata.sorted_tables:
        row = {column.name: build_value(column, number) for column in table.c}
        if table.name == "home_visits":
            row["state"] = "asked"
        if table.name == "community_leaders":
            row["number_index"] = None
        db.execute(insert(table).values(row))


def count_rows(db: Transaction, number: int) -> dict[str, int]:
    """Count the rows of each table that point to this family."""
    found = {}
    for table in list_family_tables():
        own = {one.name for one in list_family_tables()} - KEPT_TABLES
        keys = [column == _as(column, number) for column in table.c if get_target_table(column) in own]
        if table.name == "families":
            keys = [table.c.id == number]
        found[table.name] = sum(
            int(db.execute(select(func.count()).select_from(table).where(key)).scalar_one()) for key in keys
        )
    return found


def _as(column: Column[Any], number: int) -> int | str:
    """Return the number in this column's type: PostgreSQL compares no text with a number."""
    return str(build_value(column, number)) if isinstance(column.type, String | Text) else number


@pytest.fixture
def two_families(runtime: Runtime) -> Runtime:
    with runtime.database.write() as db:
        add_rows(db, 901)
        add_rows(db, 902)
    return runtime


def test_no_row_points_to_an_erased_family_and_others_keep_theirs(two_families: Runtime) -> None:
    with two_families.database.write() as db:
        before = count_rows(db, 902)
        assert all(count_rows(db, 901).values()) and len(before) > 20
        erasure.erase_family(db, 901, AT)
        assert {name: left for name, left in count_rows(db, 901).items() if left} == {}
        assert count_rows(db, 902) == before


def test_statistics_remain_without_text(two_families: Runtime) -> None:
    with two_families.database.write() as db:
        erasure.erase_family(db, 901, AT)
        for table in metadata.sorted_tables:
            mine = [row for row in db.execute(select(table)).mappings() if row.get("id") == 901]
            if table.name in KEPT_TABLES:
                assert len(mine) == 1, table.name
                assert not any(mine[0].get(name) for name in TEXT_COLUMNS), table.name
        visits = metadata.tables["home_visits"]
        states = [row["state"] for row in db.execute(select(visits).order_by(visits.c.id)).mappings()]
        assert states == ["stopped", "asked"], "nobody goes to the home of who was erased"


def test_only_the_opt_out_outlives_the_family(runtime: Runtime, family: Family) -> None:
    vault = runtime.database.vault
    family.text("hello")
    family.text("STOP")
    index = vault.compute_lookup_hash(family.address)
    with runtime.database.write() as db:
        families_consent_events.record(db, index, "given", "roster", "old", AT.replace(year=2025))
        number = families.extract_number(family.address)
        community_leaders.add(db, CommunityLeader(0, "Paul", number, "Church", "faith", (), "", "ana_ruiz"), AT)
    assert whole.erase_by_address(runtime, family.address, "ana_ruiz")
    assert not whole.erase_by_address(runtime, family.address, "ana_ruiz")
    with runtime.database.read() as db:
        assert contacts.find(db, family.address) is None and community_leaders.list_all(db) == []
        events = families_consent_events.list_history(db, [family.address])
        assert [one.kind for one in events] == ["stop"]
        assert PersonConsent(None, None, tuple(events), False).last_family_event, "a roster does not undo it"
        assert db.execute(select(func.count()).select_from(consent_events)).scalar_one() == 1
    assert not [key for key in runtime.redis.scan_iter() if index.encode() in key]


def test_roster_no_does_not_replace_the_own_opt_out(runtime: Runtime, family: Family) -> None:
    """A later roster may say yes again. It must not be able to undo the STOP."""
    family.text("hello")
    family.text("STOP")
    with runtime.database.write() as db:
        index = runtime.database.vault.compute_lookup_hash(family.address)
        families_consent_events.record(db, index, "denied", "roster", "roster:d:1", now() + timedelta(days=1))
    assert whole.erase_by_address(runtime, family.address, "ana_ruiz")
    with runtime.database.read() as db:
        said = families_consent_events.list_history(db, [family.address])
    assert [one.kind for one in said] == ["stop", "denied"] and PersonConsent(None, None, tuple(said)).has_refused


def test_opt_out_before_erasure_ends_with_a_later_start(runtime: Runtime, family: Family) -> None:
    for word, left in (("STOP", ["stop"]), ("START", [])):
        family.text("hello")
        family.text(word)
        if word == "START":
            family.text("STOP")
            family.text("START")
        assert whole.erase_by_address(runtime, family.address, "ana_ruiz")
        with runtime.database.read() as db:
            assert [row.kind for row in db.execute(select(consent_events))] == left


def test_erased_family_is_treated_as_new(runtime: Runtime, family: Family) -> None:
    family.text("español")
    assert whole.erase_by_address(runtime, family.address, "ana_ruiz")
    assert family.text("hello there") and now()
    with runtime.database.read() as db:
        found = contacts.find(db, family.address)
    assert found is not None and found.language != "es"


@pytest.mark.parametrize("typed", ["+12175550177", "(217) 555-0177", "whatsapp:+12175550177", "voice:+12175550177"])
def test_operator_can_enter_the_number_in_any_format(
    runtime: Runtime, family: Family, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This family has written only by WhatsApp."""
    family.text("hello")
    monkeypatch.setattr("bot.runtime.open_runtime", lambda given: runtime)
    given = {"args": ["erase", "--yes", "-"], "input": typed} if "(" in typed else {"args": ["erase", "--yes", typed]}
    done = CliRunner().invoke(main, catch_exceptions=False, **given)  # type: ignore[arg-type]
    assert done.exit_code == 0 and "Erased." in done.output
    with runtime.database.read() as db:
        assert contacts.find(db, family.address) is None
    again = CliRunner().invoke(main, ["erase", "--yes", "-"], input=typed, catch_exceptions=False)
    assert again.exit_code == 1 and "No family has this number" in again.output


def test_id_of_an_erased_case_is_never_reused(
    runtime: Runtime, family: Family, new_family: Callable[[str], Family]
) -> None:
    """Staff reply with it ("12 I can come"); jobs and bookmarks contain it. None of that may reach another family."""
    family.text("english")
    family.text("I want to talk to a person")
    before = numbers(runtime)
    assert whole.erase_by_address(runtime, family.address, "ana_ruiz")
    other = new_family("whatsapp:+12175550178")
    other.text("english")
    other.text("I want to talk to a person")
    assert all(mine and not mine & now_ for mine, now_ in zip(before, numbers(runtime), strict=True))


def numbers(runtime: Runtime) -> list[set[int]]:
    names = ("families", "contacts", "cases", "case_messages", "follow_ups")
    with runtime.database.read() as db:
        return [set(db.execute(select(metadata.tables[name].c.id)).scalars()) for name in names]


@pytest.fixture
def restored(runtime: Runtime, family: Family, new_family: Callable[[str], Family], tmp_path: Path) -> Runtime:
    """Two families. The first was erased after the backup that is now restored."""
    for one in (family, new_family("whatsapp:+12175550178")):
        one.text("english")
        one.text("I want to talk to a person, my landlord is Mr Quill")
    file, copy = str(runtime.database.engine.url.database), tmp_path / "backup.db"
    copy_database(file, str(copy))
    assert whole.erase_by_address(runtime, family.address, "ana_ruiz")
    runtime.database.engine.dispose()
    copy_database(str(copy), file)
    return runtime


def copy_database(source: str, target: str) -> None:
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
        here.backup(there)


def are_stored(runtime: Runtime) -> list[bool]:
    with runtime.database.read() as db:
        numbers = ("whatsapp:+12175550177", "whatsapp:+12175550178")
        return [contacts.find(db, one) is not None for one in numbers]


@pytest.mark.sqlite
def test_family_restored_from_backup_is_erased_again(restored: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    assert are_stored(restored) == [True, True]
    monkeypatch.setattr(jobs, "get_runtime", lambda: restored)
    jobs.delete_expired_records()
    assert are_stored(restored) == [False, True]
    assert whole.erase_restored_families(restored, "ana_ruiz") == 0


@pytest.mark.sqlite
def test_operator_repeats_erasure_before_workers_start(restored: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.runtime.open_runtime", lambda given: restored)
    done = CliRunner().invoke(main, ["erase", "--again", "--yes"], catch_exceptions=False)
    assert done.output == "Erased again: 1\n" and are_stored(restored) == [False, True]
    assert CliRunner().invoke(main, ["erase", "--yes"]).exit_code == 2


def test_redis_reloads_erasures_and_returning_family_stays(runtime: Runtime, family: Family) -> None:
    family.text("hello")
    assert whole.erase_by_address(runtime, family.address, "ana_ruiz")
    (token,) = erasure_list.list_tokens(runtime.redis, now())
    runtime.redis.flushall()
    family.text("hello there")
    with runtime.database.read() as db:
        (number,) = db.execute(select(families.families.c.id)).scalars()
    erasure_list.add(runtime.redis, {f"{number}:of another database": now()})
    assert whole.erase_restored_families(runtime, "helper") == 0
    runtime.redis.zrem(erasure_list.ERASED_TOKENS_KEY, f"{number}:of another database")
    assert erasure_list.list_tokens(runtime.redis, now()) == [token]
    with runtime.database.read() as db:
        assert contacts.find(db, family.address) is not None
    assert runtime.database.vault.compute_lookup_hash(family.address) not in token and "0177" not in token
    assert erasure_list.list_tokens(runtime.redis, now() + timedelta(days=367)) == []
