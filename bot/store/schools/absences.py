"""Absence reports: one row each, with the reason from a fixed list, and without a child's name or the family's words.

After 90 days, `forget_families_before` removes the link to the family. School, day, reason, and language stay for
statistics.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, get_args

from sqlalchemy import Column, Date, Integer, String, Table, select, update

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.unique_rows import insert_if_new

AbsenceReason = Literal["illness", "fear", "transport", "work", "other"]
ABSENCE_REASONS: tuple[AbsenceReason, ...] = get_args(AbsenceReason)
"""Reasons that a family can give. No reason exists for papers or immigration status."""

absences = Table(
    "absences",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cause", String(80), nullable=False, unique=True),
    Column("case_id", Integer, index=True),
    Column("contact_id", Integer, index=True),
    Column("school", String(48)),
    Column("day", Date, nullable=False, index=True),
    Column("reason", String(12), nullable=False),
    Column("outcome", String(12)),
    Column("outcome_at", UtcDateTime),
    Column("language", String(8), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
"""`day` is the district's day of the report. `outcome` is the reason that staff learned by phone, at `outcome_at`."""

NO_CASE_ID = 0
"""The case ID where the column needs a number and the case was erased."""

absence_calls = Table(
    "absence_calls",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cause", String(80), nullable=False, unique=True),
    Column("case_id", Integer, nullable=False, index=True),
    Column("reason", String(12), nullable=False),
    Column("interpreter", String(3), nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
"""Notes of staff about calls with the call guide. `interpreter` is yes or no."""


@dataclass(frozen=True)
class Absence:
    """An absence report.

    `cause` makes a repeat of the message or form add no row.
    """

    cause: str
    case_id: int | None
    contact_id: int | None
    school: str | None
    day: date
    reason: AbsenceReason
    language: str


@dataclass(frozen=True)
class CountedAbsence:
    """One absence for the statistics."""

    day: date
    school: str | None
    language: str
    reason: str


@dataclass(frozen=True)
class AbsenceCall:
    """The notes of staff about a call."""

    reason: str
    interpreter: str
    by: str
    at: datetime


def add(db: Transaction, new: Absence, now: datetime) -> bool:
    """Store the report.

    Returns False for a repeat of the same message.
    """
    return insert_if_new(db, absences, {**vars(new), "created_at": now}) is not None


def record_call(db: Transaction, cause: str, case_id: int, call: AbsenceCall) -> bool:
    """Store the notes about a call.

    Returns False for a repeat of the same form.
    """
    return insert_if_new(db, absence_calls, {"cause": cause, "case_id": case_id, **vars(call)}) is not None


def set_outcome(db: Transaction, case_id: int, contact_id: int, since: datetime, reason: str, now: datetime) -> int:
    """Set the reason that staff learned, and return the number of changed reports.

    It applies to the absences of this case, and to the family's absences since `since`.
    """
    is_of_family = (absences.c.contact_id == contact_id) & (absences.c.created_at >= since)
    key = (absences.c.case_id == case_id) | is_of_family
    return db.execute(update(absences).where(key).values(outcome=reason, outcome_at=now)).rowcount


def list_calls(db: Transaction, case_id: int) -> Sequence[AbsenceCall]:
    """Return the calls about a case, newest first."""
    columns = (absence_calls.c[name] for name in AbsenceCall.__dataclass_fields__)
    query = select(*columns).where(absence_calls.c.case_id == case_id).order_by(absence_calls.c.id.desc())
    return [AbsenceCall(**row) for row in db.execute(query).mappings()]


def list_between(db: Transaction, first: date, last: date, ends: dict[date, datetime]) -> list[CountedAbsence]:
    """Return the absences of these days for the statistics.

    `ends` maps the first day of each week to the end of the week. What staff learned after that does not count. So a
    published number never changes, and no one can learn about a family by comparing the pages of two days.
    """
    rows = db.execute(select(absences).where(absences.c.day >= first, absences.c.day <= last)).all()
    return [CountedAbsence(row.day, row.school, row.language, _choose_reason(row, ends)) for row in rows]


def _choose_reason(row: Any, ends: dict[date, datetime]) -> str:
    end = max((end for monday, end in ends.items() if monday <= row.day), default=None)
    if row.outcome is not None and end is not None and row.outcome_at < end:
        return str(row.outcome)
    return str(row.reason)


def forget_families_before(db: Transaction, before: datetime) -> int:
    """Remove the link to the family from reports before this time, and return their number."""
    key = (absences.c.created_at < before) & (absences.c.contact_id.is_not(None) | absences.c.case_id.is_not(None))
    return db.execute(update(absences).where(key).values(contact_id=None, case_id=None)).rowcount


def forget_contact(db: Transaction, contact_id: int) -> None:
    """Remove the links to an erased contact.

    The reports stay for the statistics.
    """
    db.execute(update(absences).where(absences.c.contact_id == contact_id).values(contact_id=None, case_id=None))


def forget_cases(db: Transaction, case_ids: Sequence[int]) -> None:
    """Remove the links to these cases, because a new case can get the same ID."""
    db.execute(update(absence_calls).where(absence_calls.c.case_id.in_(case_ids)).values(case_id=NO_CASE_ID))
    db.execute(update(absences).where(absences.c.case_id.in_(case_ids)).values(case_id=None))
