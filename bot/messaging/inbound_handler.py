"""Answer a family's message, from the webhook to the reply.

Claim the message and lock the family (Redis), understand it, take the dialog turn, write all lasting effects in one
transaction, save the conversation with the reply, and only then queue the jobs.
"""

import contextlib
import logging
import secrets
import time
from dataclasses import replace
from datetime import datetime

from redis import RedisError
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from bot.base import metrics
from bot.base.database import now
from bot.base.queues import ALERT_CASE_JOB, PROCESS_VOICE_NOTE_JOB, TRANSLATE_MESSAGE_JOB, enqueue
from bot.content.texts import TextId
from bot.flows.commands import Command
from bot.flows.dialog_manager import take_turn
from bot.flows.dialog_state import DialogState
from bot.flows.effects import ChangeConsent, Notice
from bot.flows.rate_limit_exempt import EXEMPT_COMMANDS, is_exempt_from_rate_limit
from bot.messaging import erasure
from bot.messaging.inbound_context import InboundContext, build_inbound_context
from bot.messaging.inbound_message import InboundMessage
from bot.messaging.inbound_turn import PlannedTurn, ReplyState, persist_and_compose, run_turn
from bot.messaging.message_context import TurnResult
from bot.messaging.reply_context import build_composer
from bot.runtime import Runtime
from bot.store.families import flow_stats
from bot.store.families.conversations import AcquireResult, Conversation
from bot.store.families.rate_limits import RateLimitResult, get_message_rate_limit
from bot.store.operations import handled_while_redis_down

LOCK_WAIT_SECONDS, LOCK_POLL_SECONDS = 10, 0.03
"""How long a message waits for the one before it. With the lock's own time it stays below Twilio's 15 seconds."""
RATE_LIMIT_TEXT_IDS: dict[RateLimitResult, TextId | None] = {"tell": "too_many", "silent": None, "crowd": "many_write"}
"""The reply to a phone that is over its rate limit (`store/families/rate_limits`)."""

log = logging.getLogger(__name__)


class ServiceUnavailableError(Exception):
    """The message cannot be handled now. Nothing of it is stored, so Twilio delivers it again or falls back."""


def receive_message(runtime: Runtime, message: InboundMessage, command: Command | None) -> str:
    """Return the reply to a family's message, or "" for none. A retried message gets the same reply.

    Raises:
        ServiceUnavailableError: The database is away, or another message of this family takes too long.
    """
    current_time = now()
    try:
        try:
            return _receive_with_redis(runtime, message, command, current_time)
        except RedisError as error:
            metrics.STORE_ERRORS.labels("redis").inc()
            log.warning("redis away, answering from the database: message=%s %s", message.sid, type(error).__name__)
            return _receive_without_redis(runtime, message, command, current_time)
    except SQLAlchemyError as error:
        metrics.STORE_ERRORS.labels("database").inc()
        log.error("database away: message=%s %s", message.sid, type(error).__name__)
        raise ServiceUnavailableError from None


def _receive_with_redis(
    runtime: Runtime, message: InboundMessage, command: Command | None, current_time: datetime
) -> str:
    family_hash, owner = runtime.compute_lookup_hash(message.address), secrets.token_hex(8)
    entry = _acquire_conversation(runtime, message, family_hash, owner)
    if entry.outcome == "seen":
        return entry.reply
    try:
        reply, conversation, result = _answer_entry(runtime, message, command, entry, current_time)
    except BaseException:
        runtime.conversations.release(family_hash, owner)
        raise
    steps = _get_flow_step(entry.conversation), _get_flow_step(conversation)
    counts = flow_stats.build_key(current_time), flow_stats.list_counter_fields(*steps)
    if not runtime.conversations.save_and_release(family_hash, message.sid, owner, conversation, reply, counts):
        log.warning("lock lost before the end: message=%s", message.sid)
        raise ServiceUnavailableError
    if result:
        _enqueue_jobs(runtime, result)
    elif entry.rate_status == "crowd":
        runtime.conversations.discard(family_hash)  # otherwise the next message would not count as a stranger's
    return reply


def _get_flow_step(conversation: Conversation) -> flow_stats.FlowStepId | None:
    """Return the question that waits for the family's answer."""
    state = conversation.talk.get("state")
    return (state["flow"], state["step"]) if state and state["step"] else None


def _acquire_conversation(runtime: Runtime, message: InboundMessage, family_hash: str, owner: str) -> AcquireResult:
    """Wait until no other message of this family is being handled."""
    rate_limit, deadline = get_message_rate_limit(message.address), time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        entry = runtime.conversations.acquire(family_hash, message.sid, owner, rate_limit)
        if entry.outcome != "busy":
            return entry
        if time.monotonic() > deadline:
            raise ServiceUnavailableError
        time.sleep(LOCK_POLL_SECONDS)


def _answer_entry(
    runtime: Runtime, message: InboundMessage, command: Command | None, entry: AcquireResult, current_time: datetime
) -> tuple[str, Conversation, TurnResult | None]:
    context = build_inbound_context(runtime, message, command, current_time, entry.conversation, entry.active_case_id)
    _repair_active_case(context, entry.active_case_id)
    if entry.rate_status != "free":
        refusal = _build_rate_limit_reply(context, entry.rate_status)
        if refusal is not None:
            return refusal, entry.conversation, None
    try:
        return run_turn(context)
    except IntegrityError:
        # The contact that the conversation or the database knew was erased meanwhile: the sender is new.
        return run_turn(build_inbound_context(runtime, message, command, current_time, Conversation(), None))


def _repair_active_case(context: InboundContext, active_case_id: int | None) -> None:
    """Set in Redis what the database says about staff who write with this family.

    Redis differs after an erasure at that very moment, or after it was emptied. Then nobody would ever answer here
    again, or staff would miss the next message.
    """
    stored_case_id = context.contact.active_case_id if context.contact else None
    if (stored_case_id is None) != (active_case_id is None):
        family_hash = context.runtime.compute_lookup_hash(context.message.address)
        context.runtime.conversations.set_active_case(family_hash, stored_case_id)


def _build_rate_limit_reply(context: InboundContext, rate_status: RateLimitResult) -> str | None:
    """Return the reply to a phone over its limit (once; then ""), or None for a message that is answered anyway.

    Nothing of the message is done or kept, not even its sender.
    """
    if rate_status == "crowd" and context.contact:
        return None  # a known family is no stranger
    state, parsed = context.state, context.parsed
    if is_exempt_from_rate_limit(context.flow_context, state, parsed) or parsed.is_opted_out:
        return None  # an opted-out family gets no text anyway
    log.warning("over the rate limit: message=%s pace=%s", context.message.sid, rate_status)
    text_id = RATE_LIMIT_TEXT_IDS[rate_status]
    reply_language = replace(state, language=state.language or context.guessed_language)
    composer = build_composer(context.runtime, reply_language, context.flow_context, context.now, [])
    return composer.compose((Notice(text_id),) if text_id else ())


def _receive_without_redis(
    runtime: Runtime, message: InboundMessage, command: Command | None, current_time: datetime
) -> str:
    """Answer without Redis: emergencies, a person, STOP, and START work. Everything else gets "try later"."""
    context = build_inbound_context(runtime, message, command, current_time, Conversation(), None)
    if _can_answer_without_redis(context):
        turn = PlannedTurn(*take_turn(context.flow_context, context.state, context.parsed), context.flow_context)
    else:
        state = DialogState(language=context.state.language or context.guessed_language)
        turn = PlannedTurn(state, (Notice("try_later"),), context.flow_context)
    reply, _ = persist_and_compose(context, turn, ReplyState())
    if any(isinstance(effect, ChangeConsent) for effect in turn.effects):
        with contextlib.suppress(RedisError):  # Redis may be back; what it remembers is no longer true
            runtime.conversations.discard(runtime.compute_lookup_hash(message.address))
    with runtime.database.write() as db:
        handled_while_redis_down.record(db, message.sid, current_time)
    return reply


def _can_answer_without_redis(context: InboundContext) -> bool:
    parsed, message = context.parsed, context.message
    is_emergency = parsed.understanding.page != "no"
    is_exempt_command = bool(parsed.command and parsed.command.kind in EXEMPT_COMMANDS)
    is_opt_out = parsed.is_opted_out or bool(parsed.twilio_opt)
    return is_emergency or is_exempt_command or is_opt_out or parsed.is_talking_to_staff or bool(message.audio_files)


def _enqueue_jobs(runtime: Runtime, result: TurnResult) -> None:
    if result.erasure_result:
        erasure.finish_erasure(runtime, result.erasure_result)
    for case_id in result.case_ids_to_alert:
        enqueue(runtime.redis, "urgent", ALERT_CASE_JOB, case_id)
    for message_id in result.message_ids_to_translate:
        enqueue(runtime.redis, "default", TRANSLATE_MESSAGE_JOB, message_id)
    for voice_note_id in result.voice_note_ids_to_fetch:
        enqueue(runtime.redis, "default", PROCESS_VOICE_NOTE_JOB, voice_note_id)
