"""One-time links: what staff get by text instead of a family's words.  A link opens a case once, after login."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Column, ColumnElement, ForeignKey, String, Table, insert, select, update
from sqlalchemy.engine import Connection

from bot.base.database import Moment, metadata

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


def leads_to(db: Connection, secret: str, at: datetime) -> int | None:
    """The case that it opens; None if it was used before, is too old, or never was."""
    return db.execute(select(links.c.case_id).where(_good(secret, at))).scalar_one_or_none()


def use(db: Connection, secret: str, at: datetime) -> bool:
    """Use it up; False if somebody else has just done so."""
    used = db.execute(update(links).where(_good(secret, at)).values(used_at=at))
    return used.rowcount == 1


def _good(secret: str, at: datetime) -> ColumnElement[bool]:
    return (links.c.digest == _digest(secret)) & links.c.used_at.is_(None) & (links.c.until > at)


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
