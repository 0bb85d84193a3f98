"""Who looked at which fact, policy, partner or source on the watch list, when, and whether it is still right."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, Integer, String, Table, func, insert, select
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata

MAX_REVIEW_NOTE_LENGTH = 300

content_reviews = Table(
    "content_reviews",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject", String(64), nullable=False, index=True),
    Column("by", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("still_right", Boolean, nullable=False),
    Column("note", String(MAX_REVIEW_NOTE_LENGTH), nullable=False, server_default=""),
)


@dataclass(frozen=True)
class ContentReview:
    """`subject` such as `fact home_entry`; `note` what must change, in the words of who looked."""

    subject: str
    by: str
    at: datetime
    still_right: bool
    note: str = ""


def add(db: Transaction, review: ContentReview) -> None:
    """Write it down; no file changes by it."""
    db.execute(insert(content_reviews).values(**{**vars(review), "note": review.note[:MAX_REVIEW_NOTE_LENGTH]}))


def list_newest(db: Transaction, limit: int) -> Sequence[ContentReview]:
    """The last ones, of everything."""
    return [
        _build_review(row)
        for row in db.execute(select(content_reviews).order_by(content_reviews.c.id.desc()).limit(limit))
    ]


def find_last_by_subject(db: Transaction) -> dict[str, ContentReview]:
    """Subject → the last time that somebody looked at it."""
    ids = select(func.max(content_reviews.c.id)).group_by(content_reviews.c.subject)
    return {
        row.subject: _build_review(row)
        for row in db.execute(select(content_reviews).where(content_reviews.c.id.in_(ids)))
    }


def _build_review(row: Row[Any]) -> ContentReview:
    return ContentReview(row.subject, row.by, row.at, row.still_right, row.note)
