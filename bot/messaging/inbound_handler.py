"""A family's message, from the webhook to the answer.  The straight line; read it from the top.

Claim the message and lock the family (Redis) · understand · take the turn (pure) · write all lasting effects in one
transaction · save the conversation and the reply · only then queue the jobs and answer.
"""

import contextlib
import logging
import secrets
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from redis import RedisError
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from bot.base import metrics
from bot.base.database import now
from bot.base.queues import ALERT_CASE, TRANSLATE, VOICE_NOTE, enqueue
from bot.content.texts import TextId
from bot.flows.commands import match
from bot.flows.dialog_manager import take_turn
from bot.flows.dialog_state import Heard, Talk, World
from bot.flows.effects import Consent, Effect, Erase, Escalation, FindPartners, Notice, SetNote
from bot.flows.engine import State
from bot.flows.rate_limit_exempt import COMMANDS, always_heard
from bot.messaging import erasure, erasure_confirmation, opt_out_state, recorded_replies
from bot.messaging.catalog_drafts import library_for
from bot.messaging.effect_handlers import ABOUT_CASE, LASTING, Kept, Message, keep
from bot.messaging.inbound_message import Inbound
from bot.messaging.rate_limits import measure_of
from bot.messaging.reply_composer import Composer
from bot.messaging.reply_context import composer_for, held_about, of_case, understood, world_of
from bot.runtime import Services
from bot.store.families import contacts, flow_stats, sent_texts
from bot.store.families.contacts import Contact
from bot.store.families.conversations import AcquireResult, Conversation
from bot.store.families.rate_counters import RateLimitResult
from bot.store.operations import handled_while_redis_down

TURNS, TURN_CHARACTERS = 6, 300
"""So much of a conversation is kept for the day, for the person who takes over."""
WAIT_SECONDS = 10
"""How long a message waits for the one before it; with LOCK_MS it stays below Twilio's 15 s."""
SURE = 0.8
"""From here on a guessed language is answered in."""
OVER: dict[RateLimitResult, TextId | None] = {"tell": "too_many", "silent": None, "crowd": "many_write"}
"""What is said to whom it was too much (`store/families/rate_counters`)."""

log = logging.getLogger(__name__)


class Unavailable(Exception):
    """The message cannot be handled now and nothing of it was kept half: Twilio is to try again or elsewhere."""


@dataclass
class Saying:
    """What this conversation has said before (notices, texts), to which the reply adds; and when it is said."""

    noticed: list[str]
    told: list[str]
    at: datetime
    turns: list[list[str]] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    answers_us: bool = False
    """The family writes after a question that we asked unasked: it does answer."""


@dataclass(frozen=True)
class _Turn:
    """What one message led to, before anything of it is kept, and in which world."""

    talk: Talk
    effects: tuple[Effect, ...]
    world: World


def receive(services: Services, inbound: Inbound) -> str:
    """The reply to a message (empty: nothing is to be said); the same reply again for a repeat of it.

    Raises `Unavailable` if the database is away, or another message of this family takes too long.
    """
    at = now()
    try:
        try:
            return _receive(services, inbound, at)
        except RedisError as error:
            metrics.STORE_ERRORS.labels("redis").inc()
            log.warning("redis away, answering from the database: message=%s %s", inbound.sid, type(error).__name__)
            return _receive_without_redis(services, inbound, at)
    except SQLAlchemyError as error:
        metrics.STORE_ERRORS.labels("database").inc()
        log.error("database away: message=%s %s", inbound.sid, type(error).__name__)
        raise Unavailable from None


def _receive(services: Services, inbound: Inbound, at: datetime) -> str:
    family, owner = services.family(inbound.address), secrets.token_hex(8)
    entry = _enter(services, inbound, family, owner)
    if entry.outcome == "seen":
        return entry.reply
    try:
        refused = _too_much(services, inbound, entry, at) if entry.rate_status != "free" else None
        reply, conversation, kept = _handle_once(services, inbound, entry, at) if refused is None else refused
    except BaseException:
        services.conversations.release(family, owner)
        raise
    counts = flow_stats.build_key(at), flow_stats.list_counter_fields(_place(entry.conversation), _place(conversation))
    if not services.conversations.save_and_release(family, inbound.sid, owner, conversation, reply, counts):
        log.warning("lock lost before the end: message=%s", inbound.sid)
        raise Unavailable
    if kept:
        _queue(services, kept)
    elif entry.rate_status == "crowd":
        services.conversations.discard(family)  # or the next message would not count as a stranger's
    return reply


def _place(conversation: Conversation) -> flow_stats.FlowStepId | None:
    """The question before which a family stands."""
    state = conversation.talk.get("state")
    return (state["flow"], state["step"]) if state and state["step"] else None


def _enter(services: Services, inbound: Inbound, family: str, owner: str) -> AcquireResult:
    """Wait until no other message of this family is being handled."""
    sid, measure = inbound.sid, measure_of(inbound.address)
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        entry = services.conversations.acquire(family, sid, owner, measure)
        if entry.outcome != "busy":
            return entry
        if time.monotonic() > deadline:
            raise Unavailable
        time.sleep(0.03)


def _handle_once(
    services: Services, inbound: Inbound, entry: AcquireResult, at: datetime
) -> tuple[str, Conversation, Kept]:
    try:
        return _handle(services, inbound, entry, at)
    except IntegrityError:
        # The contact that the conversation or the database knew was erased meanwhile: who writes is somebody new.
        return _handle(services, inbound, replace(entry, conversation=Conversation(), active_case_id=None), at)


def _handle(services: Services, inbound: Inbound, entry: AcquireResult, at: datetime) -> tuple[str, Conversation, Kept]:
    conversation = entry.conversation
    contact = _contact(services, inbound, conversation, at, entry.active_case_id)
    if contact is None and (told_before := erasure.answered(services, inbound.sid, at)):
        return told_before, Conversation(), Kept(0)
    notes = _notes(services, conversation, contact)
    turn = _turn(services, inbound, _talk(conversation, contact, inbound), contact, notes, at)
    if Erase() in turn.effects and erasure_confirmation.only_rung(inbound):
        asked = erasure_confirmation.ask_the_phone(services, inbound, turn.talk, turn.world, at)
        turn = _Turn(*asked, turn.world)
    noticed, said = list(conversation.noticed), list(conversation.told)
    answers_us = conversation.asked or bool(contact and contact.unanswered)
    saying = Saying(noticed, said, at, conversation.turns, notes, answers_us)
    if Erase() in turn.effects:
        erased = erasure.by_text(services, contact, turn.talk.language or "en", inbound, at)
        return erased.reply, Conversation(), Kept(0, erased=erased)
    reply, kept = _keep_and_compose(services, inbound, contact, turn, saying)
    has_stopped = opt_out_state.after(services, contact, turn.effects, again=kept.again)
    notes |= {effect.name: effect.value for effect in turn.effects if isinstance(effect, SetNote)}
    turns = _turns(conversation.turns, "" if _says_where(turn.effects) else inbound.masked[0], reply)
    spoke = recorded_replies.speaks(conversation.spoke, inbound)
    if spoke:
        reply = recorded_replies.beside(services, inbound, reply, turn.talk.language, noticed, at)
    left = Conversation(_plain(turn.talk), noticed, kept.contact, has_stopped, notes, said, turns, spoke=spoke)
    return reply, left, kept


def _too_much(
    services: Services, inbound: Inbound, entry: AcquireResult, at: datetime
) -> tuple[str, Conversation, None] | None:
    """The sentence (once; then nothing) for a phone that is over its measure; None for what is heard all the same.

    Nothing of the message is done or kept, not even who sent it.
    """
    contact = _contact(services, inbound, entry.conversation, at, entry.active_case_id)
    if entry.rate_status == "crowd" and contact:
        return None  # whom we know is no stranger
    talk = _talk(entry.conversation, contact, inbound)
    world = world_of(library_for(services, talk.language or "en"), at, _known(talk, inbound, {}))
    said = _heard(services, inbound, talk, contact)
    if always_heard(world, talk, said) or said.stopped:
        return None  # who stopped is told nothing anyway
    log.warning("over the measure: message=%s pace=%s", inbound.sid, entry.rate_status)
    text = OVER[entry.rate_status]
    sure = said.understood.lang if said.understood.lang_confidence >= SURE else None
    composer = composer_for(services, replace(talk, language=talk.language or sure), world, at, [])
    return composer.compose((Notice(text),) if text else ()), entry.conversation, None


def _says_where(effects: tuple[Effect, ...]) -> bool:
    """Whether the message was the town or ZIP code of a family that looks for help: nobody keeps it."""
    return any(isinstance(effect, FindPartners) and effect.near for effect in effects)


def _turns(before: list[list[str]], masked: str, reply: str) -> list[list[str]]:
    """The last turns, masked and cut: enough for the person who takes over to see what it is about."""
    new = [["family", masked.strip()], ["helper", reply]]
    return [[who, text[:TURN_CHARACTERS]] for who, text in [*before, *new] if text][-TURNS:]


def _notes(services: Services, conversation: Conversation, contact: Contact | None) -> dict[str, str]:
    """What flows wrote down of who writes: as the conversation remembers it, else from the database."""
    if conversation.contact is not None or contact is None:
        return dict(conversation.notes)
    with services.database.read() as db:
        return contacts.get_attributes(db, contact.id)


def _contact(
    services: Services, inbound: Inbound, conversation: Conversation, at: datetime, talking: int | None
) -> Contact | None:
    """Who writes: as the conversation remembers it, else from the database; so while a person talks with the family."""
    if conversation.contact is not None and talking is None:
        language = conversation.talk.get("language")
        stopped_at = at if conversation.stopped and opt_out_state.still(services, conversation.contact) else None
        return Contact(conversation.contact, inbound.address, inbound.channel, language, stopped_at)
    with services.database.read() as db:
        found = contacts.find(db, services.database.vault, inbound.address)
    in_truth = found.talking_case if found else None
    if (in_truth is None) != (talking is None):
        # Said to Redis at the very moment when the family was erased: nobody would ever answer here again.  Or Redis
        # has lost it (emptied, or its keys hashed anew): the person would miss what the family writes next.
        services.conversations.set_active_case(services.family(inbound.address), in_truth)
    return found


def _receive_without_redis(services: Services, inbound: Inbound, at: datetime) -> str:
    """Redis away: emergencies, a person, stop and start still work; for the rest we say to come back soon."""
    with services.database.read() as db:
        contact = contacts.find(db, services.database.vault, inbound.address)
        notes = contacts.get_attributes(db, contact.id) if contact else {}
    talk = Talk(language=(contact.language if contact else None) or inbound.reads or None)
    said = _heard(services, inbound, talk, contact)
    world = world_of(library_for(services, talk.language or "en"), at, _known(talk, inbound, notes))
    works = said.understood.severity == "escalate_now" or (said.command and said.command.kind in COMMANDS)
    if works or said.stopped or said.twilio_opt or said.talking or inbound.sounds:
        turn = _Turn(*take_turn(world, talk, said), world)
    else:
        guess = said.understood.lang if said.understood.lang_confidence >= SURE else None
        turn = _Turn(Talk(language=talk.language or guess), (Notice("try_later"),), world)
    reply, _ = _keep_and_compose(services, inbound, contact, turn, Saying([], [], at))
    if any(isinstance(effect, Consent) for effect in turn.effects):
        with contextlib.suppress(RedisError):  # away for a moment only: what it remembers is true no more
            services.conversations.discard(services.family(inbound.address))
    with services.database.write() as db:
        handled_while_redis_down.record(db, inbound.sid, at)
    return reply


def _turn(
    services: Services, inbound: Inbound, talk: Talk, contact: Contact | None, notes: dict[str, str], at: datetime
) -> _Turn:
    world = world_of(library_for(services, talk.language or "en"), at, _known(talk, inbound, notes))
    return _Turn(*take_turn(world, talk, _heard(services, inbound, talk, contact)), world)


def _known(talk: Talk, inbound: Inbound, notes: dict[str, str]) -> dict[str, str]:
    language = {"language": talk.language} if talk.language else {}
    return {**notes, **language, "channel": inbound.channel}


def _heard(services: Services, inbound: Inbound, talk: Talk, contact: Contact | None) -> Heard:
    command = match(inbound.text, services.library.phrasebook)
    return Heard(
        text=inbound.text,
        understood=understood(services.library, inbound.text, talk.language),
        command=command,
        payload=inbound.payload,
        kind=inbound.kind,
        twilio_opt=inbound.twilio_opt,
        stopped=opt_out_state.before(services, inbound, contact, command),
        talking=bool(contact and contact.talking_case),
        volunteered=bool(inbound.masked[1] & {"status", "number"}),
    )


def _plain(talk: Talk) -> dict[str, Any]:
    """A talk as plain data; `dataclasses.asdict` would copy it deeply, for every message."""
    return {**vars(talk), "state": vars(talk.state) if talk.state else None}


def _talk(conversation: Conversation, contact: Contact | None, inbound: Inbound) -> Talk:
    """Where the family stands: as the conversation says, with the language from the database where it has none; else
    that of the call, of which nothing may be kept (over the measure)."""
    found = dict(conversation.talk)
    state = found.pop("state", None)
    talk = Talk(**found, state=State(**state) if state else None)
    known = (contact.language if contact else None) or inbound.reads
    if talk.language is None and known:
        return Talk(state=talk.state, language=known, unclear=talk.unclear)
    return talk


def _keep_and_compose(
    services: Services, inbound: Inbound, contact: Contact | None, turn: _Turn, saying: Saying
) -> tuple[str, Kept]:
    """One transaction for everything that lasts, and the reply, which may name the case that it opened.

    None at all for a message that changes nothing and is answered with what this family was told before.
    """
    composer = composer_for(services, turn.talk, turn.world, saying.at, saying.noticed, inbound.text)
    composer.held = lambda: held_about(services, contact.id if contact else None)
    if contact and not saying.answers_us and not any(isinstance(effect, LASTING) for effect in turn.effects):
        kept = Kept(contact.id)
        reply = _compose(services, composer, turn, kept)
        if composer.said - set(saying.told):
            with services.database.write() as db:
                sent_texts.record(db, contact.id, composer.said, saying.told, saying.at)
        return reply, kept
    with services.database.write() as db:
        writer = contact or _somebody_new(services, db, inbound, saying.at)
        if saying.answers_us:
            contacts.set_unanswered_prompts(db, writer.id, 0)
        kept = keep(services, db, _message(writer, inbound, turn, saying), turn.effects)
        reply = _compose(services, composer, turn, kept)
        sent_texts.record(db, writer.id, composer.said, saying.told, saying.at)
    return reply, kept


def _somebody_new(services: Services, db: Connection, inbound: Inbound, at: datetime) -> Contact:
    """Who calls is called back in the language of the call, also where nothing was kept of its choice."""
    new = contacts.add(db, services.database.vault, inbound.address, inbound.channel, at)
    if inbound.reads and new.language is None:
        contacts.set_language(db, new.id, inbound.reads)
        return replace(new, language=inbound.reads)
    return new


def _message(writer: Contact, inbound: Inbound, turn: _Turn, saying: Saying) -> Message:
    turns = tuple((who, text) for who, text in saying.turns)
    language = turn.talk.language or "en"
    about = saying.notes.get(ABOUT_CASE, "")
    case = int(about) if about.isdecimal() else None
    return Message(writer, inbound, language, saying.at, turns, saying.notes.get("school"), writer.talking_case, case)


def _compose(services: Services, composer: Composer, turn: _Turn, kept: Kept) -> str:
    if kept.case or any(isinstance(effect, Escalation) for effect in turn.effects):
        composer.extra = of_case(services.library, kept, composer.at)
    return composer.compose(turn.effects)


def _queue(services: Services, kept: Kept) -> None:
    if kept.erased:
        erasure.finish(services, kept.erased)
    for case in kept.to_alert:
        enqueue(services.redis, "urgent", ALERT_CASE, case)
    for message in kept.to_translate:
        enqueue(services.redis, "default", TRANSLATE, message)
    for note in kept.to_fetch:
        enqueue(services.redis, "default", VOICE_NOTE, note)
