"""Send one message or call of an announcement to the provider, and look up requests with an unknown result."""

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
"""A process with an older claim must not send, because another process may already look up the row."""
FIRST_LOOKUP_DELAY, NEXT_LOOKUP_DELAY = timedelta(seconds=15), timedelta(seconds=30)
LOOKUPS_BEFORE_RESEND = 2
"""How often Twilio's list must show no such message before it is sent again, because the list may lag."""
MAX_REQUEST_ATTEMPTS = 8
RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (2, 4, 8, 16, 32, 60, 120))

log = logging.getLogger(__name__)


@dataclass
class RequestResult:
    """The result of one request."""

    recipient: Recipient
    change: RecipientChange
    is_rate_limited: bool = False


def send_request(channel: Channel, ready: PreparedMessage, claimed_at: datetime) -> RequestResult:
    """Send one request in a thread. With an expired claim, send nothing: another process may look up the row."""
    recipient = ready.recipient
    if abs(now() - claimed_at) > MAX_CLAIM_AGE:
        return RequestResult(recipient, RecipientChange(recipient.id, "waiting", now()))
    try:
        send = channel.call if recipient.channel == "voice" else channel.send
        accepted = send(ready.outgoing)
    except SendError as error:
        return _handle_send_error(recipient, error)
    except Exception as error:
        log.exception("not sent: recipient=%s %s", recipient.id, type(error).__name__)
        return RequestResult(recipient, RecipientChange(recipient.id, "unknown", now() + FIRST_LOOKUP_DELAY))
    return RequestResult(recipient, RecipientChange(recipient.id, accepted.status, now(), accepted.sid))


def _handle_send_error(recipient: Recipient, error: SendError) -> RequestResult:
    current_time, attempt_count = now(), recipient.attempts
    if error.outcome == "refused":
        return RequestResult(recipient, RecipientChange(recipient.id, "failed", current_time, error_code=error.code))
    if error.outcome == "unknown":
        change = RecipientChange(recipient.id, "unknown", current_time + FIRST_LOOKUP_DELAY, error_code=error.code)
        return RequestResult(recipient, change)
    if attempt_count >= MAX_REQUEST_ATTEMPTS:
        return RequestResult(recipient, RecipientChange(recipient.id, "failed", current_time, error_code=error.code))
    due_at = current_time + RETRY_DELAYS[min(attempt_count, len(RETRY_DELAYS) - 1)]
    change = RecipientChange(recipient.id, "waiting", due_at, error_code=error.code)
    return RequestResult(recipient, change, is_rate_limited=True)


@dataclass(frozen=True)
class LookupQuery:
    """What to look for: the address, and the announcement's code in the text, with or without a template."""

    address: str
    code: str


def look_up_request(runtime: Runtime, channel: Channel, recipient: Recipient, query: LookupQuery) -> RequestResult:
    """Check whether Twilio has the message. Send it again only after Twilio's list showed nothing twice."""
    current_time = now()
    since = (recipient.claimed_at or current_time) - timedelta(minutes=10)
    try:
        list_sent = channel.list_calls if recipient.channel == "voice" else channel.list_messages
        listed = list_sent(query.address, since)
    except SendError as error:
        change = RecipientChange(
            recipient.id, "unknown", current_time + FIRST_LOOKUP_DELAY, error_code=error.code, looks=recipient.looks
        )
        return RequestResult(recipient, change)
    # A listed call has no text. A call to this number that no other row placed is ours.
    matching = [message for message in listed if recipient.channel == "voice" or query.code in message.body]
    unclaimed = _filter_unclaimed(runtime, matching, recipient)
    if unclaimed:
        log.info("found at Twilio: recipient=%s", recipient.id)
        message = unclaimed[0]
        return RequestResult(recipient, RecipientChange(recipient.id, message.status, current_time, message.sid))
    if recipient.looks + 1 < LOOKUPS_BEFORE_RESEND:
        next_lookup_at = current_time + NEXT_LOOKUP_DELAY
        change = RecipientChange(recipient.id, "unknown", next_lookup_at, looks=recipient.looks + 1)
        return RequestResult(recipient, change)
    return RequestResult(recipient, RecipientChange(recipient.id, "waiting", current_time))


def _filter_unclaimed(runtime: Runtime, listed: list[ListedMessage], recipient: Recipient) -> list[ListedMessage]:
    with runtime.database.read() as db:
        other_sids = recipients.find_sids_of_others(db, [message.sid for message in listed], recipient.id)
        return [
            message
            for message in listed
            if message.sid not in other_sids and deliveries.find_id_by_sid(db, message.sid) is None
        ]
