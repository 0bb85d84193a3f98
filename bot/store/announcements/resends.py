"""Plan the next attempt for families that the last attempt did not reach.

Each failed attempt causes at most one new attempt.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select

from bot.base.database import Transaction
from bot.store.announcements.recipients import (
    PlannedRecipient,
    Recipient,
    add_all,
    is_newest,
    recipients,
)

RETRYABLE_CALL_REASONS = ("busy", "no answer")
"""Reasons of failed calls after which Puente calls again."""
MAX_CALLS_PER_FAMILY, CALL_RETRY_DELAYS = 3, (timedelta(minutes=30), timedelta(hours=2))
"""The maximum number of calls to a family for one announcement, and the delay before each next call."""


def plan_resends(
    db: Transaction,
    announcement_id: int,
    codes: Iterable[int] | None,
    new_channel: str | None,
    now: datetime,
    excluded_codes: Iterable[int] = (),
) -> int:
    """Plan the next round for families whose newest attempt failed, and return their number.

    If `codes` is set, it selects WhatsApp attempts that failed with one of these codes. Otherwise, all failed attempts
    are selected except those with `excluded_codes`. If `new_channel` is None, the channel stays the same.
    """
    failed = recipients.c.state.in_(("failed", "undelivered"))
    key = (recipients.c.announcement_id == announcement_id) & failed & is_newest(announcement_id)
    if codes is not None:
        key &= recipients.c.error_code.in_(tuple(codes)) & (recipients.c.channel == "whatsapp")
    elif excluded_codes:
        key &= recipients.c.error_code.is_(None) | recipients.c.error_code.not_in(tuple(excluded_codes))
    rows = [Recipient.from_row(row) for row in db.execute(select(recipients).where(key))]
    planned = [_build_next_round(row, new_channel or row.channel, now) for row in rows]
    add_all(db, announcement_id, planned, now)
    return len(planned)


def plan_call_retries(db: Transaction, announcement_id: int, allow_text: bool, now: datetime) -> int:
    """Plan the next round for families that a call did not reach, and return their number.

    If no one answered, Puente calls again after a delay. After the last call, or if calls cannot get through, Puente
    sends a text if `allow_text` is set.
    """
    failed = recipients.c.state.in_(("failed", "undelivered")) & (recipients.c.channel == "voice")
    key = (recipients.c.announcement_id == announcement_id) & failed & is_newest(announcement_id)
    rows = [Recipient.from_row(row) for row in db.execute(select(recipients).where(key))]
    planned = []
    for row in rows:
        if _should_call_again(row):
            planned.append(_build_next_round(row, "voice", now + CALL_RETRY_DELAYS[row.round]))
        elif allow_text:
            planned.append(_build_next_round(row, "sms", now))
    add_all(db, announcement_id, planned, now)
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
