"""Start follow-ups when they are due, such as "did a person help you?"."""

import logging
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from bot.base.database import Transaction, now
from bot.base.queues import ALERT_CASE_JOB, DELIVER_MESSAGE_JOB, enqueue
from bot.cases import timeouts
from bot.flows.dialog_state import DialogState, FlowContext, Outcome, start_flow
from bot.flows.effects import Notice
from bot.messaging import home_visits, suppression_rules
from bot.messaging.catalog_drafts import get_localized_library
from bot.messaging.effect_handlers import ASKED_CASE_ATTRIBUTE, persist_effects
from bot.messaging.inbound_message import InboundMessage
from bot.messaging.message_context import MessageContext, TurnResult
from bot.messaging.reply_context import build_case_values, build_composer, build_flow_context
from bot.runtime import Runtime
from bot.store.cases import deliveries
from bot.store.families import contacts, follow_ups, sent_texts
from bot.store.families.contacts import Contact
from bot.store.families.conversations import Conversation
from bot.store.families.follow_ups import FollowUp

MAX_UNANSWERED_PROMPTS = 3
"""After so many unanswered questions, Puente asks no more. The last question says so."""
POSTPONE_INTERVAL = timedelta(minutes=30)
"""A family in the middle of something is not interrupted. It is asked after this time."""

log = logging.getLogger(__name__)


def start(runtime: Runtime, follow_up_id: int) -> None:
    """Start this follow-up if it is due. It starts once, however often the job runs."""
    current_time = now()
    with runtime.database.read() as db:
        follow_up = follow_ups.get(db, follow_up_id)
        contact = contacts.get(db, follow_up.contact_id)
    if follow_up.state != "waiting" or follow_up.due_at > current_time:
        return
    if _is_obsolete(runtime, follow_up, contact, current_time):
        _drop(runtime, follow_up)
        return
    if follow_up.step:
        due_timeout = timeouts.DueTimeout(follow_up, contact, current_time)
        timeouts.handle(runtime, _build_context(runtime, contact, current_time), due_timeout)
        return
    start_time = _find_later_start(runtime, follow_up, contact, current_time)
    if start_time:
        _postpone(runtime, follow_up, start_time)
        return
    _start_with_lock(runtime, follow_up, contact, current_time)


def _is_obsolete(runtime: Runtime, follow_up: FollowUp, contact: Contact, current_time: datetime) -> bool:
    if contact.opted_out_at or follow_up.flow not in runtime.library.flows.flows:
        return True
    if contact.unanswered_prompts >= MAX_UNANSWERED_PROMPTS and not follow_up.step:
        return True
    is_visit_question = follow_up.flow == home_visits.VISIT_QUESTION_FLOW
    return is_visit_question and not home_visits.is_question_pending(runtime, contact, current_time)


def _find_later_start(
    runtime: Runtime, follow_up: FollowUp, contact: Contact, current_time: datetime
) -> datetime | None:
    """Return when to try again while staff write with the family, during a hold, or at night; None starts it now."""
    if contact.active_case_id:
        return current_time + POSTPONE_INTERVAL
    if hold_end := _find_hold_end(runtime, follow_up, current_time):
        return hold_end
    waking_time = runtime.library.district.find_next_waking_time(current_time)
    return waking_time if waking_time > current_time else None


def _find_hold_end(runtime: Runtime, follow_up: FollowUp, current_time: datetime) -> datetime | None:
    """Return when a hold on texts about truancy ends, or None if no hold applies to this follow-up."""
    if follow_up.flow not in suppression_rules.TRUANCY_FLOWS:
        return None
    district = runtime.library.district
    with runtime.database.read() as db:
        day = suppression_rules.find_family_hold_end(db, district, follow_up.contact_id, current_time)
    if day is None:
        return None
    return district.resolve_send_time(day.isoformat(), district.waking_hours.start, current_time)


def _start_with_lock(runtime: Runtime, follow_up: FollowUp, contact: Contact, current_time: datetime) -> None:
    """Start it with the family's lock. A message that the family sends now waits until the lock is free."""
    family_hash, owner = runtime.compute_lookup_hash(contact.address), secrets.token_hex(8)
    conversation = runtime.conversations.lock_for_outgoing(family_hash, owner)
    if conversation is None or conversation.talk.get("state"):
        if conversation is not None:
            runtime.conversations.release(family_hash, owner)
        _postpone(runtime, follow_up, current_time + POSTPONE_INTERVAL)
        return
    try:
        result = _open_conversation(runtime, follow_up, contact, conversation, owner, current_time)
    finally:
        runtime.conversations.release(family_hash, owner)
    _enqueue_jobs(runtime, follow_up, result)


def _open_conversation(
    runtime: Runtime,
    follow_up: FollowUp,
    contact: Contact,
    conversation: Conversation,
    owner: str,
    current_time: datetime,
) -> TurnResult | None:
    """Save the conversation first, then the rows. If the process dies between them, the sweep starts the flow again."""
    context = _build_context(runtime, contact, current_time)
    state, effects = start_flow(context, DialogState(language=contact.language or "en"), follow_up.flow)
    if contact.unanswered_prompts + 1 == MAX_UNANSWERED_PROMPTS:
        effects = (*effects, Notice("last_question"))
    opening = _FollowUpOpening(follow_up, contact, context, (state, effects), current_time)
    updated = _build_conversation(runtime, opening, conversation)
    if not runtime.conversations.save_outgoing(runtime.compute_lookup_hash(contact.address), owner, updated):
        return None  # the lock expired, so the sweep tries again
    with runtime.database.write() as db:
        if not follow_ups.claim(db, follow_up.id, "started"):
            return None
        contacts.set_unanswered_prompts(db, contact.id, contact.unanswered_prompts + 1)
        if follow_up.case_id:
            contacts.set_attribute(db, contact.id, ASKED_CASE_ATTRIBUTE, str(follow_up.case_id), current_time)
        return _save_outcome(runtime, db, opening, conversation)


@dataclass(frozen=True)
class _FollowUpOpening:
    """A follow-up that starts, with the outcome of its first step."""

    follow_up: FollowUp
    contact: Contact
    context: FlowContext
    outcome: Outcome
    opened_at: datetime


def _build_conversation(runtime: Runtime, opening: _FollowUpOpening, conversation: Conversation) -> Conversation:
    """Return the conversation after the question, with the notices and texts that the question shows."""
    state, effects = opening.outcome
    updated = replace(conversation, talk=asdict(state), noticed=list(conversation.noticed), asked=True)
    composer = build_composer(runtime, state, opening.context, opening.opened_at, updated.noticed)
    composer.compose(effects)
    updated.told = [*conversation.told, *sorted(composer.sent_text_keys - set(conversation.told))]
    if opening.follow_up.case_id:
        updated.notes = {**conversation.notes, ASKED_CASE_ATTRIBUTE: str(opening.follow_up.case_id)}
    return updated


def _save_outcome(
    runtime: Runtime, db: Transaction, opening: _FollowUpOpening, conversation: Conversation
) -> TurnResult:
    (state, effects), contact, opened_at = opening.outcome, opening.contact, opening.opened_at
    cause = InboundMessage(f"follow-up:{opening.follow_up.id}", contact.address, "")
    result = persist_effects(runtime, db, MessageContext(contact, cause, state.language or "en", opened_at), effects)
    composer = build_composer(runtime, state, opening.context, opened_at, list(conversation.noticed))
    visit_values = home_visits.build_visit_values(runtime, db, contact, opened_at)
    composer.extra_values = build_case_values(runtime.library, result, opened_at) | visit_values
    body = composer.compose(effects)
    deliveries.plan_follow_up(db, opening.follow_up.id, contact.id, body, opened_at)
    sent_texts.record(db, contact.id, composer.sent_text_keys, list(conversation.told), opened_at)
    return result


def _build_context(runtime: Runtime, contact: Contact, current_time: datetime) -> FlowContext:
    with runtime.database.read() as db:
        attributes = contacts.get_attributes(db, contact.id)
    language = {"language": contact.language} if contact.language else {}
    library = get_localized_library(runtime, contact.language or "en")
    return build_flow_context(library, current_time, {**attributes, **language, "channel": contact.channel})


def _enqueue_jobs(runtime: Runtime, follow_up: FollowUp, result: TurnResult | None) -> None:
    for case_id in result.case_ids_to_alert if result else []:
        enqueue(runtime.redis, "urgent", ALERT_CASE_JOB, case_id)
    with runtime.database.read() as db:
        delivery_ids = deliveries.list_waiting_for_follow_up(db, follow_up.id)
    for delivery_id in delivery_ids:
        enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery_id)


def _postpone(runtime: Runtime, follow_up: FollowUp, due_at: datetime) -> None:
    with runtime.database.write() as db:
        follow_ups.postpone(db, follow_up.id, due_at)


def _drop(runtime: Runtime, follow_up: FollowUp) -> None:
    with runtime.database.write() as db:
        follow_ups.claim(db, follow_up.id, "dropped")
    log.info("dropped: follow_up=%s", follow_up.id)
