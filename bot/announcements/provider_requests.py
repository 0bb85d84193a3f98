"""One message of an announcement, or one call, handed to the provider; and a look into its list for one of which nobody
knows what became."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.announcements.personalization import PreparedMessage
from bot.base.database import now
from bot.channels.base import Channel, ListedMessage, SendError
from bot.runtime import Runtime
from bot.store.announcements import recipients
from bot.store.announcements.recipients import Recipient, RecipientChange
from bot.store.cases import deliveries

MAX_CLAIM_AGE = timedelta(seconds=8)
"""A claim older than this is not sent any more by whoever holds it: it was asleep, and another may look into it."""
FIRST_LOOKUP_DELAY, NEXT_LOOKUP_DELAY = timedelta(seconds=15), timedelta(seconds=30)
LOOKUPS_BEFORE_RESEND = 2
"""So often Twilio's list must say that it has no such message before it is sent again: the list may lag."""
MAX_REQUEST_ATTEMPTS = 8
RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (2, 4, 8, 16, 32, 60, 120))

log = logging.getLogger(__name__)


@dataclass
class RequestResult:
    """What one request came to."""

    recipient: Recipient
    change: RecipientChange
    is_rate_limited: bool = False


def send_request(channel: Channel, ready: PreparedMessage, claimed_at: datetime) -> RequestResult:
    """One request, in a thread.  Whoever slept over its claim does not send: another process may look into it."""
    recipient = ready.recipient
    if abs(now() - claimed_at) > MAX_CLAIM_AGE:
        return RequestResult(recipient, RecipientChange(recipient.id, "waiting", now()))
    try:
        accepted = (channel.call if recipient.channel == "voice" else channel.send)(ready.outgoing)
    except SendError as error:
        return _handle_send_error(recipient, error)
    except Exception as error:
        log.exception("not sent: recipient=%s %s", recipient.id, type(error).__name__)
        return RequestResult(recipient, RecipientChange(recipient.id, "unknown", now() + FIRST_LOOKUP_DELAY))
    return RequestResult(recipient, RecipientChange(recipient.id, accepted.status, now(), accepted.sid))


def _handle_send_error(recipient: Recipient, error: SendError) -> RequestResult:
    at, number = now(), recipient.attempts
    if error.outcome == "refused":
        return RequestResult(recipient, RecipientChange(recipient.id, "failed", at, error_code=error.code))
    if error.outcome == "unknown":
        return RequestResult(
            recipient, RecipientChange(recipient.id, "unknown", at + FIRST_LOOKUP_DELAY, error_code=error.code)
        )
    if number >= MAX_REQUEST_ATTEMPTS:
        return RequestResult(recipient, RecipientChange(recipient.id, "failed", at, error_code=error.code))
    due = at + RETRY_DELAYS[min(number, len(RETRY_DELAYS) - 1)]
    return RequestResult(
        recipient, RecipientChange(recipient.id, "waiting", due, error_code=error.code), is_rate_limited=True
    )


@dataclass(frozen=True)
class LookupQuery:
    """What to look for: at which address, with which announcement's code in its text (template or not)."""

    address: str
    code: str


def look_up_request(runtime: Runtime, channel: Channel, recipient: Recipient, query: LookupQuery) -> RequestResult:
    """Whether Twilio has it; only after its list has said no twice is it sent again."""
    at = now()
    since = (recipient.claimed_at or at) - timedelta(minutes=10)
    try:
        listed = (channel.list_calls if recipient.channel == "voice" else channel.list_messages)(query.address, since)
    except SendError as error:
        return RequestResult(
            recipient,
            RecipientChange(
                recipient.id, "unknown", at + FIRST_LOOKUP_DELAY, error_code=error.code, looks=recipient.looks
            ),
        )
    # A call shows no words: one to this number that no other row of ours placed is ours.
    mine = [message for message in listed if recipient.channel == "voice" or query.code in message.body]
    free = _filter_unclaimed(runtime, mine, recipient)
    if free:
        log.info("found at Twilio: recipient=%s", recipient.id)
        return RequestResult(recipient, RecipientChange(recipient.id, free[0].status, at, free[0].sid))
    if recipient.looks + 1 < LOOKUPS_BEFORE_RESEND:
        return RequestResult(
            recipient, RecipientChange(recipient.id, "unknown", at + NEXT_LOOKUP_DELAY, looks=recipient.looks + 1)
        )
    return RequestResult(recipient, RecipientChange(recipient.id, "waiting", at))


def _filter_unclaimed(runtime: Runtime, found: list[ListedMessage], recipient: Recipient) -> list[ListedMessage]:
    with runtime.database.read() as db:
        others = recipients.find_sids_of_others(db, [message.sid for message in found], recipient.id)
        return [each for each in found if each.sid not in others and deliveries.find_id_by_sid(db, each.sid) is None]
