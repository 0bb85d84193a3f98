"""Time-outs: nobody has answered a question that cannot wait ("are the children with a grown-up?"); we go on.

The rows first, the conversation second: killed between the two, the page has gone out, and the family's next answer
is read as the answer to the older question.  The other way round an alert could be lost.
"""

import logging
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from bot.base.database import Transaction
from bot.base.queues import ALERT_CASE_JOB, DELIVER_MESSAGE_JOB, enqueue
from bot.flows.dialog_state import DialogState, FlowContext, Outcome, handle_timeout
from bot.flows.engine import FlowState
from bot.messaging.effect_handlers import MessageContext, TurnResult, persist_effects
from bot.messaging.inbound_message import InboundMessage
from bot.messaging.reply_context import build_case_values, build_composer
from bot.runtime import Runtime
from bot.store.cases import deliveries
from bot.store.families import follow_ups, sent_texts
from bot.store.families.contacts import Contact
from bot.store.families.conversations import Conversation
from bot.store.families.follow_ups import FollowUp


@dataclass(frozen=True)
class DueTimeout:
    """A time-out whose time has come: whose question it is, and the moment."""

    timeout: FollowUp
    contact: Contact
    at: datetime


log = logging.getLogger(__name__)


def handle(runtime: Runtime, context: FlowContext, due: DueTimeout) -> None:
    """Go on from the question that timed out, if it still waits.  A message of the family's own comes first.

    Where the conversation was lost (Redis forgot it), nobody knows whether there was an answer: then we go on too.
    """
    family, owner = runtime.compute_lookup_hash(due.contact.address), secrets.token_hex(8)
    conversation = runtime.conversations.lock_for_outgoing(family, owner)
    if conversation is None:
        return  # the sweep comes back to it
    try:
        if _is_still_waiting(conversation, due.timeout) and not (
            due.contact.talking_case and conversation.contact is None
        ):
            _continue_flow(runtime, context, due, conversation, owner)
        else:
            _drop_answered(runtime, due.timeout)
    finally:
        runtime.conversations.release(family, owner)


def _is_still_waiting(conversation: Conversation, timeout: FollowUp) -> bool:
    state = conversation.talk.get("state") or {}
    lost = conversation.contact is None
    return lost or (state.get("flow"), state.get("step")) == (timeout.flow, timeout.step)


def _continue_flow(
    runtime: Runtime, context: FlowContext, due: DueTimeout, conversation: Conversation, owner: str
) -> None:
    outcome = handle_timeout(
        context, _restore_dialog_state(conversation, due.contact), due.timeout.flow, due.timeout.step or ""
    )
    after = replace(conversation, noticed=list(conversation.noticed), told=list(conversation.told))
    after.talk, after.contact = asdict(outcome[0]), due.contact.id
    with runtime.database.write() as db:
        if not follow_ups.claim(db, due.timeout.id, "started"):
            return
        kept = _save_outcome(runtime, db, due, context, outcome, after)
    runtime.conversations.save_outgoing(runtime.compute_lookup_hash(due.contact.address), owner, after)
    _enqueue_jobs(runtime, due.timeout, kept)


def _restore_dialog_state(conversation: Conversation, contact: Contact) -> DialogState:
    found = dict(conversation.talk)
    state = found.pop("state", None)
    language = found.pop("language", None) or contact.language or "en"
    return DialogState(**found, language=language, state=FlowState(**state) if state else None)


def _save_outcome(
    runtime: Runtime, db: Transaction, due: DueTimeout, context: FlowContext, outcome: Outcome, after: Conversation
) -> TurnResult:
    """The cases that are opened, and what the family reads, in one transaction."""
    talk, effects = outcome
    cause = InboundMessage(f"timeout:{due.timeout.id}", due.contact.address, "")
    kept = persist_effects(runtime, db, MessageContext(due.contact, cause, talk.language or "en", due.at), effects)
    composer = build_composer(runtime, talk, context, due.at, after.noticed)
    composer.extra_values = build_case_values(runtime.library, kept, due.at)
    body = composer.compose(effects)
    deliveries.plan_follow_up(db, due.timeout.id, due.contact.id, body, due.at)
    sent_texts.record(db, due.contact.id, composer.sent_text_keys, after.told, due.at)
    return kept


def _enqueue_jobs(runtime: Runtime, timeout: FollowUp, result: TurnResult) -> None:
    with runtime.database.read() as db:
        waiting = deliveries.list_waiting_for_follow_up(db, timeout.id)
    for case in result.case_ids_to_alert:
        enqueue(runtime.redis, "urgent", ALERT_CASE_JOB, case)
    for delivery_id in waiting:
        enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)


def _drop_answered(runtime: Runtime, timeout: FollowUp) -> None:
    with runtime.database.write() as db:
        follow_ups.claim(db, timeout.id, "dropped")
    log.info("answered in time: follow_up=%s", timeout.id)
