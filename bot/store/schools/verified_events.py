"""Verified events at a school (agents came, say): for the days after one, nobody is told off for truancy."""

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
"""No word of what happened: this is read by a calendar, not by people."""


@dataclass(frozen=True)
class VerifiedEvent:
    """Somebody with the right to say so says that something happened at this school on this day."""

    id: int
    school: str
    day: date
    by: str
    at: datetime


def add(db: Transaction, school: str, day: date, by: str, at: datetime) -> bool:
    """Write it down; False if it stands there already."""
    same = (verified_events.c.school == school) & (verified_events.c.day == day)
    standing = same & verified_events.c.withdrawn_at.is_(None)
    if db.execute(select(verified_events.c.id).where(standing)).first() is not None:
        return False
    db.execute(insert(verified_events).values(school=school, day=day, by=by, at=at))
    audit_log.record(db, by, "verified an event", f"school {school}", at, day.isoformat())
    return True


def withdraw(db: Transaction, event_id: int, by: str, at: datetime) -> bool:
    """It was a mistake; False if that was said before."""
    key = (verified_events.c.id == event_id) & verified_events.c.withdrawn_at.is_(None)
    if db.execute(update(verified_events).where(key).values(withdrawn_by=by, withdrawn_at=at)).rowcount != 1:
        return False
    school = db.execute(select(verified_events.c.school).where(verified_events.c.id == event_id)).scalar_one()
    audit_log.record(db, by, "took a verified event back", f"school {school}", at)
    return True


def list_since(db: Transaction, day: date, schools: Iterable[str] | None = None) -> Sequence[VerifiedEvent]:
    """The events from this day on that stand, at these schools (None: at any)."""
    key = (verified_events.c.day >= day) & verified_events.c.withdrawn_at.is_(None)
    if schools is not None:
        key &= verified_events.c.school.in_(tuple(schools))
    query = select(verified_events).where(key).order_by(verified_events.c.day)
    return [VerifiedEvent(row.id, row.school, row.day, row.by, row.at) for row in db.execute(query)]
