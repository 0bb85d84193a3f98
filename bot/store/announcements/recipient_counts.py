"""How an announcement's families stand: counted, or one by one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from bot.store.announcements.recipients import Recipient, is_newest, recipient_of, recipients


@dataclass(frozen=True)
class Count:
    """So many families whose newest try stands so."""

    language: str
    channel: str
    state: str
    reason: str
    error_code: int | None
    number: int


def counts(db: Connection, announcement_id: int, kind: str = "text") -> list[Count]:
    """How the families stand, each by its newest try."""
    newest = _newest(announcement_id, kind)
    columns = (newest.c.language, newest.c.channel, newest.c.state, newest.c.reason, newest.c.error_code)
    query = select(*columns, func.count().label("number")).group_by(*columns)
    return [Count(*row) for row in db.execute(query)]


def each(db: Connection, announcement_id: int) -> Iterable[Recipient]:
    """Every row, a thousand at a time, in no telling order."""
    query = select(recipients).where(recipients.c.announcement_id == announcement_id).order_by(recipients.c.id)
    for row in db.execution_options(yield_per=1000).execute(query):
        yield recipient_of(row)


def left_since(db: Connection, announcement_id: int, since: datetime) -> int:
    """How many were handed over since then."""
    key = (recipients.c.announcement_id == announcement_id) & (recipients.c.claimed_at >= since)
    return int(db.execute(select(func.count()).select_from(recipients).where(key, recipients.c.rank > 0)).scalar_one())


def _newest(announcement_id: int, kind: str):  # type: ignore[no-untyped-def]  # SQLAlchemy's own query
    """Each family's newest try.  Most have one only, so the older ones are looked for, not the newest."""
    key = (recipients.c.announcement_id == announcement_id) & (recipients.c.kind == kind)
    key &= is_newest(announcement_id)
    return select(recipients).where(key).subquery()
