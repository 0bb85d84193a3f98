"""Find messages that reached Twilio but not Puente, and answer them late.

Causes are a stopped web process, an expired certificate, or a lost network. Twilio delivers a message at most twice
(twilio.com/docs/messaging/guides/webhook-request). After that, it is only in Twilio's list. This job finds it there
and handles it as usual: an emergency pages staff, STOP counts, and the reply is sent as a separate text.
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
"""A younger message may still be in progress, or Twilio may deliver it a second time."""
SEARCH_OVERLAP = timedelta(minutes=10)
"""Each search overlaps the previous one, because Twilio may list a message late."""
MAX_SEARCH_AGE = timedelta(hours=23)
"""One hour less than Puente remembers answered messages (store/families/conversations)."""
OUTAGE_ERRORS = (StoredMessageError, ServiceUnavailableError, RedisError, SQLAlchemyError)
"""Errors of a part that is away. Later messages would fail too."""

log = logging.getLogger(__name__)


def recover(runtime: Runtime) -> None:
    """Find unanswered messages, and answer the oldest first. The next run finds those that failed.

    Raises `StoredMessageError`, `ServiceUnavailableError`, and the errors of the database and Redis.
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
    """Return messages without an answer, oldest first, including those whose worker died before the reply."""
    in_progress = missed_messages.list_in_progress(runtime.redis)
    with runtime.database.read() as db:
        handled_offline = handled_while_redis_down.list_message_sids(db)
    unanswered = [
        message
        for message in candidates
        if message.sid in in_progress or not runtime.conversations.is_answered(message.sid)
    ]
    remaining = (message for message in unanswered if message.sid not in handled_offline)
    return sorted(remaining, key=lambda message: message.received_at)


def _try_to_answer(
    runtime: Runtime, message_store: TwilioMessageStore, missed_message: ReceivedMessage, current_time: datetime
) -> bool:
    """Answer one message. Return False after an error that only concerns this message, so that others continue."""
    try:
        _answer_late(runtime, message_store, missed_message, current_time)
    except OUTAGE_ERRORS:
        raise
    except Exception:
        log.exception("cannot answer a missed message: message=%s", missed_message.sid)
        return False
    return True


def _answer_late(
    runtime: Runtime, message_store: TwilioMessageStore, missed_message: ReceivedMessage, current_time: datetime
) -> None:
    with lines.trace_context(runtime.database.vault.compute_lookup_hash(missed_message.sid)[: lines.TRACE_LENGTH]):
        log.warning("missed message, answered late: message=%s", missed_message.sid)
        missed_messages.record(runtime.redis, missed_message.sid, current_time)
        missed_messages.mark_in_progress(runtime.redis, missed_message.sid)
        try:
            form = missed_message.form | message_store.fetch_media_form(missed_message)
            message = inbound_message.parse_message(form)
            if reply := answer_message(runtime, message):
                _send_late_reply(runtime, message, reply, current_time)
        except inbound_message.InvalidMessageFormError:
            runtime.conversations.record_answered(missed_message.sid)
        missed_messages.clear_in_progress(runtime.redis, missed_message.sid)


def _send_late_reply(runtime: Runtime, message: InboundMessage, reply: str, current_time: datetime) -> None:
    """Send the reply once, because the delivery ID depends on the message."""
    delivery_id = runtime.database.vault.compute_lookup_hash(f"late:{message.sid}")[:32]
    staff = runtime.library.district.find_staff_by_address(message.address)
    with runtime.database.write() as db:
        contact = contacts.find(db, message.address)
        if staff:
            deliveries.plan_late_reply(db, {"id": delivery_id, "staff": staff}, reply, current_time)
        elif contact:
            deliveries.plan_late_reply(db, {"id": delivery_id, "contact_id": contact.id}, reply, current_time)
        else:
            return  # a sender over the rate limit, or a family that just erased everything
    enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
