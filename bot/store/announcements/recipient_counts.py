"""How an announcement's families stand: counted, or one by one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from bot.base.database import Transaction
from bot.store.announcements.recipients import Recipient, build_recipient, is_newest, recipients


@dataclass(frozen=True)
class RecipientCount:
    """So many families whose newest try stands so."""

    language: str
    channel: str
    state: str
    reason: str
    error_code: int | None
    family_count: int


def list_counts(db: Transaction, announcement_id: int, kind: str = "text") -> list[RecipientCount]:
    """How the families stand, each by its newest try."""
    newest = _select_newest(announcement_id, kind)
    columns = (newest.c.language, newest.c.channel, newest.c.state, newest.c.reason, newest.c.error_code)
    query = select(*columns, func.count().label("number")).group_by(*columns)
    return [RecipientCount(*row) for row in db.execute(query)]


def iterate_recipients(db: Transaction, announcement_id: int) -> Iterable[Recipient]:
    """Every row, a thousand at a time, in no telling order."""
    query = select(recipients).where(recipients.c.announcement_id == announcement_id).order_by(recipients.c.id)
    for row in db.execute(query, execution_options={"yield_per": 1000}):
        yield build_recipient(row)


def count_sent_since(db: Transaction, announcement_id: int, since: datetime) -> int:
    """How many were handed over since then."""
    key = (recipients.c.announcement_id == announcement_id) & (recipients.c.claimed_at >= since)
    return int(db.execute(select(func.count()).select_from(recipients).where(key, recipients.c.rank > 0)).scalar_one())


def _select_newest(announcement_id: int, kind: str):  # type: ignore[no-untyped-def]  # SQLAlchemy's own query
    """Each family's newest try.  Most have one only, so the older ones are looked for, not the newest."""
    key = (recipients.c.announcement_id == announcement_id) & (recipients.c.kind == kind)
    key &= is_newest(announcement_id)
    return select(recipients).where(key).subquery()
