"""Interpreters of a meeting: trained interpreters, or bilingual colleagues, who are not enough alone."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ForeignKey, Integer, String, Table, delete, insert, select

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.cases.interpreter_requests import InterpreterKind

meeting_interpreters = Table(
    "meeting_interpreters",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("meeting_id", ForeignKey("meetings.id"), nullable=False, index=True),
    Column("language", String(8), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("name", String(80), nullable=False),
    Column("booked_by", String(64), nullable=False),
    Column("booked_at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True)
class BookedInterpreter:
    """A booked interpreter.

    `name` is the person, agency, or phone service.
    """

    id: int
    language: str
    kind: InterpreterKind
    name: str
    booked_by: str


def book(db: Transaction, meeting_id: int, booked: BookedInterpreter, now: datetime) -> None:
    """Record the booked interpreter.

    It replaces an entry with the same language and name.
    """
    is_same = (meeting_interpreters.c.language == booked.language) & (meeting_interpreters.c.name == booked.name)
    key = (meeting_interpreters.c.meeting_id == meeting_id) & is_same
    db.execute(delete(meeting_interpreters).where(key))
    row = {"meeting_id": meeting_id, "language": booked.language, "kind": booked.kind, "name": booked.name}
    db.execute(insert(meeting_interpreters).values(**row, booked_by=booked.booked_by, booked_at=now))


def remove(db: Transaction, meeting_id: int, interpreter_id: int) -> bool:
    """Remove an interpreter who cannot come.

    Returns False if there is no such entry.
    """
    table = meeting_interpreters.c
    key = (table.id == interpreter_id) & (table.meeting_id == meeting_id)
    return db.execute(delete(meeting_interpreters).where(key)).rowcount == 1


def list_for_meeting(db: Transaction, meeting_id: int) -> list[BookedInterpreter]:
    """Return the interpreters of the meeting, by language."""
    table = meeting_interpreters.c
    query = select(table.id, table.language, table.kind, table.name, table.booked_by)
    rows = db.execute(query.where(table.meeting_id == meeting_id).order_by(table.language, table.id))
    return [BookedInterpreter(**row) for row in rows.mappings()]
