"""The question box of a gathering: what was asked, in which language, on which day; never who.

No contact, no number, no hour and no id of a message is kept: not even who holds the keys can find out who asked.
"""

from dataclasses import dataclass
from datetime import date
from uuid import uuid4

from sqlalchemy import Column, Date, ForeignKey, Integer, String, Table, Text, insert, select
from sqlalchemy.engine import Connection

from bot.base.database import metadata
from bot.base.encryption import Vault

questions = Table(
    "gathering_questions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("gathering_id", ForeignKey("gatherings.id"), nullable=False, index=True),
    Column("sealed_text", Text, nullable=False),
    Column("place", String(32), nullable=False),
    Column("language", String(8), nullable=False),
    Column("day", Date, nullable=False),
)


@dataclass(frozen=True)
class Question:
    """`text` is masked; `language` "" where nobody could tell."""

    id: int
    language: str
    text: str
    day: date


def ask(db: Connection, vault: Vault, gathering_id: int, text: str, language: str, day: date) -> None:
    """Put a masked question into the box."""
    place = uuid4().hex
    sealed = vault.seal(text, _place(place))
    row = {"gathering_id": gathering_id, "sealed_text": sealed, "place": place, "language": language, "day": day}
    db.execute(insert(questions).values(row))


def of(db: Connection, vault: Vault, gathering_id: int) -> list[Question]:
    """Everything that was asked, by language."""
    query = select(questions).where(questions.c.gathering_id == gathering_id)
    rows = db.execute(query.order_by(questions.c.language, questions.c.id))
    return [Question(row.id, row.language, vault.open(row.sealed_text, _place(row.place)), row.day) for row in rows]


def _place(place: str) -> str:
    return f"question:text:{place}"
