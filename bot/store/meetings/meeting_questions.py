"""Anonymous questions before a meeting: the text, the language, and the day.

No contact, number, time, or message ID is stored. Even a person who has the keys cannot find out who asked.
"""

from dataclasses import dataclass
from datetime import date
from uuid import uuid4

from sqlalchemy import Column, Date, ForeignKey, Integer, String, Table, Text, insert, select

from bot.base.database import Transaction, metadata

meeting_questions = Table(
    "meeting_questions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("meeting_id", ForeignKey("meetings.id"), nullable=False, index=True),
    Column("sealed_text", Text, nullable=False),
    Column("place", String(32), nullable=False),
    Column("language", String(8), nullable=False),
    Column("day", Date, nullable=False),
)


@dataclass(frozen=True)
class MeetingQuestion:
    """A question with its masked text.

    `language` is "" if it is not known.
    """

    id: int
    language: str
    text: str
    day: date


def add(db: Transaction, meeting_id: int, text: str, language: str, day: date) -> None:
    """Store a masked question."""
    context_id = uuid4().hex
    encrypted = db.vault.encrypt(text, build_context(context_id))
    row = {"meeting_id": meeting_id, "sealed_text": encrypted, "place": context_id, "language": language, "day": day}
    db.execute(insert(meeting_questions).values(row))


def list_for_meeting(db: Transaction, meeting_id: int) -> list[MeetingQuestion]:
    """Return the questions of the meeting, by language."""
    query = select(meeting_questions).where(meeting_questions.c.meeting_id == meeting_id)
    rows = db.execute(query.order_by(meeting_questions.c.language, meeting_questions.c.id))
    return [
        MeetingQuestion(row.id, row.language, db.vault.decrypt(row.sealed_text, build_context(row.place)), row.day)
        for row in rows
    ]


def build_context(context_id: str) -> str:
    return f"question:text:{context_id}"
