"""Organizations that families, leaders and staff suggest: read by staff, and never live by themselves.

The words are sealed (a family may write more than a name).  `contact_id` is kept so that erasing a family finds them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.families import record_keys
from bot.store.families.record_keys import Decryptor

partner_suggestions = Table(
    "suggestions",
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

NEW, ADDED, DECLINED = "new", "added", "declined"
FAMILY_SUGGESTER = "family"
"""`from_whom` of what came by text; else who of the staff wrote it."""


@dataclass(frozen=True)
class PartnerSuggestion:
    """What somebody wrote (masked), in which language; `state` goes from `new` to `added` or `declined`, once."""

    id: int
    from_whom: str
    language: str
    text: str
    state: str
    at: datetime


@dataclass(frozen=True)
class NewPartnerSuggestion:
    """`cause` makes a repeated message or form count once."""

    cause: str
    from_whom: str
    language: str
    text: str
    contact_id: int | None = None


def add(db: Transaction, new: NewPartnerSuggestion, at: datetime) -> bool:
    """Put it on the list; False if it stands there already."""
    row = {"cause": new.cause, "contact_id": new.contact_id, "from_whom": new.from_whom, "language": new.language}
    own = record_keys.get_encryptor(db, new.contact_id)
    row |= {"sealed_text": own.encrypt(new.text, build_context(new.cause)), "state": NEW}
    try:
        with db.begin_nested():
            db.execute(insert(partner_suggestions).values(**row, at=at))
    except IntegrityError:
        return False
    return True


def list_to_review(db: Transaction) -> Sequence[PartnerSuggestion]:
    """What nobody has decided on yet, the oldest first."""
    query = select(partner_suggestions).where(partner_suggestions.c.state == NEW).order_by(partner_suggestions.c.id)
    rows = db.execute(query).all()
    opens = record_keys.get_decryptor(db, (row.sealed_text for row in rows))
    return [_build_suggestion(row, opens) for row in rows]


def review(db: Transaction, suggestion_id: int, state: str, by: str, at: datetime) -> bool:
    """Somebody has decided; False if another one was first."""
    key = (partner_suggestions.c.id == suggestion_id) & (partner_suggestions.c.state == NEW)
    decided = {"state": state, "reviewed_by": by, "reviewed_at": at}
    return db.execute(update(partner_suggestions).where(key).values(decided)).rowcount == 1


def _build_suggestion(row: Row[Any], decryptor: Decryptor) -> PartnerSuggestion:
    text = decryptor.decrypt(row.sealed_text, build_context(row.cause))
    return PartnerSuggestion(row.id, row.from_whom, row.language, text, row.state, row.at)


def build_context(cause: str) -> str:
    return f"suggestion:text:{cause}"
