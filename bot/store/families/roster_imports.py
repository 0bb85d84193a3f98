"""Roster imports: how far each file was read, so that one that was interrupted goes on where it stood."""

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
"""`file` is a hash of the file's content and the options: the same import again goes on."""


def find_open(db: Transaction, file_hash: str) -> tuple[str, int] | None:
    """(id, lines done) of an import of this file that did not come to its end."""
    key = (roster_imports.c.file == file_hash) & roster_imports.c.ended_at.is_(None)
    row = db.execute(select(roster_imports).where(key).order_by(roster_imports.c.at.desc()).limit(1)).one_or_none()
    return (row.id, row.line) if row else None


def start(db: Transaction, import_id: str, file_hash: str, at: datetime) -> None:
    """Begin one."""
    db.execute(insert(roster_imports).values(id=import_id, file=file_hash, line=0, at=at))


def set_lines_done(db: Transaction, import_id: str, line: int) -> None:
    """All lines up to this one are kept (in the same transaction as what they brought)."""
    db.execute(update(roster_imports).where(roster_imports.c.id == import_id).values(line=line))


def end(db: Transaction, import_id: str, at: datetime) -> None:
    """The whole file was read."""
    db.execute(update(roster_imports).where(roster_imports.c.id == import_id).values(ended_at=at))
