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
from bot.channels.twilio_redaction import BodyError, Received, TwilioBodies
from bot.message_router import answer
from bot.messaging import inbound_message
from bot.messaging.inbound_handler import Unavailable
from bot.messaging.inbound_message import Inbound
from bot.runtime import Services
from bot.store.cases import deliveries
from bot.store.families import contacts
from bot.store.operations import handled_while_redis_down, missed_messages

WAIT = timedelta(minutes=2)
"""A message that is just being handled, or handed over a second time, is left alone so long."""
OVERLAP = timedelta(minutes=10)
"""So much is looked at again: a list may show a message late."""
BACK = timedelta(hours=23)
"""An hour less than it is remembered what was answered (store/families/conversations)."""
AWAY = (BodyError, Unavailable, RedisError, SQLAlchemyError)
"""Whoever comes next would fare no better."""

log = logging.getLogger(__name__)


def look(services: Services) -> None:
    """Look, and answer what is found, the oldest first; what fails is found again by the next run.

    Raises BodyError, `Unavailable`, and what database and Redis raise.
    """
    if not services.settings.live:
        return
    at = now()
    since = max(missed_messages.begin(services.redis, at), at - BACK)
    if since >= at - WAIT:
        return
    bodies = TwilioBodies(services.settings)
    unheard = _unheard(services, bodies.received(since, at - WAIT))
    done = [_is_answered(services, bodies, one, at) for one in unheard]
    if all(done):
        missed_messages.note(services.redis, max(since, at - WAIT - OVERLAP))


def _unheard(services: Services, came: Iterable[Received]) -> list[Received]:
    """Those that nobody answered, the oldest first; also one whose reply was lost with the worker that answered it."""
    begun = missed_messages.begun(services.redis)
    with services.database.read() as db:
        away = handled_while_redis_down.away(db)
    new = (one for one in came if one.sid in begun or not services.conversations.heard(one.sid))
    return sorted((one for one in new if one.sid not in away), key=lambda one: one.at)


def _is_answered(services: Services, bodies: TwilioBodies, one: Received, at: datetime) -> bool:
    """False for a message that breaks something of ours: it is tried again, and the others go on."""
    try:
        _answer_late(services, bodies, one, at)
    except AWAY:
        raise
    except Exception:
        log.exception("a missed message cannot be answered: message=%s", one.sid)
        return False
    return True


def _answer_late(services: Services, bodies: TwilioBodies, one: Received, at: datetime) -> None:
    with lines.traced(services.database.vault.index(one.sid)[: lines.TRACE_LETTERS]):
        log.warning("never reached us, answered late: message=%s", one.sid)
        missed_messages.found(services.redis, one.sid, at)
        missed_messages.begin_one(services.redis, one.sid)
        try:
            message = inbound_message.parse(one.form | bodies.media_form(one))
            if reply := answer(services, message):
                _say(services, message, reply, at)
        except inbound_message.BadForm:
            services.conversations.note_heard(one.sid)
        missed_messages.end_one(services.redis, one.sid)


def _say(services: Services, message: Inbound, reply: str, at: datetime) -> None:
    """By text, once: the row's id hangs on the message."""
    vault, own = services.database.vault, services.database.vault.index(f"late:{message.sid}")[:32]
    staff = services.library.district.staff_at(message.address)
    with services.database.write() as db:
        contact = contacts.find(db, vault, message.address)
        if staff:
            deliveries.plan_late(db, vault, {"id": own, "staff": staff}, reply, at)
        elif contact:
            deliveries.plan_late(db, vault, {"id": own, "contact_id": contact.id}, reply, at)
        else:
            return  # who is over the measure, or has just erased everything
    enqueue(services.redis, "urgent", DELIVER, own)
