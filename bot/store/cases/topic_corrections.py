"""Corrections of the topic of a case by staff.

A person reviews each correction; nothing is learned from it automatically.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text, insert, select, update
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.cases import cases
from bot.store.families import record_keys
from bot.store.families.record_keys import Decryptor

NO_EMERGENCY = "no_emergency"
"""Stored instead of a topic when staff mark a page as wrong."""

corrections = Table(
    "topic_corrections",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False, unique=True),
    Column("sealed_phrase", Text, nullable=False),
    Column("language", String(8), nullable=False),
    Column("guessed", String(64), nullable=False),
    Column("topic", String(64), nullable=False),
    Column("corrected_by", String(64), nullable=False),
    Column("corrected_at", UtcDateTime, nullable=False),
    Column("reviewed_by", String(64)),
    Column("reviewed_at", UtcDateTime),
)


@dataclass(frozen=True)
class TopicCorrection:
    """A family's masked message, the topic that was guessed, and the topic that a staff member chose."""

    id: int
    case_id: int
    phrase: str
    language: str
    guessed: str
    topic: str
    corrected_by: str

    @classmethod
    def from_row(cls, row: Row[tuple[object, ...]], decryptor: Decryptor) -> Self:
        """Build the topic correction from its row."""
        phrase = decryptor.decrypt(row.sealed_phrase, build_context(row.case_id))
        return cls(row.id, row.case_id, phrase, row.language, row.guessed, row.topic, row.corrected_by)


def save(db: Transaction, correction: TopicCorrection, now: datetime) -> None:
    """Store the correction for review.

    It replaces an earlier correction of the same case.
    """
    encryptor = cases.get_encryptor(db, correction.case_id)
    values = {
        "sealed_phrase": encryptor.encrypt(correction.phrase, build_context(correction.case_id)),
        "language": correction.language,
        "guessed": correction.guessed,
        "topic": correction.topic,
        "corrected_by": correction.corrected_by,
        "corrected_at": now,
        "reviewed_by": None,
        "reviewed_at": None,
    }
    key = corrections.c.case_id == correction.case_id
    if db.execute(update(corrections).where(key).values(values)).rowcount == 0:
        db.execute(insert(corrections).values(case_id=correction.case_id, **values))


def find_for_case(db: Transaction, case_id: int) -> TopicCorrection | None:
    """Return the correction of this case, or None."""
    row = db.execute(select(corrections).where(corrections.c.case_id == case_id)).first()
    return TopicCorrection.from_row(row, record_keys.get_decryptor(db)) if row else None


def list_unreviewed(db: Transaction) -> list[TopicCorrection]:
    """Return the corrections without a review, by language and topic."""
    query = select(corrections).where(corrections.c.reviewed_at.is_(None))
    rows = db.execute(query.order_by(corrections.c.language, corrections.c.topic, corrections.c.id)).all()
    decryptor = record_keys.get_decryptor(db, (row.sealed_phrase for row in rows))
    return [TopicCorrection.from_row(row, decryptor) for row in rows]


def mark_reviewed(db: Transaction, correction_id: int, by: str, now: datetime) -> None:
    """Record the review, which removes the correction from the list."""
    key = (corrections.c.id == correction_id) & corrections.c.reviewed_at.is_(None)
    db.execute(update(corrections).where(key).values(reviewed_by=by, reviewed_at=now))


def build_context(case_id: int) -> str:
    return f"correction:phrase:{case_id}"
