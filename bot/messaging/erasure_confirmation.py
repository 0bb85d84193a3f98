"""Confirm by text an erasure that a caller asks for.

Caller ID can be forged, but a text reaches the person who has the number. So a call erases nothing: Puente texts the
question to the number, and the answer erases. Where no text arrives, a person handles the request.
"""

import secrets
from dataclasses import asdict, replace
from datetime import datetime

from bot.flows.dialog_manager import ERASE_FLOW
from bot.flows.dialog_state import DialogState, FlowContext, Outcome, start_flow
from bot.flows.effects import Effect, Escalation, Notice
from bot.flows.topic_routing import PERSON_FLOW
from bot.messaging.inbound_message import InboundMessage
from bot.messaging.reply_context import build_composer
from bot.messaging.voice_callers import send_text_to_caller
from bot.runtime import Runtime
from bot.store.families import families
from bot.store.families.conversations import Conversation

ERASURE_CASE_SUMMARY = (
    "A caller asks to delete the data of this number: verify the caller, then tell the records officer"
)


def is_unverified_caller(inbound: InboundMessage) -> bool:
    """Say whether only the caller ID shows whose data it is.

    A caller who hides the number has data from this call only.
    """
    return inbound.channel == "voice" and families.extract_number(inbound.address).startswith("+")


def request_confirmation(
    runtime: Runtime, inbound: InboundMessage, state: DialogState, context: FlowContext, now: datetime
) -> Outcome:
    """Return what the caller hears in place of the confirmation. Nothing is erased."""
    if _send_question_by_text(runtime, inbound, state, context, now):
        return replace(state, state=None), (Notice("voice_sent"),)
    next_state, effects = start_flow(context, replace(state, state=None), PERSON_FLOW)
    return next_state, tuple(_set_erasure_summary(effect) for effect in effects)


def _set_erasure_summary(effect: Effect) -> Effect:
    if isinstance(effect, Escalation):
        return replace(effect, about=ERASURE_CASE_SUMMARY)
    return effect


def _send_question_by_text(
    runtime: Runtime, inbound: InboundMessage, state: DialogState, context: FlowContext, now: datetime
) -> bool:
    """Text the question, and let the text conversation wait for the answer. Return False if that fails.

    The question doesn't replace another question that waits there, because that may belong to an emergency.
    """
    number = families.extract_number(inbound.address)
    if _has_bad_number(runtime, number):
        return False
    family_hash, owner = runtime.compute_lookup_hash(number), secrets.token_hex(8)
    conversation = runtime.conversations.lock_for_outgoing(family_hash, owner)
    try:
        if conversation is None or conversation.talk.get("state"):
            return False
        body, updated_conversation = _build_question(runtime, conversation, state, context, now)
        if not send_text_to_caller(runtime, number, body, inbound.sid[-32:]):
            return False
        return runtime.conversations.save_outgoing(family_hash, owner, updated_conversation)
    finally:
        runtime.conversations.release(family_hash, owner)


def _has_bad_number(runtime: Runtime, number: str) -> bool:
    with runtime.database.read() as db:
        family_id = families.find(db, number)
        return family_id is not None and families.get(db, family_id).bad_number is not None


def _build_question(
    runtime: Runtime, conversation: Conversation, state: DialogState, context: FlowContext, now: datetime
) -> tuple[str, Conversation]:
    question_state, effects = start_flow(context, DialogState(language=state.language or "en"), ERASE_FLOW)
    updated_conversation = replace(conversation, talk=asdict(question_state), noticed=list(conversation.noticed))
    composer = build_composer(runtime, question_state, context, now, updated_conversation.noticed)
    return composer.compose(effects), updated_conversation
