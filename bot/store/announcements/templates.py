"""Announcements that wait ready for a bad day: per school two drafts, approved long before, released by two people.

The draft itself never leaves: a release is a copy of it (bot/announcements/templates.py), so that it is there another
day.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ForeignKey, Integer, String, Table, UniqueConstraint, insert, or_, select, update
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from bot.base.database import Moment, metadata

WERE_HERE, HAVE_LEFT = "were_here", "have_left"

ready_made = Table(
    "ready_made",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("announcement_id", ForeignKey("announcements.id"), nullable=False, unique=True),
    Column("school", String(48), nullable=False),
    Column("what", String(12), nullable=False),
    Column("proposed_by", String(64)),
    Column("proposed_at", Moment),
    Column("released_by", String(64)),
    Column("released_at", Moment),
    Column("released_id", Integer),
    UniqueConstraint("school", "what"),
)

PROPOSED_FOR = timedelta(minutes=30)
"""So long a proposal waits for the second person; then somebody must look again."""
NOT_AGAIN = timedelta(minutes=30)
"""So long after a release the same is not released again: two pairs of people must not send it twice."""


@dataclass(frozen=True)
class Ready:
    """One that waits.  `released_id` is the newest copy that was sent."""

    id: int
    announcement_id: int
    school: str
    what: str
    proposed_by: str | None
    proposed_at: datetime | None
    released_by: str | None
    released_at: datetime | None
    released_id: int | None

    def proposed(self, at: datetime) -> bool:
        """Whether somebody waits for a second person now."""
        return self.proposed_at is not None and self.proposed_at > at - PROPOSED_FOR

    def just_released(self, at: datetime) -> bool:
        """Whether it was sent so lately that it cannot be sent again."""
        return self.released_at is not None and self.released_at > at - NOT_AGAIN


def add(db: Connection, announcement_id: int, school: str, what: str) -> bool:
    """Make this draft the ready one; False if the school has one."""
    try:
        with db.begin_nested():
            db.execute(insert(ready_made).values(announcement_id=announcement_id, school=school, what=what))
    except IntegrityError:
        return False
    return True


def every(db: Connection) -> list[Ready]:
    """All of them."""
    return [_ready(row) for row in db.execute(select(ready_made).order_by(ready_made.c.id))]


def find(db: Connection, ready_id: int) -> Ready | None:
    """The one with this number, if there is one."""
    row = db.execute(select(ready_made).where(ready_made.c.id == ready_id)).one_or_none()
    return _ready(row) if row else None


def is_one(db: Connection, announcement_id: int) -> bool:
    """Whether this draft is a ready-made one."""
    query = select(ready_made.c.id).where(ready_made.c.announcement_id == announcement_id)
    return db.execute(query).first() is not None


def propose(db: Connection, ready_id: int, by: str, at: datetime) -> bool:
    """The first of two people; False if somebody has proposed it, or it has just been released."""
    nobody = or_(ready_made.c.proposed_at.is_(None), ready_made.c.proposed_at <= at - PROPOSED_FOR)
    key = (ready_made.c.id == ready_id) & nobody & _not_lately(at)
    return db.execute(update(ready_made).where(key).values(proposed_by=by, proposed_at=at)).rowcount == 1


def confirm(db: Connection, ready: Ready, by: str, at: datetime) -> bool:
    """The second: somebody else; False if that is the same person, or the proposal is gone or too old."""
    key = (ready_made.c.id == ready.id) & (ready_made.c.proposed_by == ready.proposed_by)
    key &= (ready_made.c.proposed_at == ready.proposed_at) & (ready_made.c.proposed_at > at - PROPOSED_FOR)
    key &= (ready_made.c.proposed_by != by) & _not_lately(at)
    values = {"proposed_by": None, "proposed_at": None, "released_by": by, "released_at": at}
    return db.execute(update(ready_made).where(key).values(values)).rowcount == 1


def set_copy(db: Connection, ready_id: int, announcement_id: int) -> None:
    """Which announcement it became this time."""
    db.execute(update(ready_made).where(ready_made.c.id == ready_id).values(released_id=announcement_id))


def drop(db: Connection, ready_id: int) -> bool:
    """The proposal is taken back; False if there was none."""
    key = (ready_made.c.id == ready_id) & ready_made.c.proposed_at.is_not(None)
    return db.execute(update(ready_made).where(key).values(proposed_by=None, proposed_at=None)).rowcount == 1


def _not_lately(at: datetime):  # type: ignore[no-untyped-def]  # SQLAlchemy's own condition
    return or_(ready_made.c.released_at.is_(None), ready_made.c.released_at <= at - NOT_AGAIN)


def _ready(row: Row[Any]) -> Ready:
    return Ready(**row._mapping)
