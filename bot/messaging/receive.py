"""A family's message, from the webhook to the answer.  The straight line; read it from the top.

Claim the message and lock the family (Redis) · understand · take the turn (pure) · write all lasting effects in one
transaction · save the conversation and the reply · only then queue the jobs and answer.
"""

import logging
import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from bot.conversation.commands import match
from bot.conversation.effects import Consent, Effect, Notice
from bot.conversation.engine import State
from bot.conversation.talk import Heard, Talk, World
from bot.conversation.turn import take_turn
from bot.messaging.compose import Composer
from bot.messaging.effects import LASTING, Kept, Message, keep
from bot.messaging.inbound import Inbound
from bot.queues import ALERT_CASE, enqueue
from bot.services import Services
from bot.store import contacts
from bot.store.contacts import Contact
from bot.store.conversations import Conversation, Entry
from bot.store.db import now
from bot.understanding import Context, Understanding, mask, understand

WAIT_SECONDS = 10
"""How long a message waits for the one before it; with LOCK_MS it stays below Twilio's 15 s."""
ALWAYS = frozenset({"stop", "start", "person"})
"""The commands that work from the database alone, when Redis is away."""

log = logging.getLogger(__name__)


class Unavailable(Exception):
    """The message cannot be handled now and nothing of it was kept half: Twilio is to try again or elsewhere."""


@dataclass(frozen=True)
class _Turn:
    """What one message led to, before anything of it is kept."""

    talk: Talk
    effects: tuple[Effect, ...]


def receive(services: Services, inbound: Inbound) -> str:
    """The reply to a message (empty: nothing is to be said); the same reply again for a repeat of it.

    Raises `Unavailable` if the database is away, or another message of this family takes too long.
    """
    at = now()
    try:
        try:
            return _receive(services, inbound, at)
        except RedisError as error:
            log.warning("redis away, answering from the database: message=%s %s", inbound.sid, type(error).__name__)
            return _receive_without_redis(services, inbound, at)
    except SQLAlchemyError as error:
        log.error("database away: message=%s %s", inbound.sid, type(error).__name__)
        raise Unavailable from None


def _receive(services: Services, inbound: Inbound, at: datetime) -> str:
    family, owner = services.family(inbound.address), secrets.token_hex(8)
    entry = _enter(services, family, inbound.sid, owner)
    if entry.outcome == "seen":
        return entry.reply
    try:
        reply, conversation, kept = _handle(services, inbound, entry.conversation, at)
    except BaseException:
        services.conversations.release(family, owner)
        raise
    if not services.conversations.leave(family, inbound.sid, owner, conversation, reply):
        log.warning("lock lost before the end: message=%s", inbound.sid)
        raise Unavailable
    _queue(services, kept)
    return reply


def _enter(services: Services, family: str, sid: str, owner: str) -> Entry:
    """Wait until no other message of this family is being handled."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        entry = services.conversations.enter(family, sid, owner)
        if entry.outcome != "busy":
            return entry
        if time.monotonic() > deadline:
            raise Unavailable
        time.sleep(0.03)


def _handle(
    services: Services, inbound: Inbound, conversation: Conversation, at: datetime
) -> tuple[str, Conversation, Kept]:
    contact = _contact(services, inbound, conversation, at)
    turn = _turn(services, inbound, _talk(conversation, contact), contact)
    kept = _keep(services, inbound, contact, turn, at)
    noticed = list(conversation.noticed)
    reply = _compose(services, turn, kept, noticed, at)
    stopped = _stopped_now(bool(contact and contact.stopped_at), turn.effects)
    return reply, Conversation(_plain(turn.talk), noticed, kept.contact, stopped), kept


def _contact(services: Services, inbound: Inbound, conversation: Conversation, at: datetime) -> Contact | None:
    """Who writes: as the conversation remembers it, else from the database."""
    if conversation.contact is not None:
        language = conversation.talk.get("language")
        stopped_at = at if conversation.stopped else None
        return Contact(conversation.contact, inbound.address, inbound.channel, language, stopped_at)
    with services.database.read() as db:
        return contacts.find(db, services.database.vault, inbound.address)


def _stopped_now(before: bool, effects: tuple[Effect, ...]) -> bool:
    kinds = [effect.kind for effect in effects if isinstance(effect, Consent)]
    return kinds[-1] == "stop" if kinds else before


def _receive_without_redis(services: Services, inbound: Inbound, at: datetime) -> str:
    """Redis away: emergencies, a person, stop and start still work; for the rest we say to come back soon."""
    with services.database.read() as db:
        contact = contacts.find(db, services.database.vault, inbound.address)
    talk = Talk(language=contact.language if contact else None)
    heard = _heard(services, inbound, talk, contact)
    works = heard.understood.severity == "escalate_now" or (heard.command and heard.command.kind in ALWAYS)
    if works or heard.stopped or heard.twilio_opt:
        turn = _Turn(*take_turn(_world(services), talk, heard))
    else:
        guess = heard.understood.lang if heard.understood.lang_confidence >= 0.8 else None
        turn = _Turn(Talk(language=talk.language or guess), (Notice("try_later"),))
    kept = _keep(services, inbound, contact, turn, at)
    return _compose(services, turn, kept, [], at)


def _turn(services: Services, inbound: Inbound, talk: Talk, contact: Contact | None) -> _Turn:
    return _Turn(*take_turn(_world(services), talk, _heard(services, inbound, talk, contact)))


def _heard(services: Services, inbound: Inbound, talk: Talk, contact: Contact | None) -> Heard:
    return Heard(
        text=inbound.text,
        understood=_understand(services, inbound.text, talk.language),
        command=match(inbound.text, services.library.phrasebook),
        payload=inbound.payload,
        kind=inbound.kind,
        twilio_opt=inbound.twilio_opt,
        stopped=bool(contact and contact.stopped_at),
        volunteered=bool(mask(inbound.text)[1] & {"status", "number"}),
    )


def _understand(services: Services, text: str, language: str | None) -> Understanding:
    library = services.library
    return understand(text, Context(library.phrasebook, library.district.languages, language))


def _world(services: Services) -> World:
    return World(
        flows=services.library.flows,
        languages=services.library.district.languages,
        understand=lambda text, language: _understand(services, text, language),
        read=services.library.catalogs.read,
    )


def _plain(talk: Talk) -> dict[str, Any]:
    """A talk as plain data; `dataclasses.asdict` would copy it deeply, for every message."""
    return {**vars(talk), "state": vars(talk.state) if talk.state else None}


def _talk(conversation: Conversation, contact: Contact | None) -> Talk:
    """Where the family stands: as the conversation says, with the language from the database where it has none."""
    found = dict(conversation.talk)
    state = found.pop("state", None)
    talk = Talk(**found, state=State(**state) if state else None)
    if talk.language is None and contact and contact.language:
        return Talk(state=talk.state, language=contact.language, unclear=talk.unclear)
    return talk


def _keep(services: Services, inbound: Inbound, contact: Contact | None, turn: _Turn, at: datetime) -> Kept:
    """One transaction for everything that lasts; none at all for a message that changes nothing."""
    if contact and not any(isinstance(effect, LASTING) for effect in turn.effects):
        return Kept(contact.id)
    vault = services.database.vault
    with services.database.write() as db:
        writer = contact or contacts.add(db, vault, inbound.address, inbound.channel, at)
        return keep(services, db, Message(writer, inbound, turn.talk.language or "en", at), turn.effects)


def _compose(services: Services, turn: _Turn, kept: Kept, noticed: list[str], at: datetime) -> str:
    district = services.library.district
    first = next(iter(district.alerted_for(kept.role).values()))
    extra = {"staff_name": first.name, "case": str(kept.case or "")}
    language = turn.talk.language or "en"
    return Composer(services.library, language, at, noticed, extra).compose(turn.effects)


def _queue(services: Services, kept: Kept) -> None:
    for case in kept.to_alert:
        enqueue(services.redis, "urgent", ALERT_CASE, case)
