"""Consent events: every stop and start, with how it came.  They outlive the contact, as a keyed hash."""

from datetime import datetime

from sqlalchemy import Column, Integer, String, Table, UniqueConstraint, insert
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from bot.store.db import Moment, metadata

consent_events = Table(
    "consent_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("address_index", String(64), nullable=False, index=True),
    Column("kind", String(8), nullable=False),
    Column("basis", String(40), nullable=False),
    Column("message_sid", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    UniqueConstraint("message_sid", "kind"),
)


def record(db: Connection, address_index: str, kind: str, basis: str, message_sid: str, at: datetime) -> None:
    """Write down a "stop" or "start" once per message (47 CFR 64.1200(a)(10): by any reasonable means)."""
    row = {"address_index": address_index, "kind": kind, "basis": basis, "message_sid": message_sid, "at": at}
    try:
        with db.begin_nested():
            db.execute(insert(consent_events).values(row))
    except IntegrityError:
        pass  # the same message again
