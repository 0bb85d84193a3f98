"""The audit log: who did what to which case or login, never a text.  Append-only, each row bound to the one before.

A row holds ids and fixed words; `broken` finds the first row that somebody changed or took away (a chain of SHA-256).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Column, Integer, String, Table, insert, select, text

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
    "audit_cuts",
    metadata,
    Column("last_id", Integer, primary_key=True),
    Column("digest", String(64), nullable=False),
)
"""One row: where retention has cut the log off, and what its first row follows."""

AUDIT_LOCK_ID = 8_231_964
"""PostgreSQL's advisory lock: two rows must not both follow the same one.  SQLite has one writer anyway."""


@dataclass(frozen=True)
class AuditEntry:
    """`who` is a member of staff, a login, `family` or `helper`; `subject` such as `case 42`."""

    id: int
    at: datetime
    who: str
    what: str
    subject: str
    why: str


def record(db: Transaction, actor: str, action: str, subject: str, at: datetime, why: str = "") -> None:
    """Add a row, in the transaction of what it tells of: both are kept, or neither."""
    if db.dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": AUDIT_LOCK_ID})
    last = db.execute(select(audit.c.digest).order_by(audit.c.id.desc()).limit(1)).scalars().first()
    before = _read_retention_mark(db) if last is None else last
    row = {"at": at, "who": actor, "what": action, "subject": subject, "why": why}
    db.execute(insert(audit).values(**row, digest=_compute_digest(before, at, actor, action, subject, why)))


def list_newest(db: Transaction, limit: int, subject: str | None = None) -> Sequence[AuditEntry]:
    """The newest entries first; of one subject, if it is named."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    rows = db.execute(query.where(audit.c.subject == subject) if subject else query)
    return [AuditEntry(row.id, row.at, row.who, row.what, row.subject, row.why) for row in rows]


def is_recorded(db: Transaction, entry: AuditEntry, since: datetime) -> bool:
    """Whether it says already, since then, that the same person did the same (`id` and `at` do not count)."""
    same = (audit.c.subject == entry.subject) & (audit.c.who == entry.who) & (audit.c.what == entry.what)
    query = select(audit.c.id).where(same & (audit.c.why == entry.why) & (audit.c.at > since)).limit(1)
    return db.execute(query).first() is not None


def find_last_time(db: Transaction, action: str) -> datetime | None:
    """When this was done last; None: not within a year."""
    return db.execute(select(audit.c.at).where(audit.c.what == action).order_by(audit.c.id.desc()).limit(1)).scalar()


def find_broken_row(db: Transaction) -> int | None:
    """The id of the first row that does not follow from those before it; None if all do."""
    before = _read_retention_mark(db)
    for row in db.execute(select(audit).order_by(audit.c.id)):
        if row.digest != _compute_digest(before, row.at, row.who, row.what, row.subject, row.why):
            return int(row.id)
        before = row.digest
    return None


def _read_retention_mark(db: Transaction) -> str:
    return db.execute(select(audit_retention_marks.c.digest)).scalars().first() or ""


def _compute_digest(before: str, at: datetime, *words: str) -> str:
    parts = (before, at.isoformat(timespec="microseconds"), *words)
    return sha256("\x1f".join(parts).encode()).hexdigest()
