"""Who was told that a text is past its time: once each; the console's page keeps it until it is done."""

from datetime import datetime

from sqlalchemy import Column, String, Table, UniqueConstraint, insert
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata

review_reminders = Table(
    "reminders",
    metadata,
    Column("subject", String(120), nullable=False),
    Column("since", String(10), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("subject", "since"),
)


def record(db: Transaction, subject: str, since: str, at: datetime) -> bool:
    """Note that the owner of this task is being told; False if that was done before."""
    try:
        with db.begin_nested():
            db.execute(insert(review_reminders).values(subject=subject, since=since, at=at))
    except IntegrityError:
        return False
    return True
