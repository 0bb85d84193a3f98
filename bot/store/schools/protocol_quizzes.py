"""Quiz results: who answered the protocol's questions, when, and how many were right; never which ones."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Integer, String, Table, delete, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from bot.base.database import Moment, metadata

quizzes = Table(
    "quizzes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cause", String(80), nullable=False, unique=True),
    Column("staff", String(64), nullable=False, index=True),
    Column("version", String(40), nullable=False),
    Column("correct", Integer, nullable=False),
    Column("questions", Integer, nullable=False),
    Column("at", Moment, nullable=False),
)


@dataclass(frozen=True)
class Result:
    """`correct` of so many `questions`, of the protocol with this version."""

    staff: str
    version: str
    correct: int
    questions: int
    at: datetime


def keep(db: Connection, cause: str, one: Result) -> None:
    """Keep a result; a form that is sent twice counts once."""
    try:
        with db.begin_nested():
            db.execute(insert(quizzes).values(cause=cause, **vars(one)))
    except IntegrityError:
        pass


def newest(db: Connection) -> dict[str, Result]:
    """The last result of everybody who ever took it."""
    names = Result.__dataclass_fields__
    rows = db.execute(select(*(quizzes.c[name] for name in names)).order_by(quizzes.c.id))
    return {row["staff"]: Result(**row) for row in rows.mappings()}


def forget(db: Connection, before: datetime) -> int:
    """Delete the results of before this moment; how many."""
    return db.execute(delete(quizzes).where(quizzes.c.at < before)).rowcount
