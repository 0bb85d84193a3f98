"""What reached Twilio and not us (no web process, an expired certificate, a lost network): answered late, not never.

Twilio hands a message over once, twice at most (twilio.com/docs/messaging/guides/webhook-request); what nobody took is
only in its list.  There it is found some minutes later, and handled as if it had come: an emergency pages, a STOP
counts, and the reply leaves as a text of its own.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from bot.base import logs as lines
from bot.base.database import now
from bot.base.queues import DELIVER, enqueue
from bot.channels.twilio_redaction import ReceivedMessage, StoredMessageError, TwilioMessageStore
from bot.message_router import answer
from bot.messaging import inbound_message
from bot.messaging.inbound_handler import Unavailable
from bot.messaging.inbound_message import Inbound
from bot.runtime import Services
from bot.store.cases import deliveries
from bot.store.families import contacts
from bot.store.operations import handled_while_redis_down, missed_messages

MIN_MESSAGE_AGE = timedelta(minutes=2)
"""A message that is just being handled, or handed over a second time, is left alone so long."""
SEARCH_OVERLAP = timedelta(minutes=10)
"""So much is looked at again: a list may show a message late."""
MAX_SEARCH_AGE = timedelta(hours=23)
"""An hour less than it is remembered what was answered (store/families/conversations)."""
OUTAGE_ERRORS = (StoredMessageError, Unavailable, RedisError, SQLAlchemyError)
"""Whoever comes next would fare no better."""

log = logging.getLogger(__name__)


def recover(services: Services) -> None:
    """Look, and answer what is found, the oldest first; what fails is found again by the next run.

    Raises BodyError, `Unavailable`, and what database and Redis raise.
    """
    if not services.settings.live:
        return
    at = now()
    since = max(missed_messages.start_search(services.redis, at), at - MAX_SEARCH_AGE)
    if since >= at - MIN_MESSAGE_AGE:
        return
    bodies = TwilioMessageStore(services.settings)
    unheard = _list_unanswered(services, bodies.list_received(since, at - MIN_MESSAGE_AGE))
    done = [_try_to_answer(services, bodies, one, at) for one in unheard]
    if all(done):
        missed_messages.set_checked_until(services.redis, max(since, at - MIN_MESSAGE_AGE - SEARCH_OVERLAP))


def _list_unanswered(services: Services, candidates: Iterable[ReceivedMessage]) -> list[ReceivedMessage]:
    """Those that nobody answered, the oldest first; also one whose reply was lost with the worker that answered it."""
    begun = missed_messages.list_in_progress(services.redis)
    with services.database.read() as db:
        away = handled_while_redis_down.list_message_sids(db)
    new = (one for one in candidates if one.sid in begun or not services.conversations.is_answered(one.sid))
    return sorted((one for one in new if one.sid not in away), key=lambda one: one.received_at)


def _try_to_answer(
    services: Services, bodies: TwilioMessageStore, missed_message: ReceivedMessage, at: datetime
) -> bool:
    """False for a message that breaks something of ours: it is tried again, and the others go on."""
    try:
        _answer_late(services, bodies, missed_message, at)
    except OUTAGE_ERRORS:
        raise
    except Exception:
        log.exception("a missed message cannot be answered: message=%s", missed_message.sid)
        return False
    return True


def _answer_late(services: Services, bodies: TwilioMessageStore, missed_message: ReceivedMessage, at: datetime) -> None:
    with lines.traced(services.database.vault.compute_lookup_hash(missed_message.sid)[: lines.TRACE_LETTERS]):
        log.warning("never reached us, answered late: message=%s", missed_message.sid)
        missed_messages.record(services.redis, missed_message.sid, at)
        missed_messages.mark_in_progress(services.redis, missed_message.sid)
        try:
            message = inbound_message.parse(missed_message.form | bodies.fetch_media_form(missed_message))
            if reply := answer(services, message):
                _send_late_reply(services, message, reply, at)
        except inbound_message.BadForm:
            services.conversations.record_answered(missed_message.sid)
        missed_messages.clear_in_progress(services.redis, missed_message.sid)


def _send_late_reply(services: Services, message: Inbound, reply: str, at: datetime) -> None:
    """By text, once: the row's id hangs on the message."""
    vault, own = services.database.vault, services.database.vault.compute_lookup_hash(f"late:{message.sid}")[:32]
    staff = services.library.district.find_staff_by_address(message.address)
    with services.database.write() as db:
        contact = contacts.find(db, vault, message.address)
        if staff:
            deliveries.plan_late_reply(db, vault, {"id": own, "staff": staff}, reply, at)
        elif contact:
            deliveries.plan_late_reply(db, vault, {"id": own, "contact_id": contact.id}, reply, at)
        else:
            return  # who is over the measure, or has just erased everything
    enqueue(services.redis, "urgent", DELIVER, own)
