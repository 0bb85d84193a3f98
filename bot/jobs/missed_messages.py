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
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.channels.twilio_redaction import ReceivedMessage, StoredMessageError, TwilioMessageStore
from bot.message_router import answer_message
from bot.messaging import inbound_message
from bot.messaging.inbound_handler import ServiceUnavailableError
from bot.messaging.inbound_message import InboundMessage
from bot.runtime import Runtime
from bot.store.cases import deliveries
from bot.store.families import contacts
from bot.store.operations import handled_while_redis_down, missed_messages

MIN_MESSAGE_AGE = timedelta(minutes=2)
"""A message that is just being handled, or handed over a second time, is left alone so long."""
SEARCH_OVERLAP = timedelta(minutes=10)
"""So much is looked at again: a list may show a message late."""
MAX_SEARCH_AGE = timedelta(hours=23)
"""An hour less than it is remembered what was answered (store/families/conversations)."""
OUTAGE_ERRORS = (StoredMessageError, ServiceUnavailableError, RedisError, SQLAlchemyError)
"""Whoever comes next would fare no better."""

log = logging.getLogger(__name__)


def recover(runtime: Runtime) -> None:
    """Look, and answer what is found, the oldest first; what fails is found again by the next run.

    Raises BodyError, `Unavailable`, and what database and Redis raise.
    """
    if not runtime.settings.is_live:
        return
    current_time = now()
    since = max(missed_messages.start_search(runtime.redis, current_time), current_time - MAX_SEARCH_AGE)
    if since >= current_time - MIN_MESSAGE_AGE:
        return
    message_store = TwilioMessageStore(runtime.settings)
    unanswered = _list_unanswered(runtime, message_store.list_received(since, current_time - MIN_MESSAGE_AGE))
    results = [_try_to_answer(runtime, message_store, message, current_time) for message in unanswered]
    if all(results):
        missed_messages.set_checked_until(runtime.redis, max(since, current_time - MIN_MESSAGE_AGE - SEARCH_OVERLAP))


def _list_unanswered(runtime: Runtime, candidates: Iterable[ReceivedMessage]) -> list[ReceivedMessage]:
    """Those that nobody answered, the oldest first; also one whose reply was lost with the worker that answered it."""
    in_progress = missed_messages.list_in_progress(runtime.redis)
    with runtime.database.read() as db:
        handled_offline = handled_while_redis_down.list_message_sids(db)
    new = (
        message
        for message in candidates
        if message.sid in in_progress or not runtime.conversations.is_answered(message.sid)
    )
    return sorted(
        (message for message in new if message.sid not in handled_offline), key=lambda message: message.received_at
    )


def _try_to_answer(
    runtime: Runtime, message_store: TwilioMessageStore, missed_message: ReceivedMessage, current_time: datetime
) -> bool:
    """False for a message that breaks something of ours: it is tried again, and the others go on."""
    try:
        _answer_late(runtime, message_store, missed_message, current_time)
    except OUTAGE_ERRORS:
        raise
    except Exception:
        log.exception("a missed message cannot be answered: message=%s", missed_message.sid)
        return False
    return True


def _answer_late(
    runtime: Runtime, message_store: TwilioMessageStore, missed_message: ReceivedMessage, current_time: datetime
) -> None:
    with lines.trace_context(runtime.database.vault.compute_lookup_hash(missed_message.sid)[: lines.TRACE_LENGTH]):
        log.warning("never reached us, answered late: message=%s", missed_message.sid)
        missed_messages.record(runtime.redis, missed_message.sid, current_time)
        missed_messages.mark_in_progress(runtime.redis, missed_message.sid)
        try:
            message = inbound_message.parse_message(
                missed_message.form | message_store.fetch_media_form(missed_message)
            )
            if reply := answer_message(runtime, message):
                _send_late_reply(runtime, message, reply, current_time)
        except inbound_message.InvalidMessageFormError:
            runtime.conversations.record_answered(missed_message.sid)
        missed_messages.clear_in_progress(runtime.redis, missed_message.sid)


def _send_late_reply(runtime: Runtime, message: InboundMessage, reply: str, current_time: datetime) -> None:
    """By text, once: the row's id hangs on the message."""
    delivery_id = runtime.database.vault.compute_lookup_hash(f"late:{message.sid}")[:32]
    staff = runtime.library.district.find_staff_by_address(message.address)
    with runtime.database.write() as db:
        contact = contacts.find(db, message.address)
        if staff:
            deliveries.plan_late_reply(db, {"id": delivery_id, "staff": staff}, reply, current_time)
        elif contact:
            deliveries.plan_late_reply(db, {"id": delivery_id, "contact_id": contact.id}, reply, current_time)
        else:
            return  # who is over the rate limit, or has just erased everything
    enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
