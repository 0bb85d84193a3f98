"""Who looked at which fact, policy, partner or source on the watch list, when, and whether it is still right."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, Integer, String, Table, func, insert, select
from sqlalchemy.engine import Connection, Row

from bot.base.database import Moment, metadata

NOTE_CHARACTERS = 300

content_reviews = Table(
    "content_reviews",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject", String(64), nullable=False, index=True),
    Column("by", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    Column("still_right", Boolean, nullable=False),
    Column("note", String(NOTE_CHARACTERS), nullable=False, server_default=""),
)


@dataclass(frozen=True)
class Review:
    """`subject` such as `fact home_entry`; `note` what must change, in the words of who looked."""

    subject: str
    by: str
    at: datetime
    still_right: bool
    note: str = ""


def add(db: Connection, review: Review) -> None:
    """Write it down; no file changes by it."""
    db.execute(insert(content_reviews).values(**{**vars(review), "note": review.note[:NOTE_CHARACTERS]}))


def newest(db: Connection, limit: int) -> Sequence[Review]:
    """The last ones, of everything."""
    return [
        _review(row) for row in db.execute(select(content_reviews).order_by(content_reviews.c.id.desc()).limit(limit))
    ]


def last(db: Connection) -> dict[str, Review]:
    """Subject → the last time that somebody looked at it."""
    ids = select(func.max(content_reviews.c.id)).group_by(content_reviews.c.subject)
    return {
        row.subject: _review(row) for row in db.execute(select(content_reviews).where(content_reviews.c.id.in_(ids)))
    }


def _review(row: Row[Any]) -> Review:
    return Review(row.subject, row.by, row.at, row.still_right, row.note)
