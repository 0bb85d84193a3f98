"""One-time links: what staff get by text instead of a family's words.  A link opens a case once, after login."""

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


def create(db: Transaction, case_id: int, staff: str, at: datetime) -> str:
    """A new link's secret part; only its hash is kept."""
    secret = secrets.token_urlsafe(9)
    db.execute(
        insert(case_links).values(digest=_hash_secret(secret), case_id=case_id, staff=staff, until=at + LINK_LIFETIME)
    )
    return secret


def find_case_id(db: Transaction, secret: str, at: datetime) -> int | None:
    """The case that it opens; None if it was used before, is too old, or never was."""
    return db.execute(select(case_links.c.case_id).where(_match_usable(secret, at))).scalar_one_or_none()


def use(db: Transaction, secret: str, at: datetime) -> bool:
    """Use it up; False if somebody else has just done so."""
    used = db.execute(update(case_links).where(_match_usable(secret, at)).values(used_at=at))
    return used.rowcount == 1


def _match_usable(secret: str, at: datetime) -> ColumnElement[bool]:
    return (case_links.c.digest == _hash_secret(secret)) & case_links.c.used_at.is_(None) & (case_links.c.until > at)


def _hash_secret(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
