"""Results of the protocol quiz: who took it, when, and how many answers were right.

No row says which answers were right.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Integer, String, Table, delete, select

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.unique_rows import insert_if_new

quizzes = Table(
    "quiz_results",
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
    """The number of correct answers, for one version of the protocol."""

    staff: str
    version: str
    correct: int
    questions: int
    at: datetime


def save(db: Transaction, cause: str, result: QuizResult) -> None:
    """Store a result.

    A repeat of the same form adds no row.
    """
    insert_if_new(db, quizzes, {"cause": cause, **vars(result)})


def list_newest_by_staff(db: Transaction) -> dict[str, QuizResult]:
    """Return the newest result of each staff member."""
    names = QuizResult.__dataclass_fields__
    rows = db.execute(select(*(quizzes.c[name] for name in names)).order_by(quizzes.c.id))
    return {row["staff"]: QuizResult(**row) for row in rows.mappings()}


def delete_before(db: Transaction, before: datetime) -> int:
    """Delete the results before this time, and return their number."""
    return db.execute(delete(quizzes).where(quizzes.c.at < before)).rowcount
