"""Lasting hashes: of what nobody can read again, so that no rotation of keys can make them anew.

The opt-out of an erased family, and recovery codes of staff.  Their secret is random, lies here wrapped by `DATA_KEY`,
and stays when `DATA_KEY` changes; a new wrapping is all that it gets then.  (The index of addresses, which are kept
sealed, hangs on `DATA_KEY` itself and is made anew: `bot keys reindex`.)
"""

import secrets
from collections.abc import Sequence

from sqlalchemy import Column, LargeBinary, String, Table, insert, select
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, metadata
from bot.base.encryption import compute_keyed_hash

permanent_secrets = Table(
    "lasting_secrets",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)

LOOKUP_SECRET_NAME = "index"  # noqa: S105  # the name of a row, not a secret
PERMANENT_SECRET_BYTES = 32


def compute_hash(db: Transaction, text: str) -> str:
    """A keyed hash of this text that stays the same for ever; makes the secret if there is none yet."""
    secret = _load_secret(db)
    if secret is None:
        _create_secret(db)
        secret = _load_secret(db)
    assert secret is not None, "just made"
    return compute_keyed_hash(secret, text)


def compute_hashes(db: Transaction, texts: Sequence[str]) -> dict[str, str]:
    """The lasting hash of each text, for looking up many; none where nothing can have been kept under one."""
    secret = _load_secret(db)
    return {text: compute_keyed_hash(secret, text) for text in texts} if secret else {}


def _load_secret(db: Transaction) -> bytes | None:
    wrapped = db.execute(
        select(permanent_secrets.c.wrapped).where(permanent_secrets.c.name == LOOKUP_SECRET_NAME)
    ).scalar_one_or_none()
    return db.vault.decrypt_bytes(wrapped, build_context(LOOKUP_SECRET_NAME)) if wrapped else None


def _create_secret(db: Transaction) -> None:
    try:
        with db.begin_nested():
            wrapped = db.vault.wrap_secret(
                secrets.token_bytes(PERMANENT_SECRET_BYTES), build_context(LOOKUP_SECRET_NAME)
            )
            db.execute(insert(permanent_secrets).values(name=LOOKUP_SECRET_NAME, wrapped=wrapped))
    except IntegrityError:
        pass  # made by another process just now


def build_context(name: str) -> str:
    """Where a wrapped secret belongs."""
    return f"lasting secret:{name}"
