"""The erasure log: when a family was erased and by whom, never which family.

A hash of the cause identifies a repeat of the same message or form.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Column, Integer, String, Table, func, insert, select

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.families import families

erasures = Table(
    "erasures",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cause", String(64), nullable=False, unique=True),
    Column("language", String(8), nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("token", String(64)),
)
"""`cause` is a hash of the id of the message or form. `language` is that of the reply, for a repeat of the message.
`token` identifies the row of the family in a restored backup (`compute_token`), and nothing without that row."""

FAMILY_ACTOR = "family"
ERASURE_LOOKUP_BATCH_SIZE = 500


@dataclass(frozen=True)
class Erasure:
    """One erasure, as the console counts it."""

    by: str
    at: datetime


def record(db: Transaction, cause: str, language: str, by: str, now: datetime, token: str | None = None) -> None:
    """Record an erasure in the transaction that erases the family."""
    db.execute(insert(erasures).values(cause=_hash_cause(cause), language=language, by=by, at=now, token=token))


def compute_token(db: Transaction, family_id: int) -> str:
    """Return a token that identifies the row of this family if a backup restores it.

    The token is a hash of the family's id and creation time. A later family with the same phone number is another row.
    """
    query = select(families.families.c.created_at).where(families.families.c.id == family_id)
    created_at = db.execute(query).scalar_one()
    return f"{family_id}:{sha256(f'family {family_id} of {created_at.isoformat()}'.encode()).hexdigest()[:40]}"


def get_tokens(db: Transaction, since: datetime) -> dict[str, datetime]:
    """Return the tokens of all families that were erased since this time, with the times of the erasures."""
    query = select(erasures.c.token, erasures.c.at).where(erasures.c.at >= since, erasures.c.token.is_not(None))
    return {row.token: row.at for row in db.execute(query)}


def find_restored_families(db: Transaction, tokens: Iterable[str]) -> list[int]:
    """Return the ids of the erased families that exist again."""
    erased_tokens, family_id_column = frozenset(tokens), families.families.c.id
    erased_ids = sorted({int(token.partition(":")[0]) for token in erased_tokens})
    existing_ids: list[int] = []
    for start in range(0, len(erased_ids), ERASURE_LOOKUP_BATCH_SIZE):
        batch = erased_ids[start : start + ERASURE_LOOKUP_BATCH_SIZE]
        existing_ids += db.execute(select(family_id_column).where(family_id_column.in_(batch))).scalars()
    return [family_id for family_id in existing_ids if compute_token(db, family_id) in erased_tokens]


def find_language(db: Transaction, cause: str) -> str | None:
    """Return the language of the reply if this message erased its sender, else None."""
    query = select(erasures.c.language).where(erasures.c.cause == _hash_cause(cause))
    return db.execute(query).scalar_one_or_none()


def count_since(db: Transaction, since: datetime) -> int:
    """Return how many families were erased since this time."""
    return int(db.execute(select(func.count()).where(erasures.c.at >= since)).scalar_one())


def _hash_cause(cause: str) -> str:
    return sha256(f"erased by {cause}".encode()).hexdigest()
