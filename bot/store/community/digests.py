"""The weekly digest: its lines, and who has read them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Column, ForeignKey, String, Table, Text, UniqueConstraint, select

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.unique_rows import insert_if_new

digests = Table(
    "weekly_digests",
    metadata,
    Column("week", String(10), primary_key=True),
    Column("lines", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
"""`week` is the Monday of the week."""

digest_reads = Table(
    "digest_reads",
    metadata,
    Column("week", ForeignKey("weekly_digests.week"), nullable=False),
    Column("by", String(64), nullable=False),
    Column("role", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("week", "by"),
)


@dataclass(frozen=True)
class Digest:
    """The digest of one week.

    `week` is the Monday.
    """

    week: date
    lines: tuple[str, ...]
    at: datetime


@dataclass(frozen=True)
class DigestReader:
    """A staff member who confirmed reading the digest, with the role in the district file."""

    by: str
    role: str
    at: datetime


def add(db: Transaction, digest: Digest) -> bool:
    """Store the digest of the week.

    Returns False if it exists.
    """
    row = {"week": digest.week.isoformat(), "lines": json.dumps(digest.lines, ensure_ascii=False), "at": digest.at}
    return insert_if_new(db, digests, row) is not None


def find_newest(db: Transaction) -> Digest | None:
    """Return the newest digest, or None."""
    row = db.execute(select(digests).order_by(digests.c.week.desc()).limit(1)).one_or_none()
    return Digest(date.fromisoformat(row.week), tuple(json.loads(row.lines)), row.at) if row else None


def exists_for_week(db: Transaction, week: date) -> bool:
    """Return whether this week has a digest."""
    return db.execute(select(digests.c.week).where(digests.c.week == week.isoformat())).first() is not None


def record_reader(db: Transaction, week: date, reader: DigestReader) -> bool:
    """Record that a staff member read the digest.

    Returns False if it was recorded before.
    """
    return insert_if_new(db, digest_reads, {"week": week.isoformat(), **vars(reader)}) is not None


def list_readers(db: Transaction, week: date) -> Sequence[DigestReader]:
    """Return the readers of the digest, in the order of reading."""
    query = select(digest_reads).where(digest_reads.c.week == week.isoformat()).order_by(digest_reads.c.at)
    return [DigestReader(row.by, row.role, row.at) for row in db.execute(query)]
