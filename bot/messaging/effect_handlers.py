"""Save the effects of a turn as rows, all in one transaction.

A repeated message meets the rows of its first delivery, so each effect is saved once.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace

from redis import RedisError

from bot.base.database import Transaction
from bot.flows.effects import (
    AnswerReferral,
    ChangeConsent,
    CloseCase,
    Effect,
    Escalation,
    ForwardToStaff,
    PlanFlowOnDay,
    PlanFollowUp,
    PlanTimeout,
    SaveVoiceNote,
    SetAttribute,
    SetLanguage,
    SuggestPartner,
)
from bot.messaging import case_effects, home_visits, voice_note_effects
from bot.messaging.message_context import MessageContext, TurnResult
from bot.nlu import mask_pii
from bot.runtime import Runtime
from bot.store.cases import case_transitions, referrals
from bot.store.community import partner_suggestions
from bot.store.families import catalog_drafts, consent_events, contacts, families, follow_ups

log = logging.getLogger(__name__)

PERSISTED_EFFECTS = (
    *(AnswerReferral, CloseCase, ChangeConsent, Escalation, ForwardToStaff, PlanFollowUp, PlanFlowOnDay, PlanTimeout),
    *(SetLanguage, SetAttribute, SuggestPartner, SaveVoiceNote),
)
"""The effects that become rows. The others only appear in the reply."""
SCHOOL_ATTRIBUTE = "school"
"""The attribute that holds the family's school. A family that names a school gets its messages."""
JOINED_CONSENT_BASIS = "asked for messages by text"
ASKED_CASE_ATTRIBUTE = "about_case"
"""The attribute that holds the id of the case that a follow-up asks about."""


def persist_effects(
    runtime: Runtime, db: Transaction, message: MessageContext, effects: Iterable[Effect]
) -> TurnResult:
    """Save the lasting effects of one message. Each has a number, so that a repeat meets the same rows."""
    result = TurnResult(message.contact.id)
    effects_to_persist = [effect for effect in effects if isinstance(effect, PERSISTED_EFFECTS)]
    for number, effect in enumerate(effects_to_persist):
        if isinstance(effect, Escalation):
            case_effects.open_case(runtime, db, message, number, effect, result)
        elif isinstance(effect, CloseCase) and message.asked_case_id:
            case_transitions.close(db, message.asked_case_id, "family", message.received_at, "helped")
        elif isinstance(effect, ForwardToStaff):
            case_effects.forward_to_staff(runtime, db, message, result)
        elif isinstance(effect, (PlanFollowUp, PlanFlowOnDay, PlanTimeout)):
            _plan_follow_up(runtime, db, message, number, effect, result.case_id)
        elif isinstance(effect, SetLanguage):
            _set_language(runtime, db, message, effect)
        elif isinstance(effect, SetAttribute):
            _set_attribute(runtime, db, message, effect)
        elif isinstance(effect, ChangeConsent):
            result.is_repeat = not _record_consent(runtime, db, message, effect)
        elif isinstance(effect, (SuggestPartner, AnswerReferral)):
            _record_partner_effect(runtime, db, message, number, effect)
    if SaveVoiceNote() in effects_to_persist:
        result.voice_note_ids_to_fetch += voice_note_effects.save_voice_notes(runtime, db, message, result.case_id)
    return result


def _set_language(runtime: Runtime, db: Transaction, message: MessageContext, effect: SetLanguage) -> None:
    contacts.set_language(db, message.contact.id, effect.language)
    if effect.language in runtime.library.machine_languages:
        catalog_drafts.request_language(db, effect.language, message.received_at)


def _set_attribute(runtime: Runtime, db: Transaction, message: MessageContext, effect: SetAttribute) -> None:
    contact_id, now = message.contact.id, message.received_at
    contacts.set_attribute(db, contact_id, effect.name, effect.value, now)
    home_visits.apply_attribute(runtime, db, contact_id, effect, now)
    if effect.name == SCHOOL_ATTRIBUTE and (family_id := contacts.find_family_id(db, contact_id)) is not None:
        families.join_school(db, family_id, effect.value, "self")


def _plan_follow_up(
    runtime: Runtime,
    db: Transaction,
    message: MessageContext,
    number: int,
    effect: PlanFollowUp | PlanFlowOnDay | PlanTimeout,
    case_id: int | None,
) -> None:
    """Plan what starts later. A follow-up waits for waking hours, but a question's timeout does not."""
    district, now = runtime.library.district, message.received_at
    target = follow_ups.FollowUpTarget(effect.flow)
    if isinstance(effect, PlanTimeout):
        target, due = replace(target, step=effect.step), now + effect.delay
    elif isinstance(effect, PlanFlowOnDay):
        due = district.resolve_send_time(effect.day, effect.local_time, now)
    else:
        target, due = replace(target, case_id=case_id), district.find_next_waking_time(now + effect.delay)
    follow_ups.plan(db, (message.inbound.sid, number), message.contact.id, target, due)


def _record_partner_effect(
    runtime: Runtime, db: Transaction, message: MessageContext, number: int, effect: SuggestPartner | AnswerReferral
) -> None:
    """Save a partner that a family suggests, or the outcome of a referral."""
    if isinstance(effect, AnswerReferral):
        if message.asked_case_id:
            referrals.record_outcome(db, message.asked_case_id, effect.outcome, message.received_at)
        return
    suggestion = partner_suggestions.NewPartnerSuggestion(
        f"{message.inbound.sid}:{number}",
        partner_suggestions.FAMILY_SUGGESTER,
        message.language,
        mask_pii(effect.text)[0].strip(),
        message.contact.id,
    )
    partner_suggestions.add(db, suggestion, message.received_at)


def _discard_conversations(runtime: Runtime, family_hashes: Iterable[str]) -> None:
    """Discard the family's conversations on other addresses: they still remember a STOP."""
    try:
        for family_hash in family_hashes:
            runtime.conversations.discard(family_hash)
    except RedisError as error:
        log.warning("conversation not discarded: %s", type(error).__name__)


def _record_consent(runtime: Runtime, db: Transaction, message: MessageContext, effect: ChangeConsent) -> bool:
    """Record a STOP or START. Return False for a message that was recorded before."""
    family_hash = runtime.compute_lookup_hash(message.contact.address)
    if not consent_events.record(db, family_hash, effect.kind, effect.basis, message.inbound.sid, message.received_at):
        return False  # a late repeat: the family's later commands count
    if effect.kind == "stop":
        contacts.set_opted_out(db, message.contact.id, message.received_at)
    else:
        _discard_conversations(runtime, contacts.opt_in_family(db, message.contact.id))
    family_id = contacts.find_family_id(db, message.contact.id)
    if effect.kind == "joined" and family_id is not None:
        families.set_consent(db, family_id, JOINED_CONSENT_BASIS, message.received_at)
    return True
