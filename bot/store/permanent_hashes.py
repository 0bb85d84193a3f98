"""Lasting hashes: of what nobody can read again, so that no rotation of keys can make them anew.

The opt-out of an erased family, and recovery codes of staff.  Their secret is random, lies here wrapped by `DATA_KEY`,
and stays when `DATA_KEY` changes; a new wrapping is all that it gets then.  (The index of addresses, which are kept
sealed, hangs on `DATA_KEY` itself and is made anew: `bot keys reindex`.)
"""

import secrets
from collections.abc import Sequence

from sqlalchemy import Column, LargeBinary, String, Table, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from bot.base.database import metadata
from bot.base.encryption import Vault, keyed_hash

lasting_secrets = Table(
    "lasting_secrets",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)

INDEX = "index"
SECRET_BYTES = 32


def index(db: Connection, vault: Vault, text: str) -> str:
    """A keyed hash of this text that stays the same for ever; makes the secret if there is none yet."""
    secret = _secret(db, vault)
    if secret is None:
        _make(db, vault)
        secret = _secret(db, vault)
    assert secret is not None, "just made"
    return keyed_hash(secret, text)


def known(db: Connection, vault: Vault, texts: Sequence[str]) -> dict[str, str]:
    """The lasting hash of each text, for looking up many; none where nothing can have been kept under one."""
    secret = _secret(db, vault)
    return {text: keyed_hash(secret, text) for text in texts} if secret else {}


def _secret(db: Connection, vault: Vault) -> bytes | None:
    wrapped = db.execute(select(lasting_secrets.c.wrapped).where(lasting_secrets.c.name == INDEX)).scalar_one_or_none()
    return vault.open_bytes(wrapped, place(INDEX)) if wrapped else None


def _make(db: Connection, vault: Vault) -> None:
    try:
        with db.begin_nested():
            wrapped = vault.wrap(secrets.token_bytes(SECRET_BYTES), place(INDEX))
            db.execute(insert(lasting_secrets).values(name=INDEX, wrapped=wrapped))
    except IntegrityError:
        pass  # made by another process just now


def place(name: str) -> str:
    """Where a wrapped secret belongs."""
    return f"lasting secret:{name}"
