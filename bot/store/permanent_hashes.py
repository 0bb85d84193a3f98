"""Permanent hashes: keyed hashes of texts that Puente can't read again, so that no key rotation can recompute them.

Two kinds of texts need them: the addresses of erased families that opted out, and the recovery codes of staff.
The hashes use a random secret. `DATA_KEY` only encrypts that secret, so the secret stays when `DATA_KEY` changes.
Lookup hashes of stored addresses depend on `DATA_KEY` itself; `bot keys reindex` recomputes them.
"""

import secrets
from collections.abc import Sequence

from sqlalchemy import Column, LargeBinary, String, Table, select

from bot.base.database import Transaction, metadata
from bot.base.encryption import compute_keyed_hash
from bot.store.unique_rows import insert_or_get

permanent_secrets = Table(
    "permanent_secrets",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)

LOOKUP_SECRET_NAME = "index"  # noqa: S105  # the name of a row, not a secret
PERMANENT_SECRET_BYTES = 32


def compute_hash(db: Transaction, text: str) -> str:
    """Return the permanent keyed hash of a text. Create the secret if it doesn't exist yet."""
    return compute_keyed_hash(_load_secret(db) or _create_secret(db), text)


def compute_hashes(db: Transaction, texts: Sequence[str]) -> dict[str, str]:
    """Return the permanent hash of each text, or an empty dict if no secret exists and so no hash is stored."""
    secret = _load_secret(db)
    if secret is None:
        return {}
    return {text: compute_keyed_hash(secret, text) for text in texts}


def _load_secret(db: Transaction) -> bytes | None:
    query = select(permanent_secrets.c.wrapped).where(permanent_secrets.c.name == LOOKUP_SECRET_NAME)
    wrapped = db.execute(query).scalar_one_or_none()
    return db.vault.decrypt_bytes(wrapped, build_context(LOOKUP_SECRET_NAME)) if wrapped else None


def _create_secret(db: Transaction) -> bytes:
    """Create the secret, or return the one that another process has just created."""
    context = build_context(LOOKUP_SECRET_NAME)
    wrapped = db.vault.wrap_secret(secrets.token_bytes(PERMANENT_SECRET_BYTES), context)
    row = insert_or_get(db, permanent_secrets, {"name": LOOKUP_SECRET_NAME, "wrapped": wrapped}, "name")
    return db.vault.decrypt_bytes(row.wrapped, context)


def build_context(name: str) -> str:
    """Return the encryption context of the secret with this name."""
    return f"lasting secret:{name}"
