"""How far the words at Twilio are deleted, and whether that fails: one row."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Integer, String, Table, func, insert, select, update

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
    """Everything sent or received before `done_until` is without words at Twilio; `redacted` counts them all.

    `failing`: how many of the last look could not be deleted, `reason` why (no words, no number).
    """

    done_until: datetime
    looked_at: datetime | None
    failing: int
    reason: str
    redacted: int


def get_progress(db: Transaction) -> RedactionProgress | None:
    """How far it is; None: it never ran."""
    row = db.execute(select(redactions).where(redactions.c.id == SINGLE_ROW_ID)).first()
    return RedactionProgress(row.done_until, row.looked_at, row.failing, row.reason, row.redacted) if row else None


def start(db: Transaction, since: datetime) -> None:
    """Before the first look: from when on."""
    if get_progress(db) is None:
        db.execute(insert(redactions).values(id=SINGLE_ROW_ID, done_until=since))


def record_run(db: Transaction, done_until: datetime, redacted: int, failing: tuple[int, str], at: datetime) -> None:
    """What a look did; it never goes back."""
    values = {"looked_at": at, "failing": failing[0], "reason": failing[1]}
    row = redactions.c
    db.execute(update(redactions).where(row.id == SINGLE_ROW_ID).values(**values, redacted=row.redacted + redacted))
    ahead = (row.id == SINGLE_ROW_ID) & (row.done_until < done_until)
    db.execute(update(redactions).where(ahead).values(done_until=done_until))


def find_oldest_unsettled_at(db: Transaction) -> datetime | None:
    """When the oldest message was planned of which it is not known whether Twilio has it: it is found by its words."""
    first = select(func.min(deliveries.c.created_at)).where(deliveries.c.state.in_(UNSETTLED_STATES))
    many = select(func.min(recipients.c.claimed_at)).where(recipients.c.state.in_(UNSETTLED_STATES))
    found = [one for query in (first, many) if (one := db.execute(query).scalar_one()) is not None]
    return min(found) if found else None
