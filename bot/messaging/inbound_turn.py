"""Take one dialog turn: plan it, write its lasting effects in one transaction, and compose the reply."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.base.database import Transaction
from bot.flows.dialog_manager import take_turn
from bot.flows.dialog_state import DialogState, FlowContext
from bot.flows.effects import Effect, EraseFamily, Escalation, FindPartners, SetAttribute
from bot.messaging import erasure, erasure_confirmation, opt_out_state, recorded_replies
from bot.messaging.effect_handlers import ASKED_CASE_ATTRIBUTE, PERSISTED_EFFECTS, persist_effects
from bot.messaging.inbound_context import InboundContext, serialize_state
from bot.messaging.inbound_message import InboundMessage
from bot.messaging.message_context import MessageContext, TurnResult
from bot.messaging.reply_composer import ReplyComposer
from bot.messaging.reply_context import build_case_values, build_composer, find_data_summary
from bot.runtime import Runtime
from bot.store.families import contacts, sent_texts
from bot.store.families.contacts import Contact
from bot.store.families.conversations import Conversation

MAX_TURNS, MAX_TURN_CHARACTERS = 6, 300
"""So much of a conversation is kept for a day, for the person who takes over."""


@dataclass
class ReplyState:
    """What this conversation was sent before (notices, texts), to which the reply adds."""

    shown_notices: list[str] = field(default_factory=list)
    sent_text_keys: list[str] = field(default_factory=list)
    is_answer_to_prompt: bool = False
    """Whether the family writes after a question that we sent unasked."""


@dataclass(frozen=True)
class PlannedTurn:
    """What one message leads to, before anything of it is stored."""

    state: DialogState
    effects: tuple[Effect, ...]
    flow_context: FlowContext

    @property
    def is_erasure(self) -> bool:
        """Whether the family has its data deleted."""
        return EraseFamily() in self.effects


def run_turn(context: InboundContext) -> tuple[str, Conversation, TurnResult]:
    """Return the reply, the conversation to keep, and what the transaction did."""
    runtime, message, contact, now = context.runtime, context.message, context.contact, context.now
    if contact is None and (earlier_reply := erasure.find_confirmation(runtime, message.sid, now)):
        return earlier_reply, Conversation(), TurnResult(0)
    turn = _plan_turn(context)
    if turn.is_erasure:
        result = erasure.erase_by_text(runtime, contact, turn.state.language or "en", message, now)
        return result.reply, Conversation(), TurnResult(0, erasure_result=result)
    conversation = context.conversation
    is_answer = conversation.asked or bool(contact and contact.unanswered_prompts)
    reply_state = ReplyState(list(conversation.noticed), list(conversation.told), is_answer)
    reply, turn_result = persist_and_compose(context, turn, reply_state)
    updated = _update_conversation(context, turn, reply_state, reply, turn_result)
    if updated.spoke:
        language, notices = turn.state.language, reply_state.shown_notices
        reply = recorded_replies.add_recording(runtime, message, reply, language, notices, now)
    return reply, updated, turn_result


def persist_and_compose(context: InboundContext, turn: PlannedTurn, reply_state: ReplyState) -> tuple[str, TurnResult]:
    """Write everything that lasts in one transaction, and compose the reply, which may name the case that it opens.

    A message that changes nothing, and is answered with texts this family has seen, needs no transaction.
    """
    runtime, contact = context.runtime, context.contact
    composer = build_composer(
        runtime, turn.state, turn.flow_context, context.now, reply_state.shown_notices, context.message.text
    )
    composer.load_data_summary = lambda: find_data_summary(runtime, contact.id if contact else None)
    if contact and not _has_lasting_effect(turn, reply_state):
        return _compose_unchanged(context, turn, reply_state, composer, contact)
    with runtime.database.write() as db:
        sender = contact or _add_contact(db, context.message, context.now)
        if reply_state.is_answer_to_prompt:
            contacts.set_unanswered_prompts(db, sender.id, 0)
        result = persist_effects(runtime, db, _build_message_context(context, sender, turn), turn.effects)
        reply = _compose_reply(runtime, composer, turn, result)
        sent_texts.record(db, sender.id, composer.sent_text_keys, reply_state.sent_text_keys, context.now)
    return reply, result


def is_speaking(was_speaking: bool, message: InboundMessage) -> bool:
    """Say whether this family sends voice notes rather than texts, as far as its conversation of the day shows.

    A voice note says yes, and a text with words says no. A number or a button says nothing.
    """
    if message.audio_files:
        return True
    has_words = message.payload is None and any(letter.isalpha() for letter in message.text)
    return was_speaking and not has_words


def _plan_turn(context: InboundContext) -> PlannedTurn:
    turn = PlannedTurn(*take_turn(context.flow_context, context.state, context.parsed), context.flow_context)
    if turn.is_erasure and erasure_confirmation.is_unverified_caller(context.message):
        outcome = erasure_confirmation.request_confirmation(
            context.runtime, context.message, turn.state, turn.flow_context, context.now
        )
        return PlannedTurn(*outcome, turn.flow_context)
    return turn


def _has_lasting_effect(turn: PlannedTurn, reply_state: ReplyState) -> bool:
    return reply_state.is_answer_to_prompt or any(isinstance(effect, PERSISTED_EFFECTS) for effect in turn.effects)


def _compose_unchanged(
    context: InboundContext, turn: PlannedTurn, reply_state: ReplyState, composer: ReplyComposer, contact: Contact
) -> tuple[str, TurnResult]:
    result = TurnResult(contact.id)
    reply = _compose_reply(context.runtime, composer, turn, result)
    if composer.sent_text_keys - set(reply_state.sent_text_keys):
        with context.runtime.database.write() as db:
            sent_texts.record(db, contact.id, composer.sent_text_keys, reply_state.sent_text_keys, context.now)
    return reply, result


def _compose_reply(runtime: Runtime, composer: ReplyComposer, turn: PlannedTurn, result: TurnResult) -> str:
    if result.case_id or any(isinstance(effect, Escalation) for effect in turn.effects):
        composer.extra_values = build_case_values(runtime.library, result, composer.now)
    return composer.compose(turn.effects)


def _update_conversation(
    context: InboundContext, turn: PlannedTurn, reply_state: ReplyState, reply: str, result: TurnResult
) -> Conversation:
    message, earlier = context.message, context.conversation
    saved = {effect.name: effect.value for effect in turn.effects if isinstance(effect, SetAttribute)}
    masked_text = "" if _is_location_answer(turn.effects) else message.masking_result[0]
    return Conversation(
        serialize_state(turn.state),
        reply_state.shown_notices,
        result.contact_id,
        opt_out_state.is_opted_out_after_turn(context.runtime, context.contact, turn.effects, result.is_repeat),
        context.attributes | saved,
        reply_state.sent_text_keys,
        _append_turns(earlier.turns, masked_text, reply),
        spoke=is_speaking(earlier.spoke, message),
    )


def _is_location_answer(effects: tuple[Effect, ...]) -> bool:
    """Whether the message is the town or ZIP code of a family that looks for help, which is not kept."""
    return any(isinstance(effect, FindPartners) and effect.near for effect in effects)


def _append_turns(earlier_turns: list[list[str]], masked_text: str, reply: str) -> list[list[str]]:
    """Return the last turns, masked and cut, so that the person who takes over sees what they are about."""
    turns = [*earlier_turns, ["family", masked_text.strip()], ["helper", reply]]
    return [[author, text[:MAX_TURN_CHARACTERS]] for author, text in turns if text][-MAX_TURNS:]


def _add_contact(db: Transaction, message: InboundMessage, now: datetime) -> Contact:
    """Add a sender. A caller is called back in the language of the call."""
    contact = contacts.add(db, message.address, message.channel, now)
    if message.call_language and contact.language is None:
        contacts.set_language(db, contact.id, message.call_language)
        return replace(contact, language=message.call_language)
    return contact


def _build_message_context(context: InboundContext, sender: Contact, turn: PlannedTurn) -> MessageContext:
    asked_case = context.attributes.get(ASKED_CASE_ATTRIBUTE, "")
    return MessageContext(
        sender,
        context.message,
        turn.state.language or "en",
        context.now,
        tuple((author, text) for author, text in context.conversation.turns),
        context.attributes.get("school"),
        sender.active_case_id,
        int(asked_case) if asked_case.isdecimal() else None,
    )
