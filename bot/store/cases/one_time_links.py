"""One-time links, which staff receive by text instead of a family's message.

A link opens a case once, after login.
"""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Column, ColumnElement, ForeignKey, String, Table, insert, select, update

from bot.base.database import Transaction, UtcDateTime, metadata

case_links = Table(
    "case_links",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("staff", String(64), nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
)

LINK_LIFETIME = timedelta(hours=12)


def create(db: Transaction, case_id: int, staff: str, now: datetime) -> str:
    """Create a link and return its secret.

    Only the hash of the secret is stored.
    """
    secret = secrets.token_urlsafe(9)
    row = {"digest": _hash_secret(secret), "case_id": case_id, "staff": staff, "until": now + LINK_LIFETIME}
    db.execute(insert(case_links).values(row))
    return secret


def find_case_id(db: Transaction, secret: str, now: datetime) -> int | None:
    """Return the ID of the case that the link opens.

    Returns None if the link was used, is expired, or never existed.
    """
    return db.execute(select(case_links.c.case_id).where(_match_usable(secret, now))).scalar_one_or_none()


def use(db: Transaction, secret: str, now: datetime) -> bool:
    """Mark the link as used.

    Returns False if it is no longer usable.
    """
    result = db.execute(update(case_links).where(_match_usable(secret, now)).values(used_at=now))
    return result.rowcount == 1


def _match_usable(secret: str, now: datetime) -> ColumnElement[bool]:
    return (case_links.c.digest == _hash_secret(secret)) & case_links.c.used_at.is_(None) & (case_links.c.until > now)


def _hash_secret(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
