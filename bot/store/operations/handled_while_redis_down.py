"""Messages that were answered while Redis was away, which cannot say of them that they were: Twilio's ids, for a day.

Only the search for what never reached us asks (jobs/missed_messages): it would answer them once more.
"""

from datetime import datetime

from sqlalchemy import Column, String, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from bot.base.database import Transaction, UtcDateTime, metadata

handled_offline = Table(
    "heard_away",
    metadata,
    Column("message_sid", String(34), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)


def record(db: Transaction, message_sid: str, at: datetime) -> None:
    """It was answered; a second time changes nothing."""
    dialect = postgresql if db.dialect.name == "postgresql" else sqlite
    db.execute(dialect.insert(handled_offline).on_conflict_do_nothing(), {"message_sid": message_sid, "at": at})


def list_message_sids(db: Transaction) -> frozenset[str]:
    """All that were answered while Redis was away, as long as it is remembered."""
    return frozenset(db.execute(select(handled_offline.c.message_sid)).scalars())
