"""Which text, in which wording, which family was sent: so that a wrong one can be traced and put right.

Ids only: the text by a hash of its English, the wording by a hash of what it read in the family's language.
"""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Column, ForeignKey, Index, String, Table, UniqueConstraint, insert, select
from sqlalchemy.engine import Connection

from bot.base.database import UtcDateTime, metadata

sent_texts = Table(
    "told",
    metadata,
    Column("contact_id", ForeignKey("contacts.id"), nullable=False),
    Column("text", String(12), nullable=False),
    Column("language", String(8), nullable=False),
    Column("wording", String(12), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("contact_id", "text", "wording"),
    Index("ix_told_text", "text", "language"),
)


def compute_text_id(english: str) -> str:
    """The id of a text: a hash of its English."""
    return sha256(english.encode()).hexdigest()[:12]


def build_key(english: str, language: str, wording: str) -> str:
    """A text in a wording, as `record` takes it."""
    return f"{compute_text_id(english)}:{language}:{compute_text_id(wording)}"


def record(db: Connection, contact_id: int, text_keys: Iterable[str], known_keys: list[str], at: datetime) -> None:
    """Write down what this family was told for the first time; `before` holds what is known to be there, and grows."""
    new = [one for one in text_keys if one not in known_keys]
    if not new:
        return
    query = select(sent_texts.c.text, sent_texts.c.wording).where(sent_texts.c.contact_id == contact_id)
    there = {(row.text, row.wording) for row in db.execute(query)}
    rows = [dict(zip(("text", "language", "wording"), one.split(":"), strict=True)) for one in new]
    rows = [row for row in rows if (row["text"], row["wording"]) not in there]
    if rows:
        db.execute(insert(sent_texts), [{**row, "contact_id": contact_id, "at": at} for row in rows])
    known_keys += new


def add(db: Connection, contact_id: int, text_key: str, at: datetime) -> None:
    """Write down one text (as `key` gives it); raises IntegrityError if this family was told it before."""
    row = dict(zip(("text", "language", "wording"), text_key.split(":"), strict=True))
    db.execute(insert(sent_texts).values(**row, contact_id=contact_id, at=at))


def find_outdated_contacts(db: Connection, english: str, language: str, current_wording: str) -> list[int]:
    """The contacts that were sent this text in this language, in another wording than today's, and not in today's."""
    query = select(sent_texts.c.contact_id, sent_texts.c.wording).where(
        sent_texts.c.text == compute_text_id(english), sent_texts.c.language == language
    )
    rows = list(db.execute(query))
    right = {row.contact_id for row in rows if row.wording == compute_text_id(current_wording)}
    return sorted({row.contact_id for row in rows} - right)
