"""One-time links: what staff get by text instead of a family's words.  A link opens a case once, after login."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Column, ForeignKey, String, Table, insert, select, update
from sqlalchemy.engine import Connection

from bot.store.db import Moment, metadata

links = Table(
    "case_links",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("staff", String(64), nullable=False),
    Column("until", Moment, nullable=False),
    Column("used_at", Moment),
)

LASTS = timedelta(hours=12)


def make(db: Connection, case_id: int, staff: str, at: datetime) -> str:
    """A new link's secret part; only its hash is kept."""
    secret = secrets.token_urlsafe(9)
    db.execute(insert(links).values(digest=_digest(secret), case_id=case_id, staff=staff, until=at + LASTS))
    return secret


def use(db: Connection, secret: str, at: datetime) -> int | None:
    """The case that it opens; None if it was used before, is too old, or never was."""
    key = (links.c.digest == _digest(secret)) & links.c.used_at.is_(None) & (links.c.until > at)
    if db.execute(update(links).where(key).values(used_at=at)).rowcount != 1:
        return None
    return int(db.execute(select(links.c.case_id).where(links.c.digest == _digest(secret))).scalar_one())


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
