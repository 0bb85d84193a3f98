"""Roster imports: how far each file was imported, so that an interrupted import continues where it stopped."""

from datetime import datetime

from sqlalchemy import Column, Integer, String, Table, insert, select, update

from bot.base.database import Transaction, UtcDateTime, metadata

roster_imports = Table(
    "roster_imports",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("file", String(64), nullable=False),
    Column("line", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
)
"""`file` is a hash of the file's content and the options: a repeat of the same import continues it."""


def find_open(db: Transaction, file_hash: str) -> tuple[str, int] | None:
    """Return (id, lines done) of the newest unfinished import of this file."""
    key = (roster_imports.c.file == file_hash) & roster_imports.c.ended_at.is_(None)
    row = db.execute(select(roster_imports).where(key).order_by(roster_imports.c.at.desc()).limit(1)).one_or_none()
    return (row.id, row.line) if row else None


def start(db: Transaction, import_id: str, file_hash: str, now: datetime) -> None:
    """Start an import."""
    db.execute(insert(roster_imports).values(id=import_id, file=file_hash, line=0, at=now))


def set_lines_done(db: Transaction, import_id: str, line: int) -> None:
    """Record that all lines up to this one are saved, in the transaction that saves them."""
    db.execute(update(roster_imports).where(roster_imports.c.id == import_id).values(line=line))


def end(db: Transaction, import_id: str, now: datetime) -> None:
    """Record that the whole file was imported."""
    db.execute(update(roster_imports).where(roster_imports.c.id == import_id).values(ended_at=now))
