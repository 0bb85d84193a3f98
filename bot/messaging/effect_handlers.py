"""Save the effects of a turn as rows, all in one transaction.

A repeated message meets the rows of its first delivery, so each effect is saved once.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

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
from bot.flows.voice_messages import VOICE_MESSAGE_MARK
from bot.messaging import attendance_effects, home_visits, voice_note_effects
from bot.messaging.erasure import ErasureResult
from bot.messaging.inbound_message import InboundMessage
from bot.nlu import mask_pii
from bot.runtime import Runtime
from bot.store.announcements import recipients
from bot.store.cases import case_messages, case_transitions, cases, referrals
from bot.store.cases.case_messages import CaseMessageState, NewCaseMessage
from bot.store.community import partner_suggestions
from bot.store.families import catalog_drafts, consent_events, contacts, families, follow_ups
from bot.store.families.contacts import Contact

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
ANNOUNCEMENT_REPLY_PERIOD = timedelta(days=3)
"""How long after an announcement a family's new question is shown beside it."""
STAFF_LANGUAGE = "en"
"""The language of a case that nobody has taken yet."""
MAX_QUOTED_CHARACTERS = 600
"""The limit of the opening message that is stored, masked, with its case."""


@dataclass
class TurnResult:
    """What the transaction leaves to do: cases to alert for, texts to translate, and values for the reply."""

    contact_id: int
    case_ids_to_alert: list[int] = field(default_factory=list)
    message_ids_to_translate: list[int] = field(default_factory=list)
    voice_note_ids_to_fetch: list[int] = field(default_factory=list)
    case_id: int | None = None
    role: str = "default"
    school: str | None = None
    erasure_result: ErasureResult | None = None
    is_repeat: bool = False
    """Whether its STOP or START was applied before."""


@dataclass(frozen=True)
class MessageContext:
    """The message that caused the effects, with its contact and the language of the reply.

    `turns` are the earlier turns of the conversation. `school` is the family's own, if it is known. `active_case_id` is
    the case that staff are writing about with the family.
    """

    contact: Contact
    inbound: InboundMessage
    language: str
    received_at: datetime
    turns: tuple[tuple[str, str], ...] = ()
    school: str | None = None
    active_case_id: int | None = None
    asked_case_id: int | None = None
    """The case that a follow-up asked the family about ("did a person help you?")."""


def persist_effects(
    runtime: Runtime, db: Transaction, message: MessageContext, effects: Iterable[Effect]
) -> TurnResult:
    """Save the lasting effects of one message. Each has a number, so that a repeat meets the same rows."""
    result = TurnResult(message.contact.id)
    effects_to_persist = [effect for effect in effects if isinstance(effect, PERSISTED_EFFECTS)]
    for number, effect in enumerate(effects_to_persist):
        if isinstance(effect, Escalation):
            _open_case(runtime, db, message, number, effect, result)
        elif isinstance(effect, CloseCase) and message.asked_case_id:
            case_transitions.close(db, message.asked_case_id, "family", message.received_at, "helped")
        elif isinstance(effect, ForwardToStaff):
            _forward_to_staff(runtime, db, message, result)
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


def build_case_answers(effect: Escalation, text: str) -> dict[str, str]:
    """Return the family's words that a case keeps: its answers and the opening message, masked."""
    answers = {name: mask_pii(value)[0] for name, value in effect.answers}
    opening_message = mask_pii(text)[0].strip()[:MAX_QUOTED_CHARACTERS]
    if " " not in opening_message or opening_message in answers.values():
        return answers
    return {cases.OPENING_MESSAGE_KEY: opening_message, **answers}


def _open_case(
    runtime: Runtime, db: Transaction, message: MessageContext, number: int, effect: Escalation, result: TurnResult
) -> None:
    if effect.should_join_open_case:
        effect = voice_note_effects.join_open_case(runtime, db, message.contact.id, effect)
    if effect.should_reopen and message.asked_case_id and _reopen_case(runtime, db, message, effect, result):
        return
    sid, contact_id, language, now = message.inbound.sid, message.contact.id, message.language, message.received_at
    answers, school = build_case_answers(effect, message.inbound.text), _find_school(runtime, message, effect)
    new = cases.NewCase(contact_id, effect.topic, effect.severity, effect.to, effect.about, language, answers, school)
    case = cases.open_or_join(db, sid, number, new, now)
    result.case_id, result.role, result.school = case.id, effect.to, school
    report = attendance_effects.AttendanceReport(f"{sid}:{number}", case.id, contact_id, school, language, now)
    attendance_effects.record_attendance(runtime, db, effect, report)
    if case.is_new:
        _link_announcement(db, message, case.id)
    if case.should_page:
        result.case_ids_to_alert.append(case.id)
    result.message_ids_to_translate += _save_turns(db, message, case)


def _find_school(runtime: Runtime, message: MessageContext, effect: Escalation) -> str | None:
    """Return the family's school, else the first one that its message, its answers, or its last turns name."""
    if message.school:
        return message.school
    family_texts = [text for author, text in message.turns if author == "family"]
    texts = [message.inbound.text, *(value for _, value in effect.answers), *reversed(family_texts)]
    named_schools = (runtime.library.district.find_school_in_text(text) for text in texts)
    return next((school for school in named_schools if school), None)


def _link_announcement(db: Transaction, message: MessageContext, case_id: int) -> None:
    """Link the announcement that the family replied to, else the last one of the past days."""
    replied_to_sid, since = message.inbound.replied_to_sid, message.received_at - ANNOUNCEMENT_REPLY_PERIOD
    recipient = recipients.find_by_sid(db, replied_to_sid) if replied_to_sid else None
    recipient = recipient or recipients.find_newest_for_contact(db, message.contact.id, since)
    if recipient is not None:
        cases.link_announcement(db, case_id, recipient.announcement_id)


def _reopen_case(
    runtime: Runtime, db: Transaction, message: MessageContext, effect: Escalation, result: TurnResult
) -> bool:
    """Reopen the case when the family says that nobody helped. A new case would lack its history."""
    case = cases.find(db, message.asked_case_id or 0)
    if case is None:
        return False
    case_id = case_transitions.reopen(db, case, message.inbound.sid, message.received_at, effect.severity)
    result.case_id, result.role, result.school = case_id, case.role, case.school
    result.case_ids_to_alert.append(case_id)
    return True


def _save_turns(db: Transaction, message: MessageContext, case: cases.OpenedCase) -> Iterator[int]:
    """Save the turns before a new case, and this message, masked and encrypted. Yield the ids to translate."""
    sid = message.inbound.sid
    turns = [(f"{sid}:turn {number}", *turn) for number, turn in enumerate(message.turns if case.is_new else ())]
    message_text = mask_pii(message.inbound.text)[0].strip()
    if not message_text and message.inbound.audio_files:
        message_text = VOICE_MESSAGE_MARK
    if message_text:
        turns.append((f"{sid}:{case.id}", "family", message_text))
    should_notify_assignee = case.is_claimed and not case.should_page
    for cause, author, text in turns:
        language = STAFF_LANGUAGE if text == VOICE_MESSAGE_MARK else message.language
        is_foreign = author == "family" and language != STAFF_LANGUAGE
        needs_translation = is_foreign or should_notify_assignee
        new = NewCaseMessage(
            case.id,
            f"{case.id}:{cause}",
            "family" if author == "family" else "helper",
            language,
            text[:MAX_QUOTED_CHARACTERS],
            to_language=STAFF_LANGUAGE if needs_translation else None,
            state=_choose_message_state(is_foreign, should_notify_assignee),
        )
        message_id = case_messages.add(db, new, message.received_at)
        if needs_translation:
            yield message_id


def _choose_message_state(is_foreign: bool, should_notify_assignee: bool) -> CaseMessageState:
    if should_notify_assignee:
        return "waiting"
    return "before" if is_foreign else "kept"


def _forward_to_staff(runtime: Runtime, db: Transaction, message: MessageContext, result: TurnResult) -> None:
    """Save the family's message with the case that staff are writing about. A resolved case is reopened."""
    now = message.received_at
    case = cases.find(db, message.active_case_id or 0)
    if case is None:
        return
    staff = runtime.library.district.staff.get(case.claimed_by or "")
    target_language = staff.languages[0] if staff else STAFF_LANGUAGE
    text = mask_pii(message.inbound.text)[0].strip() or voice_note_effects.get_media_placeholder(message.inbound)
    language = STAFF_LANGUAGE if text == VOICE_MESSAGE_MARK else message.language
    case_message = NewCaseMessage(
        case.id, message.inbound.sid, "family", language, text, to_language=target_language, state="waiting"
    )
    result.message_ids_to_translate.append(case_messages.add(db, case_message, now))
    reminder_at = now + timedelta(minutes=runtime.library.district.paging.chase_minutes)
    if not case_transitions.record_family_reply(db, case.id, reminder_at, now) and not case.is_open:
        result.case_ids_to_alert.append(case_transitions.reopen(db, case, message.inbound.sid, now))


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
