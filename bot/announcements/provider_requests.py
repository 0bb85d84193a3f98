"""One message of an announcement, or one call, handed to the provider; and a look into its list for one of which nobody
knows what became."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.announcements.personalization import Ready
from bot.base.database import now
from bot.channels.base import Channel, Listed, SendError
from bot.runtime import Services
from bot.store.announcements import recipients
from bot.store.announcements.recipients import Change, Recipient
from bot.store.cases import deliveries

FRESH = timedelta(seconds=8)
"""A claim older than this is not sent any more by whoever holds it: it was asleep, and another may look into it."""
LOOK_AFTER, LOOK_AGAIN = timedelta(seconds=15), timedelta(seconds=30)
LOOKS = 2
"""So often Twilio's list must say that it has no such message before it is sent again: the list may lag."""
TRIES = 8
BACKOFF = tuple(timedelta(seconds=seconds) for seconds in (2, 4, 8, 16, 32, 60, 120))

log = logging.getLogger(__name__)


@dataclass
class Result:
    """What one request came to."""

    recipient: Recipient
    change: Change
    busy: bool = False


def hand_over(channel: Channel, ready: Ready, claimed: datetime) -> Result:
    """One request, in a thread.  Whoever slept over its claim does not send: another process may look into it."""
    recipient = ready.recipient
    if abs(now() - claimed) > FRESH:
        return Result(recipient, Change(recipient.id, "waiting", now()))
    try:
        accepted = (channel.call if recipient.channel == "voice" else channel.send)(ready.outgoing)
    except SendError as error:
        return _after_error(recipient, error)
    except Exception as error:
        log.exception("not sent: recipient=%s %s", recipient.id, type(error).__name__)
        return Result(recipient, Change(recipient.id, "unknown", now() + LOOK_AFTER))
    return Result(recipient, Change(recipient.id, accepted.status, now(), accepted.sid))


def _after_error(recipient: Recipient, error: SendError) -> Result:
    at, number = now(), recipient.attempts
    if error.outcome == "refused":
        return Result(recipient, Change(recipient.id, "failed", at, error_code=error.code))
    if error.outcome == "unknown":
        return Result(recipient, Change(recipient.id, "unknown", at + LOOK_AFTER, error_code=error.code))
    if number >= TRIES:
        return Result(recipient, Change(recipient.id, "failed", at, error_code=error.code))
    due = at + BACKOFF[min(number, len(BACKOFF) - 1)]
    return Result(recipient, Change(recipient.id, "waiting", due, error_code=error.code), busy=True)


@dataclass(frozen=True)
class Look:
    """What to look for: at which address, with which announcement's code in its text (template or not)."""

    address: str
    code: str


def look_up(services: Services, channel: Channel, one: Recipient, look: Look) -> Result:
    """Whether Twilio has it; only after its list has said no twice is it sent again."""
    at = now()
    since = (one.claimed_at or at) - timedelta(minutes=10)
    try:
        listed = (channel.called if one.channel == "voice" else channel.listed)(look.address, since)
    except SendError as error:
        return Result(one, Change(one.id, "unknown", at + LOOK_AFTER, error_code=error.code, looks=one.looks))
    # A call shows no words: one to this number that no other row of ours placed is ours.
    mine = [message for message in listed if one.channel == "voice" or look.code in message.body]
    free = _of_nobody_else(services, mine, one)
    if free:
        log.info("found at Twilio: recipient=%s", one.id)
        return Result(one, Change(one.id, free[0].status, at, free[0].sid))
    if one.looks + 1 < LOOKS:
        return Result(one, Change(one.id, "unknown", at + LOOK_AGAIN, looks=one.looks + 1))
    return Result(one, Change(one.id, "waiting", at))


def _of_nobody_else(services: Services, found: list[Listed], one: Recipient) -> list[Listed]:
    with services.database.read() as db:
        others = recipients.sids_of_others(db, [message.sid for message in found], one.id)
        return [each for each in found if each.sid not in others and deliveries.id_of_sid(db, each.sid) is None]
