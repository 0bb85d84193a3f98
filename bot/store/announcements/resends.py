"""A next try for families whom the last one did not reach: once for each failed try, however often it is asked."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select

from bot.base.database import Transaction
from bot.store.announcements.recipients import (
    PlannedRecipient,
    Recipient,
    add_all,
    build_recipient,
    is_newest,
    recipients,
)

RETRYABLE_CALL_REASONS = ("busy", "no answer")
"""Why a call may be tried again."""
MAX_CALLS_PER_FAMILY, CALL_RETRY_DELAYS = 3, (timedelta(minutes=30), timedelta(hours=2))
"""So often a phone rings for one announcement, and how long after a call the next one follows."""


def plan_resends(
    db: Transaction, announcement_id: int, codes: Iterable[int] | None, new_channel: str | None, at: datetime,
    excluded_codes: Iterable[int] = (),
) -> int:  # fmt: skip
    """A next round for families whose newest try failed: with one of these codes (None: any but `without`), by
    `channel_now` (None: as before).  Once for each failed try, however often it is asked; how many."""
    failed = recipients.c.state.in_(("failed", "undelivered"))
    key = (recipients.c.announcement_id == announcement_id) & failed & is_newest(announcement_id)
    if codes is not None:
        key &= recipients.c.error_code.in_(tuple(codes)) & (recipients.c.channel == "whatsapp")
    elif excluded_codes:
        key &= recipients.c.error_code.is_(None) | recipients.c.error_code.not_in(tuple(excluded_codes))
    rows = [build_recipient(row) for row in db.execute(select(recipients).where(key))]
    planned = [_build_next_round(one, new_channel or one.channel, at) for one in rows]
    add_all(db, announcement_id, planned, at)
    return len(planned)


def plan_call_retries(db: Transaction, announcement_id: int, allow_text: bool, at: datetime) -> int:
    """A next round for families that a call did not reach: another call after a while where nobody was there, and
    after the last one, or where no call gets through, a text if the announcement may go by text; how many."""
    failed = recipients.c.state.in_(("failed", "undelivered")) & (recipients.c.channel == "voice")
    key = (recipients.c.announcement_id == announcement_id) & failed & is_newest(announcement_id)
    rows = [build_recipient(row) for row in db.execute(select(recipients).where(key))]
    planned = [
        _build_next_round(one, "voice", at + CALL_RETRY_DELAYS[one.round]) for one in rows if _should_call_again(one)
    ]
    planned += [_build_next_round(one, "sms", at) for one in rows if allow_text and not _should_call_again(one)]
    add_all(db, announcement_id, planned, at)
    return len(planned)


def _should_call_again(recipient: Recipient) -> bool:
    return recipient.reason in RETRYABLE_CALL_REASONS and recipient.round + 1 < MAX_CALLS_PER_FAMILY


def _build_next_round(recipient: Recipient, channel: str, due_at: datetime) -> PlannedRecipient:
    return PlannedRecipient(
        recipient.family_id,
        recipient.contact_id,
        recipient.language,
        channel,
        due_at,
        kind=recipient.kind,
        round=recipient.round + 1,
    )
