"""Verified events at a school, such as agents who came.

In the days after one, no family is warned about truancy.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Column, Date, Integer, String, Table, insert, select, update

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store import audit_log

verified_events = Table(
    "verified_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("school", String(48), nullable=False, index=True),
    Column("day", Date, nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("withdrawn_by", String(64)),
    Column("withdrawn_at", UtcDateTime),
)
"""No column says what happened, because a calendar reads the rows."""


@dataclass(frozen=True)
class VerifiedEvent:
    """An event at this school on this day, verified by an authorized staff member."""

    id: int
    school: str
    day: date
    by: str
    at: datetime


def add(db: Transaction, school: str, day: date, by: str, now: datetime) -> bool:
    """Store the event.

    Returns False if it exists.
    """
    is_same = (verified_events.c.school == school) & (verified_events.c.day == day)
    key = is_same & verified_events.c.withdrawn_at.is_(None)
    if db.execute(select(verified_events.c.id).where(key)).first() is not None:
        return False
    db.execute(insert(verified_events).values(school=school, day=day, by=by, at=now))
    audit_log.record(db, by, "verified an event", f"school {school}", now, day.isoformat())
    return True


def withdraw(db: Transaction, event_id: int, by: str, now: datetime) -> bool:
    """Withdraw an event that was recorded by mistake.

    Returns False if it was withdrawn before.
    """
    key = (verified_events.c.id == event_id) & verified_events.c.withdrawn_at.is_(None)
    if db.execute(update(verified_events).where(key).values(withdrawn_by=by, withdrawn_at=now)).rowcount != 1:
        return False
    school = db.execute(select(verified_events.c.school).where(verified_events.c.id == event_id)).scalar_one()
    audit_log.record(db, by, "took a verified event back", f"school {school}", now)
    return True


def list_since(db: Transaction, day: date, schools: Iterable[str] | None = None) -> Sequence[VerifiedEvent]:
    """Return the events from this day on that are not withdrawn.

    If `schools` is None, return those of all schools.
    """
    key = (verified_events.c.day >= day) & verified_events.c.withdrawn_at.is_(None)
    if schools is not None:
        key &= verified_events.c.school.in_(tuple(schools))
    query = select(verified_events).where(key).order_by(verified_events.c.day)
    return [VerifiedEvent(row.id, row.school, row.day, row.by, row.at) for row in db.execute(query)]
