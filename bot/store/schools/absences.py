"""Absence reports: a row for each, with the reason in one word and nothing that names a child or says its words.

Which family it was is forgotten after 90 days (`forget`); school, day, reason and language stay for the figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, get_args

from sqlalchemy import Column, Date, Integer, String, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata

AbsenceReason = Literal["illness", "fear", "transport", "work", "other"]
ABSENCE_REASONS: tuple[AbsenceReason, ...] = get_args(AbsenceReason)
"""Why a child is away, as a family says it; never papers or status, for which there is no word here."""

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
    Column("found", String(12)),
    Column("found_at", UtcDateTime),
    Column("language", String(8), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
"""`day`: the district's day on which it was reported; `found`: what staff learned on the phone, at `found_at`."""

NO_CASE_ID = 0
"""Where a number must stand and the case was erased."""

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
"""What staff noted of a call with the call guide; `interpreter`: was one used, yes or no."""


@dataclass(frozen=True)
class Absence:
    """A report; `cause` makes a repeat of the message (or of the form) the same row."""

    cause: str
    case_id: int | None
    contact_id: int | None
    school: str | None
    day: date
    reason: AbsenceReason
    language: str


@dataclass(frozen=True)
class CountedAbsence:
    """One absence as the figures count it."""

    day: date
    school: str | None
    language: str
    reason: str


@dataclass(frozen=True)
class AbsenceCall:
    """A call as staff noted it."""

    reason: str
    interpreter: str
    by: str
    at: datetime


def add(db: Transaction, new: Absence, at: datetime) -> bool:
    """Write it down; False if the same message did so before."""
    try:
        with db.begin_nested():
            db.execute(insert(absences).values(**vars(new), created_at=at))
    except IntegrityError:
        return False
    return True


def record_call(db: Transaction, cause: str, case_id: int, call: AbsenceCall) -> bool:
    """Keep what was noted of a call; False if this form was sent before."""
    try:
        with db.begin_nested():
            db.execute(insert(absence_calls).values(cause=cause, case_id=case_id, **vars(call)))
    except IntegrityError:
        return False
    return True


def set_outcome(db: Transaction, case_id: int, contact_id: int, since: datetime, reason: str, at: datetime) -> int:
    """What a call found out is the reason of this case's absences, and of the family's since then; how many."""
    own = (absences.c.contact_id == contact_id) & (absences.c.created_at >= since)
    key = (absences.c.case_id == case_id) | own
    return db.execute(update(absences).where(key).values(found=reason, found_at=at)).rowcount


def list_calls(db: Transaction, case_id: int) -> Sequence[AbsenceCall]:
    """The calls about a case, the newest first."""
    columns = (absence_calls.c[name] for name in AbsenceCall.__dataclass_fields__)
    query = select(*columns).where(absence_calls.c.case_id == case_id).order_by(absence_calls.c.id.desc())
    return [AbsenceCall(**row) for row in db.execute(query).mappings()]


def list_between(db: Transaction, first: date, last: date, ends: dict[date, datetime]) -> list[CountedAbsence]:
    """The absences of these days, for the figures.

    `ends`: the first day of each week → when it ended.  What was found out later than that does not count: a figure
    that was shown once never changes, so that nobody learns of one family by comparing two days' pages.
    """
    rows = db.execute(select(absences).where(absences.c.day >= first, absences.c.day <= last)).all()
    return [CountedAbsence(row.day, row.school, row.language, _choose_reason(row, ends)) for row in rows]


def _choose_reason(row: Any, ends: dict[date, datetime]) -> str:
    end = max((end for monday, end in ends.items() if monday <= row.day), default=None)
    in_time = row.found is not None and end is not None and row.found_at < end
    return str(row.found if in_time else row.reason)


def forget_families_before(db: Transaction, before: datetime) -> int:
    """From now on nobody can say which family these older reports are of; how many they are."""
    key = (absences.c.created_at < before) & (absences.c.contact_id.is_not(None) | absences.c.case_id.is_not(None))
    return db.execute(update(absences).where(key).values(contact_id=None, case_id=None)).rowcount


def forget_contact(db: Transaction, contact_id: int) -> None:
    """A family is erased: its reports stay as figures without it."""
    db.execute(update(absences).where(absences.c.contact_id == contact_id).values(contact_id=None, case_id=None))


def forget_cases(db: Transaction, case_ids: Sequence[int]) -> None:
    """Notes of calls about these cases stay as figures of none; a new case may get the same number."""
    db.execute(update(absence_calls).where(absence_calls.c.case_id.in_(case_ids)).values(case_id=NO_CASE_ID))
    db.execute(update(absences).where(absences.c.case_id.in_(case_ids)).values(case_id=None))
