"""Save the effects of a turn on cases: open, join, or reopen a case, and forward messages to staff."""

from collections.abc import Iterator
from datetime import timedelta

from bot.base.database import Transaction
from bot.flows.effects import Escalation
from bot.flows.voice_messages import VOICE_MESSAGE_MARK
from bot.messaging import attendance_effects, voice_note_effects
from bot.messaging.message_context import MessageContext, TurnResult
from bot.nlu import mask_pii
from bot.runtime import Runtime
from bot.store.announcements import recipients
from bot.store.cases import case_messages, case_transitions, cases
from bot.store.cases.case_messages import CaseMessageState, NewCaseMessage

ANNOUNCEMENT_REPLY_PERIOD = timedelta(days=3)
"""How long after an announcement a family's new question is shown beside it."""
STAFF_LANGUAGE = "en"
"""The language of a case that nobody has taken yet."""
MAX_QUOTED_CHARACTERS = 600
"""The limit of the opening message that is stored, masked, with its case."""


def build_case_answers(effect: Escalation, text: str) -> dict[str, str]:
    """Return the family's words that a case keeps: its answers and the opening message, masked."""
    answers = {name: mask_pii(value)[0] for name, value in effect.answers}
    opening_message = mask_pii(text)[0].strip()[:MAX_QUOTED_CHARACTERS]
    if " " not in opening_message or opening_message in answers.values():
        return answers
    return {cases.OPENING_MESSAGE_KEY: opening_message, **answers}


def open_case(
    runtime: Runtime, db: Transaction, message: MessageContext, number: int, effect: Escalation, result: TurnResult
) -> None:
    """Open the case of an escalation, or join the family's open case about the topic."""
    if effect.should_join_open_case:
        effect = voice_note_effects.join_open_case(runtime, db, message.contact.id, effect)
    if effect.should_reopen and message.asked_case_id and _reopen_case(runtime, db, message, effect, result):
        return
    sid, contact_id, language, now = message.inbound.sid, message.contact.id, message.language, message.received_at
    answers, school = build_case_answers(effect, message.inbound.text), _find_school(runtime, message, effect)
    new_case = cases.NewCase(
        contact_id, effect.topic, effect.severity, effect.to, effect.about, language, answers, school
    )
    case = cases.open_or_join(db, sid, number, new_case, now)
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
    recipient = None
    if replied_to_sid:
        recipient = recipients.find_by_sid(db, replied_to_sid)
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
        language = _choose_text_language(message, text)
        is_foreign = author == "family" and language != STAFF_LANGUAGE
        needs_translation = is_foreign or should_notify_assignee
        case_message = NewCaseMessage(
            case.id,
            f"{case.id}:{cause}",
            "family" if author == "family" else "helper",
            language,
            text[:MAX_QUOTED_CHARACTERS],
            to_language=STAFF_LANGUAGE if needs_translation else None,
            state=_choose_message_state(is_foreign, should_notify_assignee),
        )
        message_id = case_messages.add(db, case_message, message.received_at)
        if needs_translation:
            yield message_id


def _choose_text_language(message: MessageContext, text: str) -> str:
    if text == VOICE_MESSAGE_MARK:
        return STAFF_LANGUAGE
    return message.language


def _choose_message_state(is_foreign: bool, should_notify_assignee: bool) -> CaseMessageState:
    if should_notify_assignee:
        return "waiting"
    if is_foreign:
        return "before"
    return "kept"


def forward_to_staff(runtime: Runtime, db: Transaction, message: MessageContext, result: TurnResult) -> None:
    """Save the family's message with the case that staff are writing about. A resolved case is reopened."""
    now = message.received_at
    case = cases.find(db, message.active_case_id or 0)
    if case is None:
        return
    staff = runtime.library.district.staff.get(case.claimed_by or "")
    target_language = STAFF_LANGUAGE
    if staff:
        target_language = staff.languages[0]
    text = mask_pii(message.inbound.text)[0].strip() or voice_note_effects.get_media_placeholder(message.inbound)
    language = _choose_text_language(message, text)
    case_message = NewCaseMessage(
        case.id, message.inbound.sid, "family", language, text, to_language=target_language, state="waiting"
    )
    result.message_ids_to_translate.append(case_messages.add(db, case_message, now))
    reminder_at = now + timedelta(minutes=runtime.library.district.paging.chase_minutes)
    if not case_transitions.record_family_reply(db, case.id, reminder_at, now) and not case.is_open:
        result.case_ids_to_alert.append(case_transitions.reopen(db, case, message.inbound.sid, now))
