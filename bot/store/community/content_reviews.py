"""Reviews of facts, policies, partners, and sources: who checked which one, when, and whether it is still right."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

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
    Column("is_still_correct", Boolean, nullable=False),
    Column("note", String(MAX_REVIEW_NOTE_LENGTH), nullable=False, server_default=""),
)


@dataclass(frozen=True)
class ContentReview:
    """One review.

    `subject` is such as `fact home_entry`. `note` says what must change, in the reviewer's words.
    """

    subject: str
    by: str
    at: datetime
    is_still_correct: bool
    note: str = ""

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Build the content review from its row."""
        return cls(row.subject, row.by, row.at, row.is_still_correct, row.note)


def add(db: Transaction, review: ContentReview) -> None:
    """Store the review.

    It changes no file.
    """
    row = {**vars(review), "note": review.note[:MAX_REVIEW_NOTE_LENGTH]}
    db.execute(insert(content_reviews).values(row))


def list_newest(db: Transaction, limit: int) -> Sequence[ContentReview]:
    """Return the newest reviews of all subjects."""
    query = select(content_reviews).order_by(content_reviews.c.id.desc()).limit(limit)
    return [ContentReview.from_row(row) for row in db.execute(query)]


def find_last_by_subject(db: Transaction) -> dict[str, ContentReview]:
    """Return subject → its newest review."""
    ids = select(func.max(content_reviews.c.id)).group_by(content_reviews.c.subject)
    rows = db.execute(select(content_reviews).where(content_reviews.c.id.in_(ids)))
    return {row.subject: ContentReview.from_row(row) for row in rows}
