"""Alarms: which part of Puente fails, since when, until when, and when the technical contact was notified.

Each name has at most one open row. The rows hold no family data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Column, Index, Integer, String, Table, select, update
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.unique_rows import insert_if_new

alarms = Table(
    "alarms",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("notified_at", UtcDateTime),
    Column("ended_at", UtcDateTime, index=True),
)
ALARM_IS_OPEN = alarms.c.ended_at.is_(None)
Index("uq_alarms_open", alarms.c.name, unique=True, sqlite_where=ALARM_IS_OPEN, postgresql_where=ALARM_IS_OPEN)


@dataclass(frozen=True)
class Alarm:
    """One period in which a part of Puente failed.

    `seen_at` is the last check that found the failure. `notified_at` is the time of the notification, if any.
    """

    id: int
    name: str
    began_at: datetime
    seen_at: datetime
    notified_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Build an alarm from a row of the table."""
        return cls(**row._mapping)


def list_open(db: Transaction) -> list[Alarm]:
    """Return the open alarms, oldest first."""
    query = select(alarms).where(ALARM_IS_OPEN).order_by(alarms.c.began_at)
    return [Alarm.from_row(row) for row in db.execute(query)]


def list_recently_ended(db: Transaction, limit: int) -> list[Alarm]:
    """Return the alarms that ended last, newest first."""
    query = select(alarms).where(~ALARM_IS_OPEN).order_by(alarms.c.ended_at.desc()).limit(limit)
    return [Alarm.from_row(row) for row in db.execute(query)]


def record_active(db: Transaction, names: Sequence[str], now: datetime) -> None:
    """Open an alarm for each of these names, or update `seen_at` of the alarm that is already open."""
    db.execute(update(alarms).where(ALARM_IS_OPEN & alarms.c.name.in_(names)).values(seen_at=now))
    open_names = {alarm.name for alarm in list_open(db)}
    for name in names:
        if name not in open_names:
            insert_if_new(db, alarms, {"name": name, "began_at": now, "seen_at": now})


def mark_notified(db: Transaction, alarm_id: int, now: datetime) -> bool:
    """Claim the notification of the technical contact. Return False if it was claimed before or the alarm ended."""
    key = (alarms.c.id == alarm_id) & alarms.c.notified_at.is_(None) & ALARM_IS_OPEN
    return db.execute(update(alarms).where(key).values(notified_at=now)).rowcount == 1


def end(db: Transaction, alarm_id: int, now: datetime) -> bool:
    """End an alarm. Return False if it ended before."""
    key = (alarms.c.id == alarm_id) & ALARM_IS_OPEN
    return db.execute(update(alarms).where(key).values(ended_at=now)).rowcount == 1
