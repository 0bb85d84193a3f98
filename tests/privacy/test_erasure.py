"""A family that is erased is in no table any more: every table is looked at, also one that is new tomorrow."""

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
OWN = {"family_id": "families", "contact_id": "contacts", "case_id": "cases", "follow_up_id": "follow_ups"}
OWN |= {"delivery_id": "deliveries", "active_case_id": "cases"}
"""Columns that lead to a family, whether the database knows of it or not."""
STAYS = {"absences", "absence_calls", "support_needs", "home_visits", "meeting_themes", "incidents"}
"""What only counts, or is the school's: the row stays and leads to nobody."""
WORDS = {"sealed_words", "sealed_done", "sealed_plan"}


def points_to(column: Column[Any]) -> str | None:
    """The table whose row this column names."""
    known = [key.column.table.name for key in column.foreign_keys]
    return known[0] if known else OWN.get(column.name)


def tables_of_a_family() -> list[Table]:
    """Every table from which a way leads to a family."""
    found = {"families"}
    while True:
        more = {
            table.name for table in metadata.sorted_tables for column in table.c if points_to(column) in found - STAYS
        } | found
        if more == found:
            return [table for table in metadata.sorted_tables if table.name in found]
        found = more


def value(column: Column[Any], number: int) -> Any:
    for key in column.foreign_keys:
        return value(key.column, number)
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


def fill(db: Transaction, number: int) -> None:
    """One row in every table, all of this family; everything else that they need, too.  None of it can be opened: who
    is erased need not be readable."""
    for table in metadata.sorted_tables:
        row = {column.name: value(column, number) for column in table.c}
        if table.name == "home_visits":
            row["state"] = "asked"
        if table.name == "community_leaders":
            row["number_index"] = None
        db.execute(insert(table).values(row))


def rows(db: Transaction, number: int) -> dict[str, int]:
    """How many rows of each table lead to this family."""
    found = {}
    for table in tables_of_a_family():
        own = {one.name for one in tables_of_a_family()} - STAYS
        keys = [column == _as(column, number) for column in table.c if points_to(column) in own]
        if table.name == "families":
            keys = [table.c.id == number]
        found[table.name] = sum(
            int(db.execute(select(func.count()).select_from(table).where(key)).scalar_one()) for key in keys
        )
    return found


def _as(column: Column[Any], number: int) -> int | str:
    """The number as this column holds it: PostgreSQL compares no word with a number."""
    return str(value(column, number)) if isinstance(column.type, String | Text) else number


@pytest.fixture
def two(services: Runtime) -> Runtime:
    with services.database.write() as db:
        fill(db, 901)
        fill(db, 902)
    return services


def test_no_row_points_to_an_erased_family_and_others_keep_theirs(two: Runtime) -> None:
    with two.database.write() as db:
        before = rows(db, 902)
        assert all(rows(db, 901).values()) and len(before) > 20
        erasure.erase_family(db, 901, AT)
        assert {name: left for name, left in rows(db, 901).items() if left} == {}
        assert rows(db, 902) == before


def test_statistics_remain_without_text(two: Runtime) -> None:
    with two.database.write() as db:
        erasure.erase_family(db, 901, AT)
        for table in metadata.sorted_tables:
            mine = [row for row in db.execute(select(table)).mappings() if row.get("id") == 901]
            if table.name in STAYS:
                assert len(mine) == 1, table.name
                assert not any(mine[0].get(name) for name in WORDS), table.name
        visits = metadata.tables["home_visits"]
        states = [row["state"] for row in db.execute(select(visits).order_by(visits.c.id)).mappings()]
        assert states == ["stopped", "asked"], "nobody goes to the home of who was erased"


def test_only_the_opt_out_outlives_the_family(services: Runtime, family: Family) -> None:
    vault = services.database.vault
    family.text("hello")
    family.text("STOP")
    index = vault.compute_lookup_hash(family.address)
    with services.database.write() as db:
        families_consent_events.record(db, index, "given", "roster", "old", AT.replace(year=2025))
        number = families.extract_number(family.address)
        community_leaders.add(db, CommunityLeader(0, "Paul", number, "Church", "faith", (), "", "ana_ruiz"), AT)
    assert whole.erase_by_address(services, family.address, "ana_ruiz")
    assert not whole.erase_by_address(services, family.address, "ana_ruiz")
    with services.database.read() as db:
        assert contacts.find(db, family.address) is None and community_leaders.list_all(db) == []
        events = families_consent_events.list_history(db, [family.address])
        assert [one.kind for one in events] == ["stop"]
        assert PersonConsent(None, None, tuple(events), False).last_family_event, "a roster does not undo it"
        assert db.execute(select(func.count()).select_from(consent_events)).scalar_one() == 1
    assert not [key for key in services.redis.scan_iter() if index.encode() in key]


def test_roster_no_does_not_replace_the_own_opt_out(services: Runtime, family: Family) -> None:
    """A later roster may say yes again, and must not be able to undo the STOP."""
    family.text("hello")
    family.text("STOP")
    with services.database.write() as db:
        index = services.database.vault.compute_lookup_hash(family.address)
        families_consent_events.record(db, index, "denied", "roster", "roster:d:1", now() + timedelta(days=1))
    assert whole.erase_by_address(services, family.address, "ana_ruiz")
    with services.database.read() as db:
        said = families_consent_events.list_history(db, [family.address])
    assert [one.kind for one in said] == ["stop", "denied"] and PersonConsent(None, None, tuple(said)).has_refused


def test_opt_out_before_erasure_ends_with_a_later_start(services: Runtime, family: Family) -> None:
    for word, left in (("STOP", ["stop"]), ("START", [])):
        family.text("hello")
        family.text(word)
        if word == "START":
            family.text("STOP")
            family.text("START")
        assert whole.erase_by_address(services, family.address, "ana_ruiz")
        with services.database.read() as db:
            assert [row.kind for row in db.execute(select(consent_events))] == left


def test_erased_family_is_treated_as_new(services: Runtime, family: Family) -> None:
    family.text("español")
    assert whole.erase_by_address(services, family.address, "ana_ruiz")
    assert family.text("hello there") and now()
    with services.database.read() as db:
        found = contacts.find(db, family.address)
    assert found is not None and found.language != "es"


@pytest.mark.parametrize("typed", ["+12175550177", "(217) 555-0177", "whatsapp:+12175550177", "voice:+12175550177"])
def test_operator_can_enter_the_number_in_any_format(
    services: Runtime, family: Family, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This family has written by WhatsApp alone."""
    family.text("hello")
    monkeypatch.setattr("bot.runtime.open_runtime", lambda given: services)
    given = {"args": ["erase", "--yes", "-"], "input": typed} if "(" in typed else {"args": ["erase", "--yes", typed]}
    done = CliRunner().invoke(main, catch_exceptions=False, **given)  # type: ignore[arg-type]
    assert done.exit_code == 0 and "Erased." in done.output
    with services.database.read() as db:
        assert contacts.find(db, family.address) is None
    again = CliRunner().invoke(main, ["erase", "--yes", "-"], input=typed, catch_exceptions=False)
    assert again.exit_code == 1 and "Nobody is known" in again.output


def test_id_of_an_erased_case_is_never_reused(
    services: Runtime, family: Family, new_family: Callable[[str], Family]
) -> None:
    """Staff answer by it ("12 I can come"), jobs and bookmarks name it: nothing of that may reach another family."""
    family.text("english")
    family.text("I want to talk to a person")
    before = numbers(services)
    assert whole.erase_by_address(services, family.address, "ana_ruiz")
    other = new_family("whatsapp:+12175550178")
    other.text("english")
    other.text("I want to talk to a person")
    assert all(mine and not mine & now_ for mine, now_ in zip(before, numbers(services), strict=True))


def numbers(services: Runtime) -> list[set[int]]:
    names = ("families", "contacts", "cases", "case_messages", "follow_ups")
    with services.database.read() as db:
        return [set(db.execute(select(metadata.tables[name].c.id)).scalars()) for name in names]


@pytest.fixture
def restored(services: Runtime, family: Family, new_family: Callable[[str], Family], tmp_path: Path) -> Runtime:
    """Two families, the first of which was erased after a backup that was restored now."""
    for one in (family, new_family("whatsapp:+12175550178")):
        one.text("english")
        one.text("I want to talk to a person, my landlord is Mr Quill")
    file, copy = str(services.database.engine.url.database), tmp_path / "backup.db"
    copied(file, str(copy))
    assert whole.erase_by_address(services, family.address, "ana_ruiz")
    services.database.engine.dispose()
    copied(str(copy), file)
    return services


def copied(source: str, target: str) -> None:
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
        here.backup(there)


def there(services: Runtime) -> list[bool]:
    with services.database.read() as db:
        numbers = ("whatsapp:+12175550177", "whatsapp:+12175550178")
        return [contacts.find(db, one) is not None for one in numbers]


@pytest.mark.sqlite
def test_family_restored_from_backup_is_erased_again(restored: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    assert there(restored) == [True, True]
    monkeypatch.setattr(jobs, "get_runtime", lambda: restored)
    jobs.delete_expired_records()
    assert there(restored) == [False, True]
    assert whole.erase_restored_families(restored, "ana_ruiz") == 0


@pytest.mark.sqlite
def test_operator_repeats_erasure_before_workers_start(restored: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.runtime.open_runtime", lambda given: restored)
    done = CliRunner().invoke(main, ["erase", "--again", "--yes"], catch_exceptions=False)
    assert done.output == "Erased again: 1\n" and there(restored) == [False, True]
    assert CliRunner().invoke(main, ["erase", "--yes"]).exit_code == 2


def test_redis_reloads_erasures_and_returning_family_stays(services: Runtime, family: Family) -> None:
    family.text("hello")
    assert whole.erase_by_address(services, family.address, "ana_ruiz")
    (token,) = erasure_list.list_tokens(services.redis, now())
    services.redis.flushall()
    family.text("hello there")
    with services.database.read() as db:
        (number,) = db.execute(select(families.families.c.id)).scalars()
    erasure_list.add(services.redis, {f"{number}:of another database": now()})
    assert whole.erase_restored_families(services, "helper") == 0
    services.redis.zrem(erasure_list.ERASED_TOKENS_KEY, f"{number}:of another database")
    assert erasure_list.list_tokens(services.redis, now()) == [token]
    with services.database.read() as db:
        assert contacts.find(db, family.address) is not None
    assert services.database.vault.compute_lookup_hash(family.address) not in token and "0177" not in token
    assert erasure_list.list_tokens(services.redis, now() + timedelta(days=367)) == []
