"""Erasing that is asked for in a call is confirmed on the phone itself.

Anybody can ring under a number that is not theirs; a text goes to who has it.  So nothing is erased in a call: the same
question is texted to the number, and the answer to that erases.  Where no text arrives, a person sees to it.
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
    "A caller asks to delete the data of this number: make sure who it is, then tell the records officer"
)


def is_unverified_caller(inbound: InboundMessage) -> bool:
    """Whether nothing but the number that a call shows says whose data it is.

    Who hides the number has told nothing but in this very call.
    """
    return inbound.channel == "voice" and families.extract_number(inbound.address).startswith("+")


def request_confirmation(
    runtime: Runtime, inbound: InboundMessage, state: DialogState, context: FlowContext, now: datetime
) -> Outcome:
    """What the caller hears, where `erased` would have been said; nothing is erased."""
    if _send_question_by_text(runtime, inbound, state, context, now):
        return replace(state, state=None), (Notice("voice_sent"),)
    next_state, effects = start_flow(context, replace(state, state=None), PERSON_FLOW)
    return next_state, tuple(_set_erasure_summary(effect) for effect in effects)


def _set_erasure_summary(effect: Effect) -> Effect:
    return replace(effect, about=ERASURE_CASE_SUMMARY) if isinstance(effect, Escalation) else effect


def _send_question_by_text(
    runtime: Runtime, inbound: InboundMessage, state: DialogState, context: FlowContext, now: datetime
) -> bool:
    """Whether the question is on its way as a text, and the text conversation waits for the answer.

    It does not take the place of another question there: that may be an emergency's.
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
        return send_text_to_caller(runtime, number, body, inbound.sid[-32:]) and runtime.conversations.save_outgoing(
            family_hash, owner, updated_conversation
        )
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
    return build_composer(runtime, question_state, context, now, updated_conversation.noticed).compose(
        effects
    ), updated_conversation
