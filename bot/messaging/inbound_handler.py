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
from bot.base.queues import ALERT_CASE_JOB, PROCESS_VOICE_NOTE_JOB, TRANSLATE_MESSAGE_JOB, enqueue
from bot.content.texts import TextId
from bot.flows.commands import match_command
from bot.flows.dialog_manager import take_turn
from bot.flows.dialog_state import DialogState, FlowContext, ParsedMessage
from bot.flows.effects import ChangeConsent, Effect, EraseFamily, Escalation, FindPartners, Notice, SetAttribute
from bot.flows.engine import FlowState
from bot.flows.rate_limit_exempt import EXEMPT_COMMANDS, is_exempt_from_rate_limit
from bot.messaging import erasure, erasure_confirmation, opt_out_state, recorded_replies
from bot.messaging.catalog_drafts import get_localized_library
from bot.messaging.effect_handlers import (
    ASKED_CASE_ATTRIBUTE,
    PERSISTED_EFFECTS,
    MessageContext,
    TurnResult,
    persist_effects,
)
from bot.messaging.inbound_message import InboundMessage
from bot.messaging.reply_composer import ReplyComposer
from bot.messaging.reply_context import (
    build_case_values,
    build_composer,
    build_flow_context,
    find_data_summary,
    understand_text,
)
from bot.runtime import Runtime
from bot.store.families import contacts, flow_stats, sent_texts
from bot.store.families.contacts import Contact
from bot.store.families.conversations import AcquireResult, Conversation
from bot.store.families.rate_limits import RateLimitResult, get_message_rate_limit
from bot.store.operations import handled_while_redis_down

MAX_TURNS, MAX_TURN_CHARACTERS = 6, 300
"""So much of a conversation is kept for the day, for the person who takes over."""
WAIT_SECONDS = 10
"""How long a message waits for the one before it; with LOCK_MS it stays below Twilio's 15 s."""
MIN_LANGUAGE_CONFIDENCE = 0.8
"""From here on a guessed language is answered in."""
RATE_LIMIT_TEXT_IDS: dict[RateLimitResult, TextId | None] = {"tell": "too_many", "silent": None, "crowd": "many_write"}
"""What is said to whom it was too much (`store/families/rate_limits`)."""

log = logging.getLogger(__name__)


class ServiceUnavailableError(Exception):
    """The message cannot be handled now and nothing of it was kept half: Twilio is to try again or elsewhere."""


@dataclass
class ReplyState:
    """What this conversation has said before (notices, texts), to which the reply adds; and when it is said."""

    shown_notices: list[str]
    sent_text_keys: list[str]
    current_time: datetime
    turns: list[list[str]] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    is_answer_to_prompt: bool = False
    """The family writes after a question that we asked unasked: it does answer."""


@dataclass(frozen=True)
class _PlannedTurn:
    """What one message led to, before anything of it is kept, and in which world."""

    state: DialogState
    effects: tuple[Effect, ...]
    context: FlowContext


def receive_message(runtime: Runtime, inbound: InboundMessage) -> str:
    """The reply to a message (empty: nothing is to be said); the same reply again for a repeat of it.

    Raises `Unavailable` if the database is away, or another message of this family takes too long.
    """
    current_time = now()
    try:
        try:
            return _receive_with_redis(runtime, inbound, current_time)
        except RedisError as error:
            metrics.STORE_ERRORS.labels("redis").inc()
            log.warning("redis away, answering from the database: message=%s %s", inbound.sid, type(error).__name__)
            return _receive_without_redis(runtime, inbound, current_time)
    except SQLAlchemyError as error:
        metrics.STORE_ERRORS.labels("database").inc()
        log.error("database away: message=%s %s", inbound.sid, type(error).__name__)
        raise ServiceUnavailableError from None


def _receive_with_redis(runtime: Runtime, inbound: InboundMessage, current_time: datetime) -> str:
    family_hash, owner = runtime.compute_lookup_hash(inbound.address), secrets.token_hex(8)
    entry = _acquire_conversation(runtime, inbound, family_hash, owner)
    if entry.outcome == "seen":
        return entry.reply
    try:
        rate_limit_reply = (
            _build_rate_limit_reply(runtime, inbound, entry, current_time) if entry.rate_status != "free" else None
        )
        reply, conversation, result = (
            _handle_with_retry(runtime, inbound, entry, current_time) if rate_limit_reply is None else rate_limit_reply
        )
    except BaseException:
        runtime.conversations.release(family_hash, owner)
        raise
    counts = (
        flow_stats.build_key(current_time),
        flow_stats.list_counter_fields(_get_flow_step(entry.conversation), _get_flow_step(conversation)),
    )
    if not runtime.conversations.save_and_release(family_hash, inbound.sid, owner, conversation, reply, counts):
        log.warning("lock lost before the end: message=%s", inbound.sid)
        raise ServiceUnavailableError
    if result:
        _enqueue_jobs(runtime, result)
    elif entry.rate_status == "crowd":
        runtime.conversations.discard(family_hash)  # or the next message would not count as a stranger's
    return reply


def _get_flow_step(conversation: Conversation) -> flow_stats.FlowStepId | None:
    """The question before which a family stands."""
    state = conversation.talk.get("state")
    return (state["flow"], state["step"]) if state and state["step"] else None


def _acquire_conversation(runtime: Runtime, inbound: InboundMessage, family_hash: str, owner: str) -> AcquireResult:
    """Wait until no other message of this family is being handled."""
    sid, rate_limit = inbound.sid, get_message_rate_limit(inbound.address)
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        entry = runtime.conversations.acquire(family_hash, sid, owner, rate_limit)
        if entry.outcome != "busy":
            return entry
        if time.monotonic() > deadline:
            raise ServiceUnavailableError
        time.sleep(0.03)


def _handle_with_retry(
    runtime: Runtime, inbound: InboundMessage, entry: AcquireResult, current_time: datetime
) -> tuple[str, Conversation, TurnResult]:
    try:
        return _handle_message(runtime, inbound, entry, current_time)
    except IntegrityError:
        # The contact that the conversation or the database knew was erased meanwhile: who writes is somebody new.
        return _handle_message(
            runtime, inbound, replace(entry, conversation=Conversation(), active_case_id=None), current_time
        )


def _handle_message(
    runtime: Runtime, inbound: InboundMessage, entry: AcquireResult, current_time: datetime
) -> tuple[str, Conversation, TurnResult]:
    conversation = entry.conversation
    contact = _find_contact(runtime, inbound, conversation, current_time, entry.active_case_id)
    if contact is None and (earlier_reply := erasure.find_confirmation(runtime, inbound.sid, current_time)):
        return earlier_reply, Conversation(), TurnResult(0)
    attributes = _load_attributes(runtime, conversation, contact)
    turn = _plan_turn(runtime, inbound, _load_state(conversation, contact, inbound), contact, attributes, current_time)
    if EraseFamily() in turn.effects and erasure_confirmation.is_unverified_caller(inbound):
        outcome = erasure_confirmation.request_confirmation(runtime, inbound, turn.state, turn.context, current_time)
        turn = _PlannedTurn(*outcome, turn.context)
    shown_notices, sent_text_keys = list(conversation.noticed), list(conversation.told)
    is_answer_to_prompt = conversation.asked or bool(contact and contact.unanswered)
    reply_state = ReplyState(
        shown_notices, sent_text_keys, current_time, conversation.turns, attributes, is_answer_to_prompt
    )
    if EraseFamily() in turn.effects:
        erasure_result = erasure.erase_by_text(runtime, contact, turn.state.language or "en", inbound, current_time)
        return erasure_result.reply, Conversation(), TurnResult(0, erasure_result=erasure_result)
    reply, result = _persist_and_compose(runtime, inbound, contact, turn, reply_state)
    has_stopped = opt_out_state.is_opted_out_after_turn(runtime, contact, turn.effects, is_repeat=result.is_repeat)
    attributes |= {effect.name: effect.value for effect in turn.effects if isinstance(effect, SetAttribute)}
    turns = _append_turns(
        conversation.turns, "" if _is_location_answer(turn.effects) else inbound.masking_result[0], reply
    )
    is_speaking = recorded_replies.is_speaking(conversation.spoke, inbound)
    if is_speaking:
        reply = recorded_replies.add_recording(
            runtime, inbound, reply, turn.state.language, shown_notices, current_time
        )
    updated_conversation = Conversation(
        _serialize_state(turn.state),
        shown_notices,
        result.contact_id,
        has_stopped,
        attributes,
        sent_text_keys,
        turns,
        spoke=is_speaking,
    )
    return reply, updated_conversation, result


def _build_rate_limit_reply(
    runtime: Runtime, inbound: InboundMessage, entry: AcquireResult, current_time: datetime
) -> tuple[str, Conversation, None] | None:
    """The sentence (once; then nothing) for a phone that is over its rate limit; None for what is heard all the same.

    Nothing of the message is done or kept, not even who sent it.
    """
    contact = _find_contact(runtime, inbound, entry.conversation, current_time, entry.active_case_id)
    if entry.rate_status == "crowd" and contact:
        return None  # whom we know is no stranger
    state = _load_state(entry.conversation, contact, inbound)
    context = build_flow_context(
        get_localized_library(runtime, state.language or "en"), current_time, _build_known_values(state, inbound, {})
    )
    parsed = _parse_message(runtime, inbound, state, contact)
    if is_exempt_from_rate_limit(context, state, parsed) or parsed.is_opted_out:
        return None  # who stopped is told nothing anyway
    log.warning("over the rate limit: message=%s pace=%s", inbound.sid, entry.rate_status)
    text_id = RATE_LIMIT_TEXT_IDS[entry.rate_status]
    guessed_language = (
        parsed.understanding.lang if parsed.understanding.lang_confidence >= MIN_LANGUAGE_CONFIDENCE else None
    )
    composer = build_composer(
        runtime, replace(state, language=state.language or guessed_language), context, current_time, []
    )
    return composer.compose((Notice(text_id),) if text_id else ()), entry.conversation, None


def _is_location_answer(effects: tuple[Effect, ...]) -> bool:
    """Whether the message was the town or ZIP code of a family that looks for help: nobody keeps it."""
    return any(isinstance(effect, FindPartners) and effect.near for effect in effects)


def _append_turns(earlier_turns: list[list[str]], masked_text: str, reply: str) -> list[list[str]]:
    """The last turns, masked and cut: enough for the person who takes over to see what it is about."""
    new_turns = [["family", masked_text.strip()], ["helper", reply]]
    return [[author, text[:MAX_TURN_CHARACTERS]] for author, text in [*earlier_turns, *new_turns] if text][-MAX_TURNS:]


def _load_attributes(runtime: Runtime, conversation: Conversation, contact: Contact | None) -> dict[str, str]:
    """What flows wrote down of who writes: as the conversation remembers it, else from the database."""
    if conversation.contact is not None or contact is None:
        return dict(conversation.notes)
    with runtime.database.read() as db:
        return contacts.get_attributes(db, contact.id)


def _find_contact(
    runtime: Runtime,
    inbound: InboundMessage,
    conversation: Conversation,
    current_time: datetime,
    active_case_id: int | None,
) -> Contact | None:
    """Who writes: as the conversation remembers it, else from the database; so while a person talks with the family."""
    if conversation.contact is not None and active_case_id is None:
        language = conversation.talk.get("language")
        opted_out_at = (
            current_time if conversation.stopped and opt_out_state.is_opted_out(runtime, conversation.contact) else None
        )
        return Contact(conversation.contact, inbound.address, inbound.channel, language, opted_out_at)
    with runtime.database.read() as db:
        contact = contacts.find(db, runtime.database.vault, inbound.address)
    stored_case_id = contact.talking_case if contact else None
    if (stored_case_id is None) != (active_case_id is None):
        # Said to Redis at the very moment when the family was erased: nobody would ever answer here again.  Or Redis
        # has lost it (emptied, or its keys hashed anew): the person would miss what the family writes next.
        runtime.conversations.set_active_case(runtime.compute_lookup_hash(inbound.address), stored_case_id)
    return contact


def _receive_without_redis(runtime: Runtime, inbound: InboundMessage, current_time: datetime) -> str:
    """Redis away: emergencies, a person, stop and start still work; for the rest we say to come back soon."""
    with runtime.database.read() as db:
        contact = contacts.find(db, runtime.database.vault, inbound.address)
        attributes = contacts.get_attributes(db, contact.id) if contact else {}
    state = DialogState(language=(contact.language if contact else None) or inbound.call_language or None)
    parsed = _parse_message(runtime, inbound, state, contact)
    context = build_flow_context(
        get_localized_library(runtime, state.language or "en"),
        current_time,
        _build_known_values(state, inbound, attributes),
    )
    can_answer = parsed.understanding.severity == "escalate_now" or (
        parsed.command and parsed.command.kind in EXEMPT_COMMANDS
    )
    if can_answer or parsed.is_opted_out or parsed.twilio_opt or parsed.is_talking_to_staff or inbound.audio_files:
        turn = _PlannedTurn(*take_turn(context, state, parsed), context)
    else:
        guessed_language = (
            parsed.understanding.lang if parsed.understanding.lang_confidence >= MIN_LANGUAGE_CONFIDENCE else None
        )
        turn = _PlannedTurn(DialogState(language=state.language or guessed_language), (Notice("try_later"),), context)
    reply, _ = _persist_and_compose(runtime, inbound, contact, turn, ReplyState([], [], current_time))
    if any(isinstance(effect, ChangeConsent) for effect in turn.effects):
        with contextlib.suppress(RedisError):  # away for a moment only: what it remembers is true no more
            runtime.conversations.discard(runtime.compute_lookup_hash(inbound.address))
    with runtime.database.write() as db:
        handled_while_redis_down.record(db, inbound.sid, current_time)
    return reply


def _plan_turn(
    runtime: Runtime,
    inbound: InboundMessage,
    state: DialogState,
    contact: Contact | None,
    attributes: dict[str, str],
    current_time: datetime,
) -> _PlannedTurn:
    context = build_flow_context(
        get_localized_library(runtime, state.language or "en"),
        current_time,
        _build_known_values(state, inbound, attributes),
    )
    return _PlannedTurn(*take_turn(context, state, _parse_message(runtime, inbound, state, contact)), context)


def _build_known_values(state: DialogState, inbound: InboundMessage, attributes: dict[str, str]) -> dict[str, str]:
    language = {"language": state.language} if state.language else {}
    return {**attributes, **language, "channel": inbound.channel}


def _parse_message(
    runtime: Runtime, inbound: InboundMessage, state: DialogState, contact: Contact | None
) -> ParsedMessage:
    command = match_command(inbound.text, runtime.library.phrasebook)
    return ParsedMessage(
        text=inbound.text,
        understanding=understand_text(runtime.library, inbound.text, state.language),
        command=command,
        payload=inbound.payload,
        kind=inbound.kind,
        twilio_opt=inbound.twilio_opt,
        is_opted_out=opt_out_state.was_opted_out(runtime, inbound, contact, command),
        is_talking_to_staff=bool(contact and contact.talking_case),
        has_unneeded_pii=bool(inbound.masking_result[1] & {"status", "number"}),
    )


def _serialize_state(state: DialogState) -> dict[str, Any]:
    """A talk as plain data; `dataclasses.asdict` would copy it deeply, for every message."""
    return {**vars(state), "state": vars(state.state) if state.state else None}


def _load_state(conversation: Conversation, contact: Contact | None, inbound: InboundMessage) -> DialogState:
    """Where the family stands: as the conversation says, with the language from the database where it has none; else
    that of the call, of which nothing may be kept (over the rate limit)."""
    stored_state = dict(conversation.talk)
    flow_state = stored_state.pop("state", None)
    state = DialogState(**stored_state, state=FlowState(**flow_state) if flow_state else None)
    language = (contact.language if contact else None) or inbound.call_language
    if state.language is None and language:
        return DialogState(state=state.state, language=language, unclear=state.unclear)
    return state


def _persist_and_compose(
    runtime: Runtime, inbound: InboundMessage, contact: Contact | None, turn: _PlannedTurn, reply_state: ReplyState
) -> tuple[str, TurnResult]:
    """One transaction for everything that lasts, and the reply, which may name the case that it opened.

    None at all for a message that changes nothing and is answered with what this family was told before.
    """
    composer = build_composer(
        runtime, turn.state, turn.context, reply_state.current_time, reply_state.shown_notices, inbound.text
    )
    composer.load_data_summary = lambda: find_data_summary(runtime, contact.id if contact else None)
    if (
        contact
        and not reply_state.is_answer_to_prompt
        and not any(isinstance(effect, PERSISTED_EFFECTS) for effect in turn.effects)
    ):
        result = TurnResult(contact.id)
        reply = _compose_reply(runtime, composer, turn, result)
        if composer.sent_text_keys - set(reply_state.sent_text_keys):
            with runtime.database.write() as db:
                sent_texts.record(
                    db, contact.id, composer.sent_text_keys, reply_state.sent_text_keys, reply_state.current_time
                )
        return reply, result
    with runtime.database.write() as db:
        sender = contact or _add_contact(runtime, db, inbound, reply_state.current_time)
        if reply_state.is_answer_to_prompt:
            contacts.set_unanswered_prompts(db, sender.id, 0)
        result = persist_effects(runtime, db, _build_message_context(sender, inbound, turn, reply_state), turn.effects)
        reply = _compose_reply(runtime, composer, turn, result)
        sent_texts.record(db, sender.id, composer.sent_text_keys, reply_state.sent_text_keys, reply_state.current_time)
    return reply, result


def _add_contact(runtime: Runtime, db: Connection, inbound: InboundMessage, current_time: datetime) -> Contact:
    """Who calls is called back in the language of the call, also where nothing was kept of its choice."""
    new_contact = contacts.add(db, runtime.database.vault, inbound.address, inbound.channel, current_time)
    if inbound.call_language and new_contact.language is None:
        contacts.set_language(db, new_contact.id, inbound.call_language)
        return replace(new_contact, language=inbound.call_language)
    return new_contact


def _build_message_context(
    sender: Contact, inbound: InboundMessage, turn: _PlannedTurn, reply_state: ReplyState
) -> MessageContext:
    turns = tuple((author, text) for author, text in reply_state.turns)
    language = turn.state.language or "en"
    asked_case = reply_state.attributes.get(ASKED_CASE_ATTRIBUTE, "")
    asked_case_id = int(asked_case) if asked_case.isdecimal() else None
    return MessageContext(
        sender,
        inbound,
        language,
        reply_state.current_time,
        turns,
        reply_state.attributes.get("school"),
        sender.talking_case,
        asked_case_id,
    )


def _compose_reply(runtime: Runtime, composer: ReplyComposer, turn: _PlannedTurn, result: TurnResult) -> str:
    if result.case_id or any(isinstance(effect, Escalation) for effect in turn.effects):
        composer.extra_values = build_case_values(runtime.library, result, composer.now)
    return composer.compose(turn.effects)


def _enqueue_jobs(runtime: Runtime, result: TurnResult) -> None:
    if result.erasure_result:
        erasure.finish_erasure(runtime, result.erasure_result)
    for case_id in result.case_ids_to_alert:
        enqueue(runtime.redis, "urgent", ALERT_CASE_JOB, case_id)
    for message_id in result.message_ids_to_translate:
        enqueue(runtime.redis, "default", TRANSLATE_MESSAGE_JOB, message_id)
    for voice_note_id in result.voice_note_ids_to_fetch:
        enqueue(runtime.redis, "default", PROCESS_VOICE_NOTE_JOB, voice_note_id)
