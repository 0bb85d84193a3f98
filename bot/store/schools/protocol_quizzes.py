"""Quiz results: who answered the protocol's questions, when, and how many were right; never which ones."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Integer, String, Table, delete, insert, select
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata

quizzes = Table(
    "quizzes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cause", String(80), nullable=False, unique=True),
    Column("staff", String(64), nullable=False, index=True),
    Column("version", String(40), nullable=False),
    Column("correct", Integer, nullable=False),
    Column("questions", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True)
class QuizResult:
    """`correct` of so many `questions`, of the protocol with this version."""

    staff: str
    version: str
    correct: int
    questions: int
    at: datetime


def save(db: Transaction, cause: str, result: QuizResult) -> None:
    """Keep a result; a form that is sent twice counts once."""
    try:
        with db.begin_nested():
            db.execute(insert(quizzes).values(cause=cause, **vars(result)))
    except IntegrityError:
        pass


def list_newest_by_staff(db: Transaction) -> dict[str, QuizResult]:
    """The last result of everybody who ever took it."""
    names = QuizResult.__dataclass_fields__
    rows = db.execute(select(*(quizzes.c[name] for name in names)).order_by(quizzes.c.id))
    return {row["staff"]: QuizResult(**row) for row in rows.mappings()}


def delete_before(db: Transaction, before: datetime) -> int:
    """Delete the results of before this moment; how many."""
    return db.execute(delete(quizzes).where(quizzes.c.at < before)).rowcount
