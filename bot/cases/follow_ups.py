"""Follow-ups: when the time has come, a flow starts with the family by itself ("did a person help you?")."""

import logging
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from bot.base.database import Transaction, now
from bot.base.queues import ALERT_CASE_JOB, DELIVER_MESSAGE_JOB, enqueue
from bot.cases import timeouts
from bot.flows.dialog_state import DialogState, FlowContext, Outcome, prepend_effects, start_flow
from bot.flows.effects import Notice
from bot.messaging import home_visits, suppression_rules
from bot.messaging.catalog_drafts import get_localized_library
from bot.messaging.effect_handlers import ASKED_CASE_ATTRIBUTE, MessageContext, TurnResult, persist_effects
from bot.messaging.inbound_message import InboundMessage
from bot.messaging.reply_context import build_case_values, build_composer, build_flow_context
from bot.runtime import Runtime
from bot.store.cases import deliveries
from bot.store.families import contacts, follow_ups, sent_texts
from bot.store.families.contacts import Contact
from bot.store.families.conversations import Conversation
from bot.store.families.follow_ups import FollowUp

MAX_UNANSWERED_PROMPTS = 3
"""After so many questions without an answer nothing more is asked unasked; the last one says so."""
POSTPONE_INTERVAL = timedelta(minutes=30)
"""A family that is in the middle of something is not interrupted; it is asked after this time."""

log = logging.getLogger(__name__)


def start(runtime: Runtime, follow_up_id: int) -> None:
    """Start this follow-up if it is due; once, however often the job runs, and not in the middle of something."""
    at = now()
    with runtime.database.read() as db:
        follow_up = follow_ups.get(db, follow_up_id)
        contact = contacts.get(db, follow_up.contact_id)
    if follow_up.state != "waiting" or follow_up.due_at > at:
        return
    tired = contact.unanswered >= MAX_UNANSWERED_PROMPTS and not follow_up.step
    over = follow_up.flow == home_visits.VISIT_QUESTION_FLOW and not home_visits.is_question_pending(
        runtime, contact, at
    )
    if contact.stopped_at or tired or over or follow_up.flow not in runtime.library.flows.flows:
        _drop(runtime, follow_up)
        return
    if follow_up.step:
        timeouts.handle(runtime, _build_context(runtime, contact, at), timeouts.DueTimeout(follow_up, contact, at))
        return
    if contact.talking_case and not follow_up.step:
        _postpone(runtime, follow_up, at + POSTPONE_INTERVAL)
        return
    held = _find_hold_end(runtime, follow_up, at)
    if held:
        _postpone(runtime, follow_up, held)
        return
    waking = runtime.library.district.find_next_waking_time(at)
    if waking > at:
        _postpone(runtime, follow_up, waking)
        return
    _start_with_lock(runtime, follow_up, contact, at)


def _find_hold_end(runtime: Runtime, follow_up: FollowUp, at: datetime) -> datetime | None:
    """After a verified event at the family's school nothing about truancy leaves; when it may, None: now."""
    if follow_up.flow not in suppression_rules.TRUANCY_FLOWS:
        return None
    district = runtime.library.district
    with runtime.database.read() as db:
        again = suppression_rules.find_family_hold_end(db, district, follow_up.contact_id, at)
    return district.resolve_send_time(again.isoformat(), district.waking_hours.start, at) if again else None


def _start_with_lock(runtime: Runtime, follow_up: FollowUp, contact: Contact, at: datetime) -> None:
    """With the family's lock: a message of its own that comes at this moment waits until we are done."""
    family, owner = runtime.compute_lookup_hash(contact.address), secrets.token_hex(8)
    conversation = runtime.conversations.lock_for_outgoing(family, owner)
    if conversation is None or conversation.talk.get("state"):
        if conversation is not None:
            runtime.conversations.release(family, owner)
        _postpone(runtime, follow_up, at + POSTPONE_INTERVAL)
        return
    try:
        kept = _open_conversation(runtime, follow_up, contact, conversation, owner, at)
    finally:
        runtime.conversations.release(family, owner)
    _enqueue_jobs(runtime, follow_up, kept)


def _open_conversation(
    runtime: Runtime,
    follow_up: FollowUp,
    contact: Contact,
    conversation: Conversation,
    owner: str,
    at: datetime,
) -> TurnResult | None:
    """The conversation first, the rows second: killed between the two, the sweep starts the same flow again."""
    world = _build_context(runtime, contact, at)
    outcome = start_flow(world, DialogState(language=contact.language or "en"), follow_up.flow)
    if contact.unanswered + 1 == MAX_UNANSWERED_PROMPTS:
        outcome = prepend_effects(outcome[1], (outcome[0], (Notice("last_question"),)))
    opening = _FollowUpOpening(follow_up, contact, world, outcome, at)
    after = replace(
        conversation, talk=asdict(outcome[0]), noticed=list(conversation.noticed), told=list(conversation.told)
    )
    composer = build_composer(runtime, outcome[0], world, at, after.noticed)
    composer.compose(outcome[1])
    after.told += sorted(composer.sent_text_keys - set(after.told))
    after.asked = True
    if follow_up.case_id:
        after.notes = {**after.notes, ASKED_CASE_ATTRIBUTE: str(follow_up.case_id)}
    if not runtime.conversations.save_outgoing(runtime.compute_lookup_hash(contact.address), owner, after):
        return None  # the lock ran out: the sweep comes back to it
    with runtime.database.write() as db:
        if follow_ups.claim(db, follow_up.id, "started"):
            contacts.set_unanswered_prompts(db, contact.id, contact.unanswered + 1)
            if follow_up.case_id:
                contacts.set_attribute(db, contact.id, ASKED_CASE_ATTRIBUTE, str(follow_up.case_id), at)
            return _save_outcome(runtime, db, opening, conversation)
    return None


@dataclass(frozen=True)
class _FollowUpOpening:
    """A follow-up that starts: whose, in which world, with what outcome, when."""

    follow_up: FollowUp
    contact: Contact
    context: FlowContext
    outcome: Outcome
    at: datetime


def _save_outcome(
    runtime: Runtime, db: Transaction, opening: _FollowUpOpening, conversation: Conversation
) -> TurnResult:
    (talk, effects), contact, at = opening.outcome, opening.contact, opening.at
    cause = InboundMessage(f"follow-up:{opening.follow_up.id}", contact.address, "")
    kept = persist_effects(runtime, db, MessageContext(contact, cause, talk.language or "en", at), effects)
    composer = build_composer(runtime, talk, opening.context, at, list(conversation.noticed))
    composer.extra_values = build_case_values(runtime.library, kept, at) | home_visits.build_visit_values(
        runtime, db, contact, at
    )
    body = composer.compose(effects)
    deliveries.plan_follow_up(db, opening.follow_up.id, contact.id, body, at)
    sent_texts.record(db, contact.id, composer.sent_text_keys, list(conversation.told), at)
    return kept


def _build_context(runtime: Runtime, contact: Contact, at: datetime) -> FlowContext:
    with runtime.database.read() as db:
        notes = contacts.get_attributes(db, contact.id)
    language = {"language": contact.language} if contact.language else {}
    return build_flow_context(
        get_localized_library(runtime, contact.language or "en"), at, {**notes, **language, "channel": contact.channel}
    )


def _enqueue_jobs(runtime: Runtime, follow_up: FollowUp, result: TurnResult | None) -> None:
    for case in result.case_ids_to_alert if result else []:
        enqueue(runtime.redis, "urgent", ALERT_CASE_JOB, case)
    with runtime.database.read() as db:
        waiting = deliveries.list_waiting_for_follow_up(db, follow_up.id)
    for delivery_id in waiting:
        enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery_id)


def _postpone(runtime: Runtime, follow_up: FollowUp, due_at: datetime) -> None:
    with runtime.database.write() as db:
        follow_ups.postpone(db, follow_up.id, due_at)


def _drop(runtime: Runtime, follow_up: FollowUp) -> None:
    with runtime.database.write() as db:
        follow_ups.claim(db, follow_up.id, "dropped")
    log.info("dropped: follow_up=%s", follow_up.id)
