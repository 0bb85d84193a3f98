"""Continue a flow when a family has not answered an urgent question ("are the children with a grown-up?").

Write the rows first, then the conversation. If the process dies between them, the alert is out, and the family's next
message counts as the answer to the older question. In the other order, an alert could get lost.
"""

import logging
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from bot.base.database import Transaction
from bot.base.queues import ALERT_CASE_JOB, DELIVER_MESSAGE_JOB, enqueue
from bot.flows.dialog_state import DialogState, FlowContext, Outcome, handle_timeout
from bot.flows.engine import FlowState
from bot.messaging.effect_handlers import persist_effects
from bot.messaging.inbound_message import InboundMessage
from bot.messaging.message_context import MessageContext, TurnResult
from bot.messaging.reply_context import build_case_values, build_composer
from bot.runtime import Runtime
from bot.store.cases import deliveries
from bot.store.families import follow_ups, sent_texts
from bot.store.families.contacts import Contact
from bot.store.families.conversations import Conversation
from bot.store.families.follow_ups import FollowUp


@dataclass(frozen=True)
class DueTimeout:
    """A timeout that is due, with the contact who got the question."""

    timeout: FollowUp
    contact: Contact
    now: datetime


log = logging.getLogger(__name__)


def handle(runtime: Runtime, context: FlowContext, due: DueTimeout) -> None:
    """Continue from the question that timed out, if it is still unanswered. A message from the family comes first.

    If Redis has lost the conversation, an answer can't be ruled out. Continue then too.
    """
    family_hash, owner = runtime.compute_lookup_hash(due.contact.address), secrets.token_hex(8)
    conversation = runtime.conversations.lock_for_outgoing(family_hash, owner)
    if conversation is None:
        return  # the sweep tries again
    try:
        if _is_still_waiting(conversation, due.timeout) and not (
            due.contact.active_case_id and conversation.contact is None
        ):
            _continue_flow(runtime, context, due, conversation, owner)
        else:
            _drop_answered(runtime, due.timeout)
    finally:
        runtime.conversations.release(family_hash, owner)


def _is_still_waiting(conversation: Conversation, timeout: FollowUp) -> bool:
    if conversation.contact is None:  # Redis has lost the conversation
        return True
    state = conversation.talk.get("state") or {}
    return (state.get("flow"), state.get("step")) == (timeout.flow, timeout.step)


def _continue_flow(
    runtime: Runtime, context: FlowContext, due: DueTimeout, conversation: Conversation, owner: str
) -> None:
    earlier_state = _restore_dialog_state(conversation, due.contact)
    outcome = handle_timeout(context, earlier_state, due.timeout.flow, due.timeout.step or "")
    updated = replace(conversation, noticed=list(conversation.noticed), told=list(conversation.told))
    updated.talk, updated.contact = asdict(outcome[0]), due.contact.id
    with runtime.database.write() as db:
        if not follow_ups.claim(db, due.timeout.id, "started"):
            return
        result = _save_outcome(runtime, db, due, context, outcome, updated)
    runtime.conversations.save_outgoing(runtime.compute_lookup_hash(due.contact.address), owner, updated)
    _enqueue_jobs(runtime, due.timeout, result)


def _restore_dialog_state(conversation: Conversation, contact: Contact) -> DialogState:
    stored_state = dict(conversation.talk)
    flow_state = stored_state.pop("state", None)
    language = stored_state.pop("language", None) or contact.language or "en"
    return DialogState(**stored_state, language=language, state=FlowState(**flow_state) if flow_state else None)


def _save_outcome(
    runtime: Runtime, db: Transaction, due: DueTimeout, context: FlowContext, outcome: Outcome, updated: Conversation
) -> TurnResult:
    """Save the opened cases and the text for the family in one transaction."""
    state, effects = outcome
    cause = InboundMessage(f"timeout:{due.timeout.id}", due.contact.address, "")
    result = persist_effects(runtime, db, MessageContext(due.contact, cause, state.language or "en", due.now), effects)
    composer = build_composer(runtime, state, context, due.now, updated.noticed)
    composer.extra_values = build_case_values(runtime.library, result, due.now)
    body = composer.compose(effects)
    deliveries.plan_follow_up(db, due.timeout.id, due.contact.id, body, due.now)
    sent_texts.record(db, due.contact.id, composer.sent_text_keys, updated.told, due.now)
    return result


def _enqueue_jobs(runtime: Runtime, timeout: FollowUp, result: TurnResult) -> None:
    with runtime.database.read() as db:
        delivery_ids = deliveries.list_waiting_for_follow_up(db, timeout.id)
    for case_id in result.case_ids_to_alert:
        enqueue(runtime.redis, "urgent", ALERT_CASE_JOB, case_id)
    for delivery_id in delivery_ids:
        enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)


def _drop_answered(runtime: Runtime, timeout: FollowUp) -> None:
    with runtime.database.write() as db:
        follow_ups.claim(db, timeout.id, "dropped")
    log.info("answered in time: follow_up=%s", timeout.id)
