"""Who interprets at a gathering: a trained interpreter, or a bilingual colleague, who is not enough alone."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ForeignKey, Integer, String, Table, delete, insert, select

from bot.base.database import Transaction, UtcDateTime, metadata

meeting_interpreters = Table(
    "gathering_interpreters",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("gathering_id", ForeignKey("gatherings.id"), nullable=False, index=True),
    Column("language", String(8), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("name", String(80), nullable=False),
    Column("booked_by", String(64), nullable=False),
    Column("booked_at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True)
class BookedInterpreter:
    """`kind` is "trained" or "bilingual"; `name` the person, agency or line, as staff call it."""

    id: int
    language: str
    kind: str
    name: str
    booked_by: str


def book(db: Transaction, meeting_id: int, booked: BookedInterpreter, at: datetime) -> None:
    """Write down who was found; the same once."""
    same = (meeting_interpreters.c.language == booked.language) & (meeting_interpreters.c.name == booked.name)
    key = (meeting_interpreters.c.gathering_id == meeting_id) & same
    db.execute(delete(meeting_interpreters).where(key))
    row = {"gathering_id": meeting_id, "language": booked.language, "kind": booked.kind, "name": booked.name}
    db.execute(insert(meeting_interpreters).values(**row, booked_by=booked.booked_by, booked_at=at))


def remove(db: Transaction, meeting_id: int, interpreter_id: int) -> bool:
    """Somebody cannot come; False if nobody was there."""
    table = meeting_interpreters.c
    key = (table.id == interpreter_id) & (table.gathering_id == meeting_id)
    return db.execute(delete(meeting_interpreters).where(key)).rowcount == 1


def list_for_meeting(db: Transaction, meeting_id: int) -> list[BookedInterpreter]:
    """By language."""
    table = meeting_interpreters.c
    query = select(table.id, table.language, table.kind, table.name, table.booked_by)
    rows = db.execute(query.where(table.gathering_id == meeting_id).order_by(table.language, table.id))
    return [BookedInterpreter(**row) for row in rows.mappings()]
