"""Follow-ups: when the time has come, a flow starts with the family by itself ("did a person help you?")."""

import logging
import secrets
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from bot.cases import timeouts
from bot.conversation.effects import Effect
from bot.conversation.talk import Talk, World, start_flow
from bot.messaging.compose import Composer
from bot.queues import DELIVER, enqueue
from bot.services import Services
from bot.store import contacts, deliveries, follow_ups
from bot.store.contacts import Contact
from bot.store.conversations import Conversation
from bot.store.db import now
from bot.store.follow_ups import FollowUp
from bot.understanding import Context, understand

LATER = timedelta(minutes=30)
"""A family that is in the middle of something is not interrupted; it is asked after this time."""

log = logging.getLogger(__name__)


def start(services: Services, follow_up_id: int) -> None:
    """Start this follow-up if it is due; once, however often the job runs, and not in the middle of something."""
    at = now()
    with services.database.read() as db:
        follow_up = follow_ups.get(db, follow_up_id)
        contact = contacts.get(db, services.database.vault, follow_up.contact_id)
    if follow_up.state != "waiting" or follow_up.due_at > at:
        return
    if contact.stopped_at or follow_up.flow not in services.library.flows.flows:
        _drop(services, follow_up)
        return
    if follow_up.step:
        timeouts.start(services, _world(services), timeouts.Due(follow_up, contact, at))
        return
    waking = services.library.district.waking(at)
    if waking > at:
        _postpone(services, follow_up, waking)
        return
    _start_now(services, follow_up, contact, at)


def _start_now(services: Services, follow_up: FollowUp, contact: Contact, at: datetime) -> None:
    """With the family's lock: a message of its own that comes at this moment waits until we are done."""
    family, owner = services.family(contact.address), secrets.token_hex(8)
    conversation = services.conversations.take(family, owner)
    if conversation is None or conversation.talk.get("state"):
        if conversation is not None:
            services.conversations.release(family, owner)
        _postpone(services, follow_up, at + LATER)
        return
    try:
        _open(services, follow_up, contact, conversation, owner, at)
    finally:
        services.conversations.release(family, owner)
    _queue(services, follow_up)


def _open(
    services: Services,
    follow_up: FollowUp,
    contact: Contact,
    conversation: Conversation,
    owner: str,
    at: datetime,
) -> None:
    """The conversation first, the rows second: killed between the two, the sweep starts the same flow again."""
    language = contact.language or "en"
    talk, effects = start_flow(_world(services), Talk(language=language), follow_up.flow)
    noticed = list(conversation.noticed)
    body = _compose(services, language, noticed, effects, at)
    family, vault = services.family(contact.address), services.database.vault
    if not services.conversations.put_on(family, owner, replace(conversation, talk=asdict(talk), noticed=noticed)):
        return  # the lock ran out: the sweep comes back to it
    with services.database.write() as db:
        if follow_ups.claim(db, follow_up.id, "started"):
            deliveries.plan_follow_up(db, vault, follow_up.id, contact.id, body, at)


def _compose(services: Services, language: str, noticed: list[str], effects: tuple[Effect, ...], at: datetime) -> str:
    return Composer(services.library, language, at, noticed).compose(effects)


def _world(services: Services) -> World:
    library = services.library
    context = Context(library.phrasebook, library.district.languages)
    return World(library.flows, library.district.languages, lambda text, _: understand(text, context))


def _queue(services: Services, follow_up: FollowUp) -> None:
    with services.database.read() as db:
        waiting = deliveries.waiting_of_follow_up(db, follow_up.id)
    for delivery_id in waiting:
        enqueue(services.redis, "default", DELIVER, delivery_id)


def _postpone(services: Services, follow_up: FollowUp, due_at: datetime) -> None:
    with services.database.write() as db:
        follow_ups.postpone(db, follow_up.id, due_at)


def _drop(services: Services, follow_up: FollowUp) -> None:
    with services.database.write() as db:
        follow_ups.claim(db, follow_up.id, "dropped")
    log.info("dropped: follow_up=%s", follow_up.id)
