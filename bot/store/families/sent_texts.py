"""Which text each contact received in which wording, so that staff can find and correct wrong texts.

The table holds only hashes: of the English text, and of the wording in the family's language.
"""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Column, ForeignKey, Index, String, Table, UniqueConstraint, insert, select

from bot.base.database import Transaction, UtcDateTime, metadata

sent_texts = Table(
    "sent_texts",
    metadata,
    Column("contact_id", ForeignKey("contacts.id"), nullable=False),
    Column("text", String(12), nullable=False),
    Column("language", String(8), nullable=False),
    Column("wording", String(12), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("contact_id", "text", "wording"),
    Index("ix_sent_texts_text", "text", "language"),
)


def compute_text_id(english: str) -> str:
    """Return the id of a text, a hash of its English."""
    return sha256(english.encode()).hexdigest()[:12]


def build_key(english: str, language: str, wording: str) -> str:
    """Return the key of a text in a wording, as `record` and `add` take it."""
    return f"{compute_text_id(english)}:{language}:{compute_text_id(wording)}"


def record(db: Transaction, contact_id: int, text_keys: Iterable[str], known_keys: list[str], now: datetime) -> None:
    """Record the texts that this contact receives for the first time.

    `known_keys` holds keys that are already recorded. This function adds the new ones to it.
    """
    new_keys = [text_key for text_key in text_keys if text_key not in known_keys]
    if not new_keys:
        return
    query = select(sent_texts.c.text, sent_texts.c.wording).where(sent_texts.c.contact_id == contact_id)
    recorded = {(row.text, row.wording) for row in db.execute(query)}
    rows = [_split_key(text_key) for text_key in new_keys]
    rows = [row for row in rows if (row["text"], row["wording"]) not in recorded]
    if rows:
        db.execute(insert(sent_texts), [{**row, "contact_id": contact_id, "at": now} for row in rows])
    known_keys += new_keys


def add(db: Transaction, contact_id: int, text_key: str, now: datetime) -> None:
    """Record one text.

    Raises:
        sqlalchemy.exc.IntegrityError: This contact received the text in this wording before.
    """
    db.execute(insert(sent_texts).values(**_split_key(text_key), contact_id=contact_id, at=now))


def _split_key(text_key: str) -> dict[str, str]:
    return dict(zip(("text", "language", "wording"), text_key.split(":"), strict=True))


def find_outdated_contacts(db: Transaction, english: str, language: str, current_wording: str) -> list[int]:
    """Return the contacts that received this text in this language only in outdated wordings."""
    query = select(sent_texts.c.contact_id, sent_texts.c.wording).where(
        sent_texts.c.text == compute_text_id(english), sent_texts.c.language == language
    )
    rows = db.execute(query).all()
    up_to_date = {row.contact_id for row in rows if row.wording == compute_text_id(current_wording)}
    return sorted({row.contact_id for row in rows} - up_to_date)
