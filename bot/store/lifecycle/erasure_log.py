"""Erasures: that somebody was erased, when and by whom; never who.  A repeat of the message is known by its hash."""

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
"""`cause`: a hash of the message's or form's id; `language`: that of the answer, for the same one again; `token`: by
what a backup's row of the family is known (`token_of`), which leads to nobody without that row."""

FAMILY_ACTOR = "family"
ERASURE_LOOKUP_BATCH_SIZE = 500


@dataclass(frozen=True)
class Erasure:
    """One erasing as the pages count it."""

    by: str
    at: datetime


def record(db: Transaction, cause: str, language: str, by: str, at: datetime, token: str | None = None) -> None:
    """Write it down, in the transaction that erases."""
    db.execute(insert(erasures).values(cause=_hash_cause(cause), language=language, by=by, at=at, token=token))


def compute_token(db: Transaction, family_id: int) -> str:
    """By what this family's row is known again if a backup brings it back: its number and the very moment when it was
    made, hashed.  Who comes later under the same telephone number is another row."""
    made = db.execute(select(families.families.c.created_at).where(families.families.c.id == family_id)).scalar_one()
    return f"{family_id}:{sha256(f'family {family_id} of {made.isoformat()}'.encode()).hexdigest()[:40]}"


def get_tokens(db: Transaction, since: datetime) -> dict[str, datetime]:
    """The tokens of all who were erased since then, with when."""
    row = erasures.c
    query = select(row.token, row.at).where(row.at >= since, row.token.is_not(None))
    return {found.token: found.at for found in db.execute(query)}


def find_restored_families(db: Transaction, tokens: Iterable[str]) -> list[int]:
    """The families among these tokens that are there (again)."""
    erased, there = frozenset(tokens), families.families.c.id
    ids = sorted({int(token.partition(":")[0]) for token in erased})
    found: list[int] = []
    for start in range(0, len(ids), ERASURE_LOOKUP_BATCH_SIZE):
        found += db.execute(select(there).where(there.in_(ids[start : start + ERASURE_LOOKUP_BATCH_SIZE]))).scalars()
    return [one for one in found if compute_token(db, one) in erased]


def find_language(db: Transaction, cause: str) -> str | None:
    """In which language this very message was answered when it erased its sender; None: it did not."""
    query = select(erasures.c.language).where(erasures.c.cause == _hash_cause(cause))
    return db.execute(query).scalar_one_or_none()


def count_since(db: Transaction, since: datetime) -> int:
    """How many families were erased since then."""
    return int(db.execute(select(func.count()).where(erasures.c.at >= since)).scalar_one())


def _hash_cause(cause: str) -> str:
    return sha256(f"erased by {cause}".encode()).hexdigest()
