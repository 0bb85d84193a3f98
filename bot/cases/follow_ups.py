"""Follow-ups: when the time has come, a flow starts with the family by itself ("did a person help you?")."""

import logging
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.base.queues import ALERT_CASE, DELIVER, enqueue
from bot.cases import timeouts
from bot.flows.dialog_state import Outcome, Talk, World, append, start_flow
from bot.flows.effects import Notice
from bot.messaging import home_visits, suppression_rules
from bot.messaging.catalog_drafts import library_for
from bot.messaging.effect_handlers import ABOUT_CASE, Kept, Message, keep
from bot.messaging.inbound_message import Inbound
from bot.messaging.reply_context import composer_for, of_case, world_of
from bot.runtime import Services
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


def start(services: Services, follow_up_id: int) -> None:
    """Start this follow-up if it is due; once, however often the job runs, and not in the middle of something."""
    at = now()
    with services.database.read() as db:
        follow_up = follow_ups.get(db, follow_up_id)
        contact = contacts.get(db, services.database.vault, follow_up.contact_id)
    if follow_up.state != "waiting" or follow_up.due_at > at:
        return
    tired = contact.unanswered >= MAX_UNANSWERED_PROMPTS and not follow_up.step
    over = follow_up.flow == home_visits.FLOW and not home_visits.still_asked(services, contact, at)
    if contact.stopped_at or tired or over or follow_up.flow not in services.library.flows.flows:
        _drop(services, follow_up)
        return
    if follow_up.step:
        timeouts.handle(services, _build_context(services, contact, at), timeouts.DueTimeout(follow_up, contact, at))
        return
    if contact.talking_case and not follow_up.step:
        _postpone(services, follow_up, at + POSTPONE_INTERVAL)
        return
    held = _find_hold_end(services, follow_up, at)
    if held:
        _postpone(services, follow_up, held)
        return
    waking = services.library.district.find_next_waking_time(at)
    if waking > at:
        _postpone(services, follow_up, waking)
        return
    _start_with_lock(services, follow_up, contact, at)


def _find_hold_end(services: Services, follow_up: FollowUp, at: datetime) -> datetime | None:
    """After a verified event at the family's school nothing about truancy leaves; when it may, None: now."""
    if follow_up.flow not in suppression_rules.ABOUT_TRUANCY:
        return None
    district = services.library.district
    with services.database.read() as db:
        again = suppression_rules.family_held(db, district, follow_up.contact_id, at)
    return district.resolve_send_time(again.isoformat(), district.waking_hours.start, at) if again else None


def _start_with_lock(services: Services, follow_up: FollowUp, contact: Contact, at: datetime) -> None:
    """With the family's lock: a message of its own that comes at this moment waits until we are done."""
    family, owner = services.family(contact.address), secrets.token_hex(8)
    conversation = services.conversations.lock_for_outgoing(family, owner)
    if conversation is None or conversation.talk.get("state"):
        if conversation is not None:
            services.conversations.release(family, owner)
        _postpone(services, follow_up, at + POSTPONE_INTERVAL)
        return
    try:
        kept = _open_conversation(services, follow_up, contact, conversation, owner, at)
    finally:
        services.conversations.release(family, owner)
    _enqueue_jobs(services, follow_up, kept)


def _open_conversation(
    services: Services,
    follow_up: FollowUp,
    contact: Contact,
    conversation: Conversation,
    owner: str,
    at: datetime,
) -> Kept | None:
    """The conversation first, the rows second: killed between the two, the sweep starts the same flow again."""
    world = _build_context(services, contact, at)
    outcome = start_flow(world, Talk(language=contact.language or "en"), follow_up.flow)
    if contact.unanswered + 1 == MAX_UNANSWERED_PROMPTS:
        outcome = append(outcome[1], (outcome[0], (Notice("last_question"),)))
    opening = _FollowUpOpening(follow_up, contact, world, outcome, at)
    after = replace(
        conversation, talk=asdict(outcome[0]), noticed=list(conversation.noticed), told=list(conversation.told)
    )
    composer = composer_for(services, outcome[0], world, at, after.noticed)
    composer.compose(outcome[1])
    after.told += sorted(composer.said - set(after.told))
    after.asked = True
    if follow_up.case_id:
        after.notes = {**after.notes, ABOUT_CASE: str(follow_up.case_id)}
    if not services.conversations.save_outgoing(services.family(contact.address), owner, after):
        return None  # the lock ran out: the sweep comes back to it
    with services.database.write() as db:
        if follow_ups.claim(db, follow_up.id, "started"):
            contacts.set_unanswered_prompts(db, contact.id, contact.unanswered + 1)
            if follow_up.case_id:
                contacts.set_attribute(db, contact.id, ABOUT_CASE, str(follow_up.case_id), at)
            return _save_outcome(services, db, opening, conversation)
    return None


@dataclass(frozen=True)
class _FollowUpOpening:
    """A follow-up that starts: whose, in which world, with what outcome, when."""

    follow_up: FollowUp
    contact: Contact
    context: World
    outcome: Outcome
    at: datetime


def _save_outcome(services: Services, db: Connection, opening: _FollowUpOpening, conversation: Conversation) -> Kept:
    (talk, effects), contact, at = opening.outcome, opening.contact, opening.at
    cause = Inbound(f"follow-up:{opening.follow_up.id}", contact.address, "")
    kept = keep(services, db, Message(contact, cause, talk.language or "en", at), effects)
    composer = composer_for(services, talk, opening.context, at, list(conversation.noticed))
    composer.extra = of_case(services.library, kept, at) | home_visits.words_of(services, db, contact, at)
    body = composer.compose(effects)
    deliveries.plan_follow_up(db, services.database.vault, opening.follow_up.id, contact.id, body, at)
    sent_texts.record(db, contact.id, composer.said, list(conversation.told), at)
    return kept


def _build_context(services: Services, contact: Contact, at: datetime) -> World:
    with services.database.read() as db:
        notes = contacts.get_attributes(db, contact.id)
    language = {"language": contact.language} if contact.language else {}
    return world_of(
        library_for(services, contact.language or "en"), at, {**notes, **language, "channel": contact.channel}
    )


def _enqueue_jobs(services: Services, follow_up: FollowUp, result: Kept | None) -> None:
    for case in result.to_alert if result else []:
        enqueue(services.redis, "urgent", ALERT_CASE, case)
    with services.database.read() as db:
        waiting = deliveries.list_waiting_for_follow_up(db, follow_up.id)
    for delivery_id in waiting:
        enqueue(services.redis, "default", DELIVER, delivery_id)


def _postpone(services: Services, follow_up: FollowUp, due_at: datetime) -> None:
    with services.database.write() as db:
        follow_ups.postpone(db, follow_up.id, due_at)


def _drop(services: Services, follow_up: FollowUp) -> None:
    with services.database.write() as db:
        follow_ups.claim(db, follow_up.id, "dropped")
    log.info("dropped: follow_up=%s", follow_up.id)
