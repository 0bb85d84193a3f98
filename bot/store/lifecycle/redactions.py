"""Progress of the redaction of messages at Twilio, and whether it fails. The table has one row."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Column, Integer, String, Table, func, insert, select, update
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.announcements.recipients import recipients
from bot.store.cases.deliveries import deliveries

redactions = Table(
    "redactions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("done_until", UtcDateTime, nullable=False),
    Column("looked_at", UtcDateTime),
    Column("failing", Integer, nullable=False, server_default="0"),
    Column("reason", String(24), nullable=False, server_default=""),
    Column("redacted", Integer, nullable=False, server_default="0"),
)

SINGLE_ROW_ID = 1
UNSETTLED_STATES = ("claimed", "unknown")


@dataclass(frozen=True)
class RedactionProgress:
    """How far redaction at Twilio is.

    Every message before `done_until` is redacted at Twilio; `redacted` counts all of them. `failing` counts the
    messages that the last run could not redact, and `reason` says why, without personal details.
    """

    done_until: datetime
    looked_at: datetime | None
    failing: int
    reason: str
    redacted: int

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Build the progress from the row of the table."""
        return cls(row.done_until, row.looked_at, row.failing, row.reason, row.redacted)


def get_progress(db: Transaction) -> RedactionProgress | None:
    """Return the progress, or None before the first run."""
    row = db.execute(select(redactions).where(redactions.c.id == SINGLE_ROW_ID)).first()
    return RedactionProgress.from_row(row) if row else None


def start(db: Transaction, since: datetime) -> None:
    """Set the time from which messages are redacted, unless a run has set it before."""
    if get_progress(db) is None:
        db.execute(insert(redactions).values(id=SINGLE_ROW_ID, done_until=since))


def record_run(db: Transaction, done_until: datetime, redacted: int, failing: tuple[int, str], now: datetime) -> None:
    """Record the result of a run. `done_until` never moves back."""
    values = {"looked_at": now, "failing": failing[0], "reason": failing[1]}
    row = redactions.c
    db.execute(update(redactions).where(row.id == SINGLE_ROW_ID).values(**values, redacted=row.redacted + redacted))
    is_behind = (row.id == SINGLE_ROW_ID) & (row.done_until < done_until)
    db.execute(update(redactions).where(is_behind).values(done_until=done_until))


def find_oldest_unsettled_at(db: Transaction) -> datetime | None:
    """Return the time of the oldest message that Twilio may or may not have.

    Its text must stay at Twilio, because a later check finds the message by its text.
    """
    queries = (
        select(func.min(deliveries.c.created_at)).where(deliveries.c.state.in_(UNSETTLED_STATES)),
        select(func.min(recipients.c.claimed_at)).where(recipients.c.state.in_(UNSETTLED_STATES)),
    )
    times = [db.execute(query).scalar_one() for query in queries]
    return min((time for time in times if time is not None), default=None)
