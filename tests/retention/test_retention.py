"""Retention: every table has a rule, expired rows are deleted, open ones stay, and a kill does no harm."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select, update

from bot.base.database import metadata, now
from bot.content.district import CaseRetentionPolicy
from bot.retention import job
from bot.retention.rules import RETENTION_RULES
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.cases import cases, deliveries
from bot.store.lifecycle import erasure, retention_runs
from tests.conftest import NOW, Family
from tests.privacy.test_erasure import add_rows
from tests.store.reading import newest_cases


def count_rows(runtime: Runtime, table: str) -> int:
    with runtime.database.read() as db:
        return int(db.execute(select(func.count()).select_from(metadata.tables[table])).scalar_one())


def test_every_table_has_exactly_one_rule() -> None:
    ruled = [table for rule in RETENTION_RULES for table in rule.tables]
    assert sorted(ruled) == sorted(metadata.tables), "say in bot/retention/rules.py how long its rows stay"


def open_case(runtime: Runtime, family: Family) -> int:
    family.text("english")
    family.text("I want to talk to a person, my landlord is Mr Quill")
    with runtime.database.read() as db:
        return newest_cases(db, 1)[0].id


def close_case(runtime: Runtime, case_id: int) -> None:
    with runtime.database.write() as db:
        db.execute(update(cases.cases).where(cases.cases.c.id == case_id).values(state="closed", resolved_at=now()))
        db.execute(update(metadata.tables["follow_ups"]).values(state="dropped"))


def test_closed_case_is_deleted_after_thirty_days_and_open_one_kept(
    runtime: Runtime, family: Family, new_family: Callable[[str], Family]
) -> None:
    close_case(runtime, open_case(runtime, family))
    still_open = open_case(runtime, new_family("whatsapp:+12175550178"))
    with time_machine.travel(NOW + timedelta(days=29)):
        job.delete_expired(runtime, "test")
        assert count_rows(runtime, "cases") == 2
    with time_machine.travel(NOW + timedelta(days=31)):
        assert job.delete_expired(runtime, "test")["cases"] == 1
        assert job.delete_expired(runtime, "test") == {}, "done again it finds nothing"
    with runtime.database.read() as db:
        assert [one.id for one in newest_cases(db, 5)] == [still_open]
        assert {row.case_id for row in db.execute(select(metadata.tables["case_messages"]))} <= {still_open}
    assert count_rows(runtime, "contacts") == 2, "the family itself stays"


def test_district_sets_the_retention_period(runtime: Runtime, family: Family) -> None:
    close_case(runtime, open_case(runtime, family))
    district = runtime.library.district.model_copy(update={"retention": CaseRetentionPolicy(cases_days=5)})
    short = replace(runtime, library=replace(runtime.library, district=district))
    with time_machine.travel(NOW + timedelta(days=6)):
        assert job.delete_expired(short, "test")["cases"] == 1


def test_deliveries_are_counted_and_deleted_after_ninety_days(runtime: Runtime) -> None:
    with runtime.database.write() as db:
        for _ in range(3):
            one = deliveries.plan_reminder(db, "ana_ruiz", "look at the texts", now())
            db.execute(update(deliveries.deliveries).where(deliveries.deliveries.c.id == one).values(state="delivered"))
        deliveries.plan_reminder(db, "ana_ruiz", "waits", now())
    with time_machine.travel(NOW + timedelta(days=91)):
        assert job.delete_expired(runtime, "test")["deliveries"] == 3
        job.delete_expired(runtime, "test")
    with runtime.database.read() as db:
        (row,) = db.execute(select(metadata.tables["retention_counts"])).all()
    assert tuple(row) == ("2026-11", "deliveries", "reminder", "delivered", 3)
    assert count_rows(runtime, "deliveries") == 1, "what waits is not taken away"


def test_audit_log_is_trimmed_after_a_year_and_stays_verifiable(runtime: Runtime) -> None:
    with runtime.database.write() as db:
        for number in range(5):
            audit_log.record(db, "ana_ruiz", "read", f"case {number}", now())
    with time_machine.travel(NOW + timedelta(days=200)), runtime.database.write() as db:
        audit_log.record(db, "ana_ruiz", "read", "case 9", now())
    with time_machine.travel(NOW + timedelta(days=367)):
        assert job.delete_expired(runtime, "test")["audit"] == 5
    with runtime.database.write() as db:
        assert audit_log.find_broken_row(db) is None
        assert [one.subject for one in audit_log.list_newest(db, 5)] == ["audit", "case 9"]
        db.execute(audit_log.audit.delete().where(audit_log.audit.c.subject == "case 9"))
        assert audit_log.find_broken_row(db) is not None, "what somebody else takes away shows"


def test_ten_year_old_rows_are_deleted_or_anonymized(runtime: Runtime) -> None:
    """One row in every table: ten years later, none says more about a family than that it is known."""
    with runtime.database.write() as db:
        add_rows(db, 901)
        row = metadata.tables["cases"].c
        db.execute(update(metadata.tables["cases"]).values(state="closed", resolved_at=now(), id=row.id))
        db.execute(update(metadata.tables["contacts"]).values(active_case_id=None))
        db.execute(update(metadata.tables["deliveries"]).values(state="delivered"))
        db.execute(update(metadata.tables["recipients"]).values(state="delivered"))
    with time_machine.travel(NOW + timedelta(days=4000)):
        for _ in range(3):  # rows held by another rule's rows are deleted in the next run
            job.delete_expired(runtime, "test")
    left = {name for name in metadata.tables if count_rows(runtime, name)}
    stays = {table for rule in RETENTION_RULES if rule.get_period is None for table in rule.tables}
    unlinked = {"absences", "absence_calls", "support_needs", "home_visits", "recipients"}
    unlinked |= {"voice_notes", "roster_imports"}  # until Twilio has deleted it too; the newest import
    assert left - stays - unlinked <= {"retention_runs", "audit", "audit_retention_marks"}
    with runtime.database.read() as db:
        for name in ("absences", "support_needs", "home_visits", "recipients", "voice_notes"):
            for row_ in db.execute(select(metadata.tables[name])).mappings():
                assert not row_["contact_id"], name


def test_killed_run_resumes(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    with runtime.database.write() as db:
        for _ in range(7):
            one = deliveries.plan_reminder(db, "ana_ruiz", "x", now())
            db.execute(update(deliveries.deliveries).where(deliveries.deliveries.c.id == one).values(state="delivered"))
    monkeypatch.setattr("bot.store.lifecycle.expiry.EXPIRY_BATCH_SIZE", 2)
    counted, calls = retention_runs.count_deleted, 0

    def dies(*args: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        counted(*args)  # type: ignore[arg-type]

    with time_machine.travel(NOW + timedelta(days=100)):
        monkeypatch.setattr(retention_runs, "count_deleted", dies)
        with pytest.raises(KeyboardInterrupt):
            job.delete_expired(runtime, "test")
        assert count_rows(runtime, "deliveries") == 5, "one batch is done, the other not at all"
        job.delete_expired_daily(runtime)
    with runtime.database.read() as db:
        (row,) = db.execute(select(metadata.tables["retention_counts"])).all()
        runs = retention_runs.list_newest(db, 5)
    assert row.many == 7 and count_rows(runtime, "deliveries") == 0, "each counted once"
    assert [run.ended_at is None for run in runs] == [False, True]


def test_retention_runs_once_a_day(runtime: Runtime) -> None:
    for hours, many in ((0, 1), (1, 1), (19, 1), (21, 2), (45, 3)):
        with time_machine.travel(NOW + timedelta(hours=hours)):
            job.delete_expired_daily(runtime)
            assert count_rows(runtime, "retention_runs") == many


def test_erasure_finds_rows_retention_has_not_deleted(runtime: Runtime, family: Family) -> None:
    open_case(runtime, family)
    with runtime.database.write() as db:
        erasure.erase_family(db, 1, now())
    assert count_rows(runtime, "cases") == 0
