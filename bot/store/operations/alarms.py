"""Alarms: that the line is not well, from when, who was told, until when.  One open row a name; nothing of a family."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Index, Integer, String, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata

alarms = Table(
    "alarms",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("told_at", UtcDateTime),
    Column("ended_at", UtcDateTime, index=True),
)
ALARM_IS_OPEN = alarms.c.ended_at.is_(None)
Index("uq_alarms_open", alarms.c.name, unique=True, sqlite_where=ALARM_IS_OPEN, postgresql_where=ALARM_IS_OPEN)


@dataclass(frozen=True)
class Alarm:
    """`seen_at`: when it was last so; `told_at`: when the technical contact was told, None if it was not (yet)."""

    id: int
    name: str
    began_at: datetime
    seen_at: datetime
    told_at: datetime | None
    ended_at: datetime | None


def list_open(db: Transaction) -> list[Alarm]:
    """Those that have not ended."""
    return _query_alarms(db, select(alarms).where(ALARM_IS_OPEN).order_by(alarms.c.began_at))


def list_recently_ended(db: Transaction, limit: int) -> list[Alarm]:
    """The last ones that have ended."""
    return _query_alarms(db, select(alarms).where(~ALARM_IS_OPEN).order_by(alarms.c.ended_at.desc()).limit(limit))


def _query_alarms(db: Transaction, query: object) -> list[Alarm]:
    return [Alarm(**row._mapping) for row in db.execute(query)]  # type: ignore[call-overload]


def record_active(db: Transaction, names: Sequence[str], at: datetime) -> None:
    """It is so now: of these an open row is there, and says when."""
    db.execute(update(alarms).where(ALARM_IS_OPEN & alarms.c.name.in_(names)).values(seen_at=at))
    there = {one.name for one in list_open(db)}
    for name in names:
        if name not in there:
            _insert_alarm(db, name, at)


def _insert_alarm(db: Transaction, name: str, at: datetime) -> None:
    try:
        with db.begin_nested():
            db.execute(insert(alarms).values(name=name, began_at=at, seen_at=at))
    except IntegrityError:
        pass  # another process was first


def mark_notified(db: Transaction, alarm_id: int, at: datetime) -> bool:
    """Note that somebody is being told; False if that was done before."""
    key = (alarms.c.id == alarm_id) & alarms.c.told_at.is_(None) & ALARM_IS_OPEN
    return db.execute(update(alarms).where(key).values(told_at=at)).rowcount == 1


def end(db: Transaction, alarm_id: int, at: datetime) -> bool:
    """It is over; False if that was noted before."""
    return db.execute(update(alarms).where((alarms.c.id == alarm_id) & ALARM_IS_OPEN).values(ended_at=at)).rowcount == 1
