"""A next try for families whom the last one did not reach: once for each failed try, however often it is asked."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.engine import Connection

from bot.store.announcements.recipients import Planned, Recipient, add_all, is_newest, recipient_of, recipients

NOBODY_THERE = ("busy", "no answer")
"""Why a call may be tried again."""
CALLS, NEXT_CALL = 3, (timedelta(minutes=30), timedelta(hours=2))
"""So often a phone rings for one announcement, and how long after a call the next one follows."""


def plan_again(
    db: Connection, announcement_id: int, codes: Iterable[int] | None, channel_now: str | None, at: datetime,
    without: Iterable[int] = (),
) -> int:  # fmt: skip
    """A next round for families whose newest try failed: with one of these codes (None: any but `without`), by
    `channel_now` (None: as before).  Once for each failed try, however often it is asked; how many."""
    failed = recipients.c.state.in_(("failed", "undelivered"))
    key = (recipients.c.announcement_id == announcement_id) & failed & is_newest(announcement_id)
    if codes is not None:
        key &= recipients.c.error_code.in_(tuple(codes)) & (recipients.c.channel == "whatsapp")
    elif without:
        key &= recipients.c.error_code.is_(None) | recipients.c.error_code.not_in(tuple(without))
    rows = [recipient_of(row) for row in db.execute(select(recipients).where(key))]
    planned = [_next_round(one, channel_now or one.channel, at) for one in rows]
    add_all(db, announcement_id, planned, at)
    return len(planned)


def plan_calls_again(db: Connection, announcement_id: int, by_text: bool, at: datetime) -> int:
    """A next round for families that a call did not reach: another call after a while where nobody was there, and
    after the last one, or where no call gets through, a text if the announcement may go by text; how many."""
    failed = recipients.c.state.in_(("failed", "undelivered")) & (recipients.c.channel == "voice")
    key = (recipients.c.announcement_id == announcement_id) & failed & is_newest(announcement_id)
    rows = [recipient_of(row) for row in db.execute(select(recipients).where(key))]
    planned = [_next_round(one, "voice", at + NEXT_CALL[one.round]) for one in rows if _rings_again(one)]
    planned += [_next_round(one, "sms", at) for one in rows if by_text and not _rings_again(one)]
    add_all(db, announcement_id, planned, at)
    return len(planned)


def _rings_again(one: Recipient) -> bool:
    return one.reason in NOBODY_THERE and one.round + 1 < CALLS


def _next_round(one: Recipient, channel: str, due: datetime) -> Planned:
    return Planned(one.family_id, one.contact_id, one.language, channel, due, kind=one.kind, round=one.round + 1)
