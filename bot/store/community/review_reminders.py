"""Reminders about overdue reviews, each recorded once.

The console shows an overdue text until someone reviews it.
"""

from datetime import datetime

from sqlalchemy import Column, String, Table, UniqueConstraint

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.unique_rows import insert_if_new

review_reminders = Table(
    "reminders",
    metadata,
    Column("subject", String(120), nullable=False),
    Column("since", String(10), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("subject", "since"),
)


def record(db: Transaction, subject: str, since: str, now: datetime) -> bool:
    """Record that the owner receives a reminder.

    Returns False if it was recorded before.
    """
    return insert_if_new(db, review_reminders, {"subject": subject, "since": since, "at": now}) is not None
