"""SIDs of messages that Puente answered while Redis was unavailable, saved for a day.

Redis has no record of these messages. Without this table, the search in `jobs/missed_messages` would answer them again.
"""

from datetime import datetime

from sqlalchemy import Column, String, Table, select

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.unique_rows import insert_if_new

handled_offline = Table(
    "handled_offline",
    metadata,
    Column("message_sid", String(34), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)


def record(db: Transaction, message_sid: str, now: datetime) -> None:
    """Record that this message was answered. Recording it again changes nothing."""
    insert_if_new(db, handled_offline, {"message_sid": message_sid, "at": now})


def list_message_sids(db: Transaction) -> frozenset[str]:
    """Return the SIDs of all recorded messages."""
    return frozenset(db.execute(select(handled_offline.c.message_sid)).scalars())
