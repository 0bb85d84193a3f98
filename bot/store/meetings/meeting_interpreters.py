"""Who interprets at a gathering: a trained interpreter, or a bilingual colleague, who is not enough alone."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ForeignKey, Integer, String, Table, delete, insert, select
from sqlalchemy.engine import Connection

from bot.base.database import Moment, metadata

gathering_interpreters = Table(
    "gathering_interpreters",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("gathering_id", ForeignKey("gatherings.id"), nullable=False, index=True),
    Column("language", String(8), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("name", String(80), nullable=False),
    Column("booked_by", String(64), nullable=False),
    Column("booked_at", Moment, nullable=False),
)


@dataclass(frozen=True)
class Booked:
    """`kind` is "trained" or "bilingual"; `name` the person, agency or line, as staff call it."""

    id: int
    language: str
    kind: str
    name: str
    booked_by: str


def book(db: Connection, gathering_id: int, booked: Booked, at: datetime) -> None:
    """Write down who was found; the same once."""
    same = (gathering_interpreters.c.language == booked.language) & (gathering_interpreters.c.name == booked.name)
    key = (gathering_interpreters.c.gathering_id == gathering_id) & same
    db.execute(delete(gathering_interpreters).where(key))
    row = {"gathering_id": gathering_id, "language": booked.language, "kind": booked.kind, "name": booked.name}
    db.execute(insert(gathering_interpreters).values(**row, booked_by=booked.booked_by, booked_at=at))


def remove(db: Connection, gathering_id: int, booked_id: int) -> bool:
    """Somebody cannot come; False if nobody was there."""
    table = gathering_interpreters.c
    key = (table.id == booked_id) & (table.gathering_id == gathering_id)
    return db.execute(delete(gathering_interpreters).where(key)).rowcount == 1


def of(db: Connection, gathering_id: int) -> list[Booked]:
    """By language."""
    table = gathering_interpreters.c
    query = select(table.id, table.language, table.kind, table.name, table.booked_by)
    rows = db.execute(query.where(table.gathering_id == gathering_id).order_by(table.language, table.id))
    return [Booked(**row) for row in rows.mappings()]
