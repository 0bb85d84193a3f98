"""Alarms: that the line is not well, from when, who was told, until when.  One open row a name; nothing of a family."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Index, Integer, String, Table, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from bot.base.database import Moment, metadata

alarms = Table(
    "alarms",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False),
    Column("began_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("told_at", Moment),
    Column("ended_at", Moment, index=True),
)
OPEN = alarms.c.ended_at.is_(None)
Index("uq_alarms_open", alarms.c.name, unique=True, sqlite_where=OPEN, postgresql_where=OPEN)


@dataclass(frozen=True)
class Alarm:
    """`seen_at`: when it was last so; `told_at`: when the technical contact was told, None if it was not (yet)."""

    id: int
    name: str
    began_at: datetime
    seen_at: datetime
    told_at: datetime | None
    ended_at: datetime | None


def opened(db: Connection) -> list[Alarm]:
    """Those that have not ended."""
    return _read(db, select(alarms).where(OPEN).order_by(alarms.c.began_at))


def newest(db: Connection, limit: int) -> list[Alarm]:
    """The last ones that have ended."""
    return _read(db, select(alarms).where(~OPEN).order_by(alarms.c.ended_at.desc()).limit(limit))


def _read(db: Connection, query: object) -> list[Alarm]:
    return [Alarm(**row._mapping) for row in db.execute(query)]  # type: ignore[call-overload]


def seen(db: Connection, names: Sequence[str], at: datetime) -> None:
    """It is so now: of these an open row is there, and says when."""
    db.execute(update(alarms).where(OPEN & alarms.c.name.in_(names)).values(seen_at=at))
    there = {one.name for one in opened(db)}
    for name in names:
        if name not in there:
            _begin(db, name, at)


def _begin(db: Connection, name: str, at: datetime) -> None:
    try:
        with db.begin_nested():
            db.execute(insert(alarms).values(name=name, began_at=at, seen_at=at))
    except IntegrityError:
        pass  # another process was first


def tell(db: Connection, alarm_id: int, at: datetime) -> bool:
    """Note that somebody is being told; False if that was done before."""
    key = (alarms.c.id == alarm_id) & alarms.c.told_at.is_(None) & OPEN
    return db.execute(update(alarms).where(key).values(told_at=at)).rowcount == 1


def end(db: Connection, alarm_id: int, at: datetime) -> bool:
    """It is over; False if that was noted before."""
    return db.execute(update(alarms).where((alarms.c.id == alarm_id) & OPEN).values(ended_at=at)).rowcount == 1
