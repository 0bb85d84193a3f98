"""Approved sentences with their translations, which Puente uses before a machine translation.

They are general sentences such as "The office opens at 8", never a family's words. The approval form says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Column, String, Table, Text, UniqueConstraint, delete, insert, select, update

from bot.base.database import Transaction, UtcDateTime, metadata

approved_phrases = Table(
    "approved_phrases",
    metadata,
    Column("source", String(8), nullable=False),
    Column("target", String(8), nullable=False),
    Column("key", String(64), nullable=False),
    Column("original", Text, nullable=False),
    Column("wording", Text, nullable=False),
    Column("approved_by", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("source", "target", "key"),
)


@dataclass(frozen=True)
class ApprovedPhrase:
    """An approved sentence and its translation."""

    source: str
    target: str
    original: str
    wording: str
    approved_by: str


def approve(db: Transaction, phrase: ApprovedPhrase, now: datetime) -> None:
    """Store the phrase.

    It replaces an earlier approval of the same sentence.
    """
    key = _match_phrase(phrase.source, phrase.target, phrase.original)
    values = {"original": phrase.original, "wording": phrase.wording, "approved_by": phrase.approved_by, "at": now}
    if db.execute(update(approved_phrases).where(key).values(values)).rowcount == 0:
        key_columns = {"source": phrase.source, "target": phrase.target, "key": _hash_original(phrase.original)}
        db.execute(insert(approved_phrases).values(**key_columns, **values))


def find(db: Transaction, source: str, target: str, original: str) -> str | None:
    """Return the approved translation of this sentence, or None.

    Differences in spaces, case, and the final punctuation do not matter.
    """
    query = select(approved_phrases.c.wording).where(_match_phrase(source, target, original))
    return db.execute(query).scalars().first()


def list_all(db: Transaction) -> Sequence[ApprovedPhrase]:
    """Return all approved phrases, by language."""
    rows = db.execute(select(approved_phrases).order_by(approved_phrases.c.target, approved_phrases.c.original))
    return [ApprovedPhrase(row.source, row.target, row.original, row.wording, row.approved_by) for row in rows]


def remove(db: Transaction, source: str, target: str, original: str) -> None:
    """Delete an approved phrase."""
    db.execute(delete(approved_phrases).where(_match_phrase(source, target, original)))


def _match_phrase(source: str, target: str, original: str):  # type: ignore[no-untyped-def]  # SQLAlchemy's own condition
    return (
        (approved_phrases.c.source == source)
        & (approved_phrases.c.target == target)
        & (approved_phrases.c.key == _hash_original(original))
    )


def _hash_original(text: str) -> str:
    return sha256(" ".join(text.casefold().split()).rstrip(".!?。").encode()).hexdigest()
