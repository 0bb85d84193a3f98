"""Read the progress of an announcement: counts, or one recipient at a time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from bot.base.database import Transaction
from bot.store.announcements.recipients import Recipient, is_newest, recipients
from bot.store.cases.deliveries import DeliveryState


@dataclass(frozen=True)
class RecipientCount:
    """The number of families whose newest attempt has these values."""

    language: str
    channel: str
    state: DeliveryState
    reason: str
    error_code: int | None
    family_count: int


def list_counts(db: Transaction, announcement_id: int, kind: str = "text") -> list[RecipientCount]:
    """Return the counts of families by the state of their newest attempt."""
    newest = _select_newest(announcement_id, kind)
    columns = (newest.c.language, newest.c.channel, newest.c.state, newest.c.reason, newest.c.error_code)
    query = select(*columns, func.count().label("number")).group_by(*columns)
    return [RecipientCount(*row) for row in db.execute(query)]


def iterate_recipients(db: Transaction, announcement_id: int) -> Iterable[Recipient]:
    """Yield every recipient of the announcement, a thousand rows per fetch.

    The order reveals nothing about the families.
    """
    query = select(recipients).where(recipients.c.announcement_id == announcement_id).order_by(recipients.c.id)
    for row in db.execute(query, execution_options={"yield_per": 1000}):
        yield Recipient.from_row(row)


def count_sent_since(db: Transaction, announcement_id: int, since: datetime) -> int:
    """Return the number of recipients that Twilio accepted since this time."""
    key = (recipients.c.announcement_id == announcement_id) & (recipients.c.claimed_at >= since)
    query = select(func.count()).select_from(recipients).where(key, recipients.c.rank > 0)
    return int(db.execute(query).scalar_one())


def _select_newest(announcement_id: int, kind: str):  # type: ignore[no-untyped-def]  # SQLAlchemy's own query
    """Return a query for the newest attempt of each family.

    Most families have only one attempt, so the query searches for newer rows.
    """
    key = (recipients.c.announcement_id == announcement_id) & (recipients.c.kind == kind)
    key &= is_newest(announcement_id)
    return select(recipients).where(key).subquery()
