"""The audit log: who did what to which case or account, and when.

The log is append-only and holds only ids and fixed words, never the text of a family. The digest of each row covers
the digest of the row before it (SHA-256), so `find_broken_row` finds the first row that was changed or removed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Self

from sqlalchemy import Column, Integer, String, Table, insert, select, text
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("who", String(64), nullable=False),
    Column("what", String(48), nullable=False),
    Column("subject", String(64), nullable=False, index=True),
    Column("why", String(120), nullable=False),
    Column("digest", String(64), nullable=False),
)

audit_retention_marks = Table(
    "audit_retention_marks",
    metadata,
    Column("last_id", Integer, primary_key=True),
    Column("digest", String(64), nullable=False),
)
"""One row: the last entry that retention deleted. Its digest is the one that the oldest remaining row builds on."""

AUDIT_LOCK_ID = 8_231_964
"""The advisory lock on PostgreSQL, so that two rows never build on the same row. SQLite has only one writer."""


@dataclass(frozen=True)
class AuditEntry:
    """One action in the log.

    `who` is a staff member, an account, `family`, or `helper`. `subject` is, for example, `case 42`.
    """

    id: int
    at: datetime
    who: str
    what: str
    subject: str
    why: str

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Build an entry from a row of the table."""
        return cls(row.id, row.at, row.who, row.what, row.subject, row.why)


def record(db: Transaction, actor: str, action: str, subject: str, now: datetime, why: str = "") -> None:
    """Add an entry in the transaction of the action itself, so that both are saved or neither."""
    if db.dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": AUDIT_LOCK_ID})
    previous_digest = db.execute(select(audit.c.digest).order_by(audit.c.id.desc()).limit(1)).scalars().first()
    if previous_digest is None:
        previous_digest = _read_retention_mark(db)
    digest = _compute_digest(previous_digest, now, actor, action, subject, why)
    db.execute(insert(audit).values(at=now, who=actor, what=action, subject=subject, why=why, digest=digest))


def list_newest(db: Transaction, limit: int, subject: str | None = None) -> Sequence[AuditEntry]:
    """Return the newest entries first, all of them or those about one subject."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if subject:
        query = query.where(audit.c.subject == subject)
    return [AuditEntry.from_row(row) for row in db.execute(query)]


def is_recorded(db: Transaction, entry: AuditEntry, since: datetime) -> bool:
    """Return whether the log has an equal entry after `since`. The `id` and `at` of `entry` are ignored."""
    same_action = (audit.c.subject == entry.subject) & (audit.c.who == entry.who) & (audit.c.what == entry.what)
    query = select(audit.c.id).where(same_action & (audit.c.why == entry.why) & (audit.c.at > since)).limit(1)
    return db.execute(query).first() is not None


def find_last_time(db: Transaction, action: str) -> datetime | None:
    """Return when this action last happened, or None if the log has no such entry."""
    return db.execute(select(audit.c.at).where(audit.c.what == action).order_by(audit.c.id.desc()).limit(1)).scalar()


def find_broken_row(db: Transaction) -> int | None:
    """Return the id of the first row whose digest doesn't match the rows before it, or None if all match."""
    previous_digest = _read_retention_mark(db)
    for row in db.execute(select(audit).order_by(audit.c.id)):
        if row.digest != _compute_digest(previous_digest, row.at, row.who, row.what, row.subject, row.why):
            return int(row.id)
        previous_digest = row.digest
    return None


def _read_retention_mark(db: Transaction) -> str:
    return db.execute(select(audit_retention_marks.c.digest)).scalars().first() or ""


def _compute_digest(previous_digest: str, recorded_at: datetime, *fields: str) -> str:
    parts = (previous_digest, recorded_at.isoformat(timespec="microseconds"), *fields)
    return sha256("\x1f".join(parts).encode()).hexdigest()
