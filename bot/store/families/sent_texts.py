"""Which text, in which wording, which family was sent: so that a wrong one can be traced and put right.

Ids only: the text by a hash of its English, the wording by a hash of what it read in the family's language.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

from sqlalchemy import Column, ForeignKey, Index, String, Table, UniqueConstraint, insert, select
from sqlalchemy.engine import Connection

from bot.base.database import Moment, metadata

told = Table(
    "told",
    metadata,
    Column("contact_id", ForeignKey("contacts.id"), nullable=False),
    Column("text", String(12), nullable=False),
    Column("language", String(8), nullable=False),
    Column("wording", String(12), nullable=False),
    Column("at", Moment, nullable=False),
    UniqueConstraint("contact_id", "text", "wording"),
    Index("ix_told_text", "text", "language"),
)


@lru_cache(maxsize=8192)
def text_id(english: str) -> str:
    """The id of a text: a hash of its English.  Texts are the catalogs' and few; each is hashed once."""
    return sha256(english.encode()).hexdigest()[:12]


def key(english: str, language: str, wording: str) -> str:
    """A text in a wording, as `record` takes it."""
    return f"{text_id(english)}:{language}:{text_id(wording)}"


def record(db: Connection, contact_id: int, said: Iterable[str], before: list[str], at: datetime) -> None:
    """Write down what this family was told for the first time; `before` holds what is known to be there, and grows."""
    new = [one for one in said if one not in before]
    if not new:
        return
    query = select(told.c.text, told.c.wording).where(told.c.contact_id == contact_id)
    there = {(row.text, row.wording) for row in db.execute(query)}
    rows = [dict(zip(("text", "language", "wording"), one.split(":"), strict=True)) for one in new]
    rows = [row for row in rows if (row["text"], row["wording"]) not in there]
    if rows:
        db.execute(insert(told), [{**row, "contact_id": contact_id, "at": at} for row in rows])
    before += new


def add(db: Connection, contact_id: int, one: str, at: datetime) -> None:
    """Write down one text (as `key` gives it); raises IntegrityError if this family was told it before."""
    row = dict(zip(("text", "language", "wording"), one.split(":"), strict=True))
    db.execute(insert(told).values(**row, contact_id=contact_id, at=at))


def contacts_told(db: Connection, english: str, language: str, wording_now: str) -> list[int]:
    """The contacts that were sent this text in this language, in another wording than today's, and not in today's."""
    query = select(told.c.contact_id, told.c.wording).where(
        told.c.text == text_id(english), told.c.language == language
    )
    rows = list(db.execute(query))
    right = {row.contact_id for row in rows if row.wording == text_id(wording_now)}
    return sorted({row.contact_id for row in rows} - right)
