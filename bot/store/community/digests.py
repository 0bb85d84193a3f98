"""The weekly digest: its lines as they were sent, and who has read them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Column, ForeignKey, String, Table, Text, UniqueConstraint, insert, select
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata

digests = Table(
    "digests",
    metadata,
    Column("week", String(10), primary_key=True),
    Column("lines", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
"""`week` is its Monday."""

digest_reads = Table(
    "digest_reads",
    metadata,
    Column("week", ForeignKey("digests.week"), nullable=False),
    Column("by", String(64), nullable=False),
    Column("role", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("week", "by"),
)


@dataclass(frozen=True)
class Digest:
    """One week's."""

    week: date
    lines: tuple[str, ...]
    at: datetime


@dataclass(frozen=True)
class DigestReader:
    """Somebody says that they have read it; `role` as the district file names it."""

    by: str
    role: str
    at: datetime


def add(db: Transaction, digest: Digest) -> bool:
    """Keep this week's; False if it was made before."""
    row = {"week": digest.week.isoformat(), "lines": json.dumps(digest.lines, ensure_ascii=False), "at": digest.at}
    return _insert_once(db, insert(digests).values(row))


def find_newest(db: Transaction) -> Digest | None:
    """The last one."""
    row = db.execute(select(digests).order_by(digests.c.week.desc()).limit(1)).one_or_none()
    return Digest(date.fromisoformat(row.week), tuple(json.loads(row.lines)), row.at) if row else None


def exists_for_week(db: Transaction, week: date) -> bool:
    """Whether this week's was made."""
    return db.execute(select(digests.c.week).where(digests.c.week == week.isoformat())).first() is not None


def record_reader(db: Transaction, week: date, reader: DigestReader) -> bool:
    """Note that somebody has read it; False if that was noted before."""
    return _insert_once(db, insert(digest_reads).values(week=week.isoformat(), **vars(reader)))


def list_readers(db: Transaction, week: date) -> Sequence[DigestReader]:
    """Who has read it, in the order in which they did."""
    query = select(digest_reads).where(digest_reads.c.week == week.isoformat()).order_by(digest_reads.c.at)
    return [DigestReader(row.by, row.role, row.at) for row in db.execute(query)]


def _insert_once(db: Transaction, statement) -> bool:  # type: ignore[no-untyped-def]  # SQLAlchemy's own
    try:
        with db.begin_nested():
            db.execute(statement)
    except IntegrityError:
        return False
    return True
