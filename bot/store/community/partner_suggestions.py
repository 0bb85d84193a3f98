"""Partners that families, community leaders, and staff suggest.

Staff review each suggestion, and nothing is published automatically. The text is encrypted, because a family may write
more than a name. `contact_id` lets an erasure find the rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text, select, update
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.families import record_keys
from bot.store.families.record_keys import Decryptor
from bot.store.unique_rows import insert_if_new

partner_suggestions = Table(
    "partner_suggestions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cause", String(80), nullable=False, unique=True),
    Column("contact_id", ForeignKey("contacts.id"), index=True),
    Column("from_whom", String(64), nullable=False),
    Column("language", String(8), nullable=False),
    Column("sealed_text", Text, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("reviewed_by", String(64)),
    Column("reviewed_at", UtcDateTime),
)

PartnerSuggestionState = Literal["new", "added", "declined"]
NEW: PartnerSuggestionState = "new"
ADDED: PartnerSuggestionState = "added"
DECLINED: PartnerSuggestionState = "declined"
FAMILY_SUGGESTER = "family"
"""The value of `from_whom` for texts from families. Otherwise, it is the staff member who wrote the suggestion."""


@dataclass(frozen=True)
class PartnerSuggestion:
    """A suggestion with its masked text.

    `state` changes once, from `new` to `added` or `declined`.
    """

    id: int
    from_whom: str
    language: str
    text: str
    state: PartnerSuggestionState
    at: datetime

    @classmethod
    def from_row(cls, row: Row[Any], decryptor: Decryptor) -> Self:
        """Build the partner suggestion from its row."""
        text = decryptor.decrypt(row.sealed_text, build_context(row.cause))
        return cls(row.id, row.from_whom, row.language, text, row.state, row.at)


@dataclass(frozen=True)
class NewPartnerSuggestion:
    """A suggestion to store.

    `cause` makes a repeated message or form add no row.
    """

    cause: str
    from_whom: str
    language: str
    text: str
    contact_id: int | None = None


def add(db: Transaction, new: NewPartnerSuggestion, now: datetime) -> bool:
    """Store the suggestion.

    Returns False if it exists.
    """
    row = {"cause": new.cause, "contact_id": new.contact_id, "from_whom": new.from_whom, "language": new.language}
    encryptor = record_keys.get_encryptor(db, new.contact_id)
    row |= {"sealed_text": encryptor.encrypt(new.text, build_context(new.cause)), "state": NEW}
    return insert_if_new(db, partner_suggestions, {**row, "at": now}) is not None


def list_to_review(db: Transaction) -> Sequence[PartnerSuggestion]:
    """Return the new suggestions, oldest first."""
    query = select(partner_suggestions).where(partner_suggestions.c.state == NEW).order_by(partner_suggestions.c.id)
    rows = db.execute(query).all()
    decryptor = record_keys.get_decryptor(db, (row.sealed_text for row in rows))
    return [PartnerSuggestion.from_row(row, decryptor) for row in rows]


def review(db: Transaction, suggestion_id: int, state: PartnerSuggestionState, by: str, now: datetime) -> bool:
    """Record the decision.

    Returns False if someone decided before.
    """
    key = (partner_suggestions.c.id == suggestion_id) & (partner_suggestions.c.state == NEW)
    values = {"state": state, "reviewed_by": by, "reviewed_at": now}
    return db.execute(update(partner_suggestions).where(key).values(values)).rowcount == 1


def build_context(cause: str) -> str:
    return f"suggestion:text:{cause}"
