"""Erasures: that somebody was erased, when and by whom; never who.  A repeat of the message is known by its hash."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Column, Integer, String, Table, func, insert, select
from sqlalchemy.engine import Connection

from bot.store.db import Moment, metadata

erasures = Table(
    "erasures",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cause", String(64), nullable=False, unique=True),
    Column("language", String(8), nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", Moment, nullable=False),
)
"""`cause`: a hash of the message's or form's id; `language`: that of the answer, for the same one again."""

FAMILY = "family"


@dataclass(frozen=True)
class Erasure:
    """One erasing as the pages count it."""

    by: str
    at: datetime


def record(db: Connection, cause: str, language: str, by: str, at: datetime) -> None:
    """Write it down, in the transaction that erases."""
    db.execute(insert(erasures).values(cause=_digest(cause), language=language, by=by, at=at))


def language_of(db: Connection, cause: str) -> str | None:
    """In which language this very message was answered when it erased its sender; None: it did not."""
    query = select(erasures.c.language).where(erasures.c.cause == _digest(cause))
    return db.execute(query).scalar_one_or_none()


def counted(db: Connection, since: datetime) -> int:
    """How many families were erased since then."""
    return int(db.execute(select(func.count()).where(erasures.c.at >= since)).scalar_one())


def _digest(cause: str) -> str:
    return sha256(f"erased by {cause}".encode()).hexdigest()
