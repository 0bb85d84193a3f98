"""The question box of a gathering: what was asked, in which language, on which day; never who.

No contact, no number, no hour and no id of a message is kept: not even who holds the keys can find out who asked.
"""

from dataclasses import dataclass
from datetime import date
from uuid import uuid4

from sqlalchemy import Column, Date, ForeignKey, Integer, String, Table, Text, insert, select

from bot.base.database import Transaction, metadata

meeting_questions = Table(
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
class MeetingQuestion:
    """`text` is masked; `language` "" where nobody could tell."""

    id: int
    language: str
    text: str
    day: date


def add(db: Transaction, meeting_id: int, text: str, language: str, day: date) -> None:
    """Put a masked question into the box."""
    place = uuid4().hex
    sealed = db.vault.encrypt(text, build_context(place))
    row = {"gathering_id": meeting_id, "sealed_text": sealed, "place": place, "language": language, "day": day}
    db.execute(insert(meeting_questions).values(row))


def list_for_meeting(db: Transaction, meeting_id: int) -> list[MeetingQuestion]:
    """Everything that was asked, by language."""
    query = select(meeting_questions).where(meeting_questions.c.gathering_id == meeting_id)
    rows = db.execute(query.order_by(meeting_questions.c.language, meeting_questions.c.id))
    return [
        MeetingQuestion(row.id, row.language, db.vault.decrypt(row.sealed_text, build_context(row.place)), row.day)
        for row in rows
    ]


def build_context(place: str) -> str:
    return f"question:text:{place}"
