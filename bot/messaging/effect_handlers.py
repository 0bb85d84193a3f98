"""What a turn asks for becomes rows, all in one transaction, each once however often the message is repeated."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
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
from bot.store.cases.case_messages import NewCaseMessage
from bot.store.community import partner_suggestions
from bot.store.families import catalog_drafts, consent_events, contacts, families, follow_ups
from bot.store.families.contacts import Contact

log = logging.getLogger(__name__)

PERSISTED_EFFECTS = (
    *(AnswerReferral, CloseCase, ChangeConsent, Escalation, ForwardToStaff, PlanFollowUp, PlanFlowOnDay, PlanTimeout),
    *(SetLanguage, SetAttribute, SuggestPartner, SaveVoiceNote),
)
"""The effects that become rows; the others are only said."""


SCHOOL_ATTRIBUTE = "school"
"""The note that holds the family's school; whoever names one gets its messages."""
JOINED_CONSENT_BASIS = "asked for messages by text"
ASKED_CASE_ATTRIBUTE = "about_case"
"""The note that holds the number of the case which a follow-up asks about."""
ANNOUNCEMENT_REPLY_PERIOD = timedelta(days=3)
"""So long after an announcement a family's new question is shown beside it."""
STAFF_LANGUAGE = "en"
"""What staff read of a case that nobody has taken yet."""
MAX_QUOTED_CHARACTERS = 600
"""So much of the message that opened a case is kept with it, masked, for the person who answers."""


@dataclass
class TurnResult:
    """What comes after the transaction: whose message it was, cases to alert for, the newest case for the reply."""

    contact_id: int
    case_ids_to_alert: list[int] = field(default_factory=list)
    message_ids_to_translate: list[int] = field(default_factory=list)
    voice_note_ids_to_fetch: list[int] = field(default_factory=list)
    case_id: int | None = None
    role: str = "default"
    school: str | None = None
    erasure_result: ErasureResult | None = None
    is_repeat: bool = False
    """Its STOP or START was obeyed before."""


@dataclass(frozen=True)
class MessageContext:
    """The message that caused the effects: whose it is, in which language it is answered, and when it came.

    `turns` are those before it; `school` the family's own, if it is known; `talking` the case a person talks about.
    """

    contact: Contact
    inbound: InboundMessage
    language: str
    received_at: datetime
    turns: tuple[tuple[str, str], ...] = ()
    school: str | None = None
    active_case_id: int | None = None
    asked_case_id: int | None = None
    """The case that the family was asked about ("did a person help you?")."""


def persist_effects(
    runtime: Runtime, db: Transaction, message: MessageContext, effects: Iterable[Effect]
) -> TurnResult:
    """Write the lasting effects of one message; `n` counts them, so that a repeat meets the same rows."""
    contact, now = message.contact, message.received_at
    result = TurnResult(message.contact.id)
    effects_to_persist = [effect for effect in effects if isinstance(effect, PERSISTED_EFFECTS)]
    for n, effect in enumerate(effects_to_persist):
        if isinstance(effect, Escalation):
            _open_case(runtime, db, message, n, effect, result)
        elif isinstance(effect, CloseCase) and message.asked_case_id:
            case_transitions.close(db, message.asked_case_id, "family", now, "helped")
        elif isinstance(effect, ForwardToStaff):
            _forward_to_staff(runtime, db, message, result)
        elif isinstance(effect, (PlanFollowUp, PlanFlowOnDay, PlanTimeout)):
            _plan_follow_up(runtime, db, message, n, effect, result.case_id)
        elif isinstance(effect, SetLanguage):
            contacts.set_language(db, contact.id, effect.language)
            if effect.language in runtime.library.machine_languages:
                catalog_drafts.request_language(db, effect.language, now)
        elif isinstance(effect, SetAttribute):
            contacts.set_attribute(db, contact.id, effect.name, effect.value, now)
            home_visits.apply_attribute(runtime, db, contact.id, effect, now)
            if effect.name == SCHOOL_ATTRIBUTE and (family_id := contacts.find_family_id(db, contact.id)) is not None:
                families.join_school(db, family_id, effect.value, "self")
        elif isinstance(effect, ChangeConsent):
            result.is_repeat = not _record_consent(runtime, db, message, effect)
        elif isinstance(effect, (SuggestPartner, AnswerReferral)):
            _record_partner_effect(runtime, db, message, n, effect)
    if SaveVoiceNote() in effects_to_persist:
        result.voice_note_ids_to_fetch += voice_note_effects.save_voice_notes(runtime, db, message, result.case_id)
    return result


def _plan_follow_up(
    runtime: Runtime,
    db: Transaction,
    message: MessageContext,
    n: int,
    effect: PlanFollowUp | PlanFlowOnDay | PlanTimeout,
    case_id: int | None,
) -> None:
    """What happens by itself later: families are written to when they are awake; a question's time is short."""
    district, now = runtime.library.district, message.received_at
    if isinstance(effect, PlanTimeout):
        target, due = follow_ups.FollowUpTarget(effect.flow, effect.step), now + effect.delay
    elif isinstance(effect, PlanFlowOnDay):
        target, due = (
            follow_ups.FollowUpTarget(effect.flow),
            district.resolve_send_time(effect.day, effect.local_time, now),
        )
    else:
        target, due = (
            follow_ups.FollowUpTarget(effect.flow, case_id=case_id),
            district.find_next_waking_time(now + effect.delay),
        )
    follow_ups.plan(db, (message.inbound.sid, n), message.contact.id, target, due)


def _record_partner_effect(
    runtime: Runtime, db: Transaction, message: MessageContext, n: int, effect: SuggestPartner | AnswerReferral
) -> None:
    """An organization that a family suggests, or what it says of one that it was told of."""
    if isinstance(effect, AnswerReferral):
        if message.asked_case_id:
            referrals.record_outcome(db, message.asked_case_id, effect.outcome, message.received_at)
        return
    suggestion_text = mask_pii(effect.text)[0].strip()
    cause = f"{message.inbound.sid}:{n}"
    new = partner_suggestions.NewPartnerSuggestion(
        cause, partner_suggestions.FAMILY_SUGGESTER, message.language, suggestion_text, message.contact.id
    )
    partner_suggestions.add(db, new, message.received_at)


def build_case_answers(effect: Escalation, text: str) -> dict[str, str]:
    """What a case holds of a family's words: its answers and the message that opened the case, masked."""
    answers = {name: mask_pii(value)[0] for name, value in effect.answers}
    opening_message = mask_pii(text)[0].strip()[:MAX_QUOTED_CHARACTERS]
    return (
        {cases.OPENING_MESSAGE_KEY: opening_message, **answers}
        if " " in opening_message and opening_message not in answers.values()
        else answers
    )


def _open_case(
    runtime: Runtime, db: Transaction, message: MessageContext, n: int, effect: Escalation, result: TurnResult
) -> None:
    sid = message.inbound.sid
    effect = (
        voice_note_effects.join_open_case(runtime, db, message.contact.id, effect)
        if effect.should_join_open_case
        else effect
    )
    answers = build_case_answers(effect, message.inbound.text)
    if effect.should_reopen and message.asked_case_id and _reopen_case(runtime, db, message, effect, result):
        return
    family_texts = [text for author, text in message.turns if author == "family"]
    texts = [message.inbound.text, *(value for _, value in effect.answers), *reversed(family_texts)]
    mentioned_schools = (runtime.library.district.find_school_in_text(text) for text in texts)
    school = message.school or next(
        (mentioned_school for mentioned_school in mentioned_schools if mentioned_school), None
    )
    contact_id, language = message.contact.id, message.language
    new = cases.NewCase(contact_id, effect.topic, effect.severity, effect.to, effect.about, language, answers, school)
    opened_case = cases.open_or_join(db, sid, n, new, message.received_at)
    result.case_id, result.role, result.school = opened_case.id, effect.to, school
    cause = f"{sid}:{n}"
    attendance_effects.record_attendance(
        runtime,
        db,
        effect,
        attendance_effects.AttendanceReport(cause, opened_case.id, contact_id, school, language, message.received_at),
    )
    if opened_case.is_new:
        _link_announcement(db, message, opened_case.id)
    if opened_case.should_page:
        result.case_ids_to_alert.append(opened_case.id)
    result.message_ids_to_translate += _save_turns(runtime, db, message, opened_case)


def _link_announcement(db: Transaction, message: MessageContext, case_id: int) -> None:
    """Which announcement this answers: the one that was replied to by name, else the last one of these days."""
    replied_recipient = (
        recipients.find_by_sid(db, message.inbound.replied_to_sid) if message.inbound.replied_to_sid else None
    )
    recipient = replied_recipient or recipients.find_newest_for_contact(
        db, message.contact.id, message.received_at - ANNOUNCEMENT_REPLY_PERIOD
    )
    if recipient is not None:
        cases.link_announcement(db, case_id, recipient.announcement_id)


def _reopen_case(
    runtime: Runtime, db: Transaction, message: MessageContext, effect: Escalation, result: TurnResult
) -> bool:
    """The family says that nobody helped: its case again, not a new one that knows nothing."""
    case = cases.find(db, message.asked_case_id or 0)
    if case is None:
        return False
    case_id = case_transitions.reopen(db, case, message.inbound.sid, message.received_at, effect.severity)
    result.case_id, result.role, result.school = case_id, case.role, case.school
    result.case_ids_to_alert.append(case_id)
    return True


def _save_turns(
    runtime: Runtime, db: Transaction, message: MessageContext, opened_case: cases.OpenedCase
) -> Iterator[int]:
    """What led to a new case, and this message: masked, sealed, in the family's words.  The numbers to translate."""
    sid = message.inbound.sid
    turns = [(f"{sid}:turn {number}", *turn) for number, turn in enumerate(message.turns if opened_case.is_new else ())]
    message_text = mask_pii(message.inbound.text)[0].strip() or (
        VOICE_MESSAGE_MARK if message.inbound.audio_files else ""
    )
    should_notify_assignee = opened_case.is_claimed and not opened_case.should_page  # who has the case is told
    for cause, author, text in [
        *turns,
        *([(f"{sid}:{opened_case.id}", "family", message_text)] if message_text else []),
    ]:
        language = STAFF_LANGUAGE if text == VOICE_MESSAGE_MARK else message.language
        is_foreign = author == "family" and language != STAFF_LANGUAGE
        new = NewCaseMessage(
            opened_case.id,
            f"{opened_case.id}:{cause}",
            "family" if author == "family" else "helper",
            language,
            text[:MAX_QUOTED_CHARACTERS],
            to_language=STAFF_LANGUAGE if is_foreign or should_notify_assignee else None,
            state="waiting" if should_notify_assignee else "before" if is_foreign else "kept",
        )
        number = case_messages.add(db, new, message.received_at)
        if is_foreign or should_notify_assignee:
            yield number


def _forward_to_staff(runtime: Runtime, db: Transaction, message: MessageContext, result: TurnResult) -> None:
    """The family's turn in a talk: kept with the case, translated by a job; a case that was done is open again."""
    now = message.received_at
    case = cases.find(db, message.active_case_id or 0)
    if case is None:
        return
    staff = runtime.library.district.staff.get(case.claimed_by or "")
    target_language = staff.languages[0] if staff else STAFF_LANGUAGE
    text = mask_pii(message.inbound.text)[0].strip() or voice_note_effects.get_media_placeholder(message.inbound)
    language = STAFF_LANGUAGE if text == VOICE_MESSAGE_MARK else message.language
    new = NewCaseMessage(
        case.id, message.inbound.sid, "family", language, text, to_language=target_language, state="waiting"
    )
    result.message_ids_to_translate.append(case_messages.add(db, new, now))
    chase_at = now + timedelta(minutes=runtime.library.district.paging.chase_minutes)
    if not case_transitions.record_family_reply(db, case.id, chase_at, now) and not case.is_open:
        result.case_ids_to_alert.append(case_transitions.reopen(db, case, message.inbound.sid, now))


def _discard_conversations(runtime: Runtime, family_hashes: Iterable[str]) -> None:
    """What other addresses of this number remember of a STOP is not true any more."""
    try:
        for family_hash in family_hashes:
            runtime.conversations.discard(family_hash)
    except RedisError as error:
        log.warning("conversation not forgotten: %s", type(error).__name__)


def _record_consent(runtime: Runtime, db: Transaction, message: MessageContext, effect: ChangeConsent) -> bool:
    """Stop or start; False for a message that did so before."""
    family_hash = runtime.compute_lookup_hash(message.contact.address)
    if not consent_events.record(db, family_hash, effect.kind, effect.basis, message.inbound.sid, message.received_at):
        return False  # sent again long after: what the family has said since then counts
    if effect.kind == "stop":
        contacts.set_opted_out(db, message.contact.id, message.received_at)
    else:
        _discard_conversations(runtime, contacts.opt_in_family(db, message.contact.id))
    family_id = contacts.find_family_id(db, message.contact.id)
    if effect.kind == "joined" and family_id is not None:
        families.set_consent(db, family_id, JOINED_CONSENT_BASIS, message.received_at)
    return True
