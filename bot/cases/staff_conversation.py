"""Let staff and a family write to each other, each in their own language.

Both sides see the original beside the translation. While staff write with a family, the bot answers only emergencies
and commands. It says when it hands over and when it is back.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from redis import RedisError

from bot.base.database import Transaction, now
from bot.base.queues import DELIVER_MESSAGE_JOB, TRANSLATE_MESSAGE_JOB, enqueue
from bot.cases import escalation_policy, notices
from bot.cases.alert_text import add_drill_label
from bot.cases.conversation_text import build_family_text, can_send_as_one_message
from bot.flows.voice_messages import VOICE_MESSAGE_MARK
from bot.messaging.contact_policy import find_delivery_route
from bot.runtime import Runtime
from bot.store.cases import case_messages, case_transitions, cases, deliveries
from bot.store.cases.case_messages import CaseMessage, CaseMessageState, MessageTranslation, NewCaseMessage
from bot.store.cases.cases import Case
from bot.store.families import contacts
from bot.store.families.contacts import Contact
from bot.translation.safe_translator import TranslatedText

STAFF_NOTICE_INTERVAL_SECONDS = 300
"""The time between two notices that the family has written. One is enough to open the console."""
FAMILY_REPLY_PERIOD = timedelta(days=1)
"""How long a family may take to answer before the assignee gets a reminder."""
LOST_MESSAGE_STATES = frozenset({"failed", "undelivered", "held", "canceled"})
WAITING_TEMPLATE = "waiting"
"""The approved WhatsApp template that asks the family to write (`templates` in district.yaml)."""
NOT_TRANSLATED_FLAG = "not translated"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StaffMessage:
    """A staff member's text for a family. `cause` makes a repeated form or text count once."""

    case_id: int
    staff: str
    text: str
    cause: str


def get_staff_language(runtime: Runtime, staff: str | None) -> str:
    """Return the language of a staff member: the first one in the district file."""
    member = runtime.library.district.staff.get(staff or "")
    return member.languages[0] if member else "en"


def draft_message(runtime: Runtime, staff_message: StaffMessage) -> int:
    """Translate a staff message, save it as a draft to check before it is sent, and return its id."""
    message = get_message(runtime, _add_message(runtime, staff_message, "drafting"))
    if message.state == "drafting":
        _translate_and_save(runtime, message, "draft")
    return message.id


def queue_message(runtime: Runtime, staff_message: StaffMessage) -> int:
    """Queue a text from a staff phone. A job translates and sends it. A doubtful translation waits in the console."""
    message_id = _add_message(runtime, staff_message, "waiting")
    enqueue(runtime.redis, "urgent", TRANSLATE_MESSAGE_JOB, message_id)
    return message_id


def _add_message(runtime: Runtime, staff_message: StaffMessage, state: CaseMessageState) -> int:
    with runtime.database.write() as db:
        case = cases.get(db, staff_message.case_id)
        family_language = contacts.get(db, case.contact_id).language or "en"
        message = NewCaseMessage(
            case.id,
            staff_message.cause,
            "staff",
            get_staff_language(runtime, staff_message.staff),
            staff_message.text,
            staff_message.staff,
            family_language,
            state,
        )
        return case_messages.add(db, message, now())


def get_message(runtime: Runtime, message_id: int) -> CaseMessage:
    """Return one message of a conversation.

    Raises:
        sqlalchemy.exc.NoResultFound: There is no such message.
    """
    with runtime.database.read() as db:
        return case_messages.get(db, message_id)


def translate_message(runtime: Runtime, message_id: int) -> None:
    """Translate a pending message. Then notify staff (of a family's message) or send it (a staff text)."""
    message = get_message(runtime, message_id)
    if message.state == "to_send":
        send_message(runtime, message_id)
    elif message.state == "drafting":
        _translate_and_save(runtime, message, "draft")
    elif message.state in case_messages.PENDING_TRANSLATION_STATES and message.author == "staff":
        _translate_and_send(runtime, message)
    elif message.state in case_messages.PENDING_TRANSLATION_STATES:
        _translate_and_save(runtime, message, "done")
        if message.state == "waiting":
            _notify_staff(runtime, message)


def _translate_and_send(runtime: Runtime, message: CaseMessage) -> None:
    translated = _make_translation(runtime, message)
    full_message = replace(message, translation=translated.text, machine=translated.machine)
    is_unchecked = translated.machine == "yes" and not translated.back
    if translated.warnings or is_unchecked or not can_send_as_one_message(runtime, full_message):
        _save_translation(runtime, message, translated, "draft")
        _request_translation_review(runtime, message)
    else:
        _save_translation(runtime, message, translated, "to_send")
        send_message(runtime, message.id)


def _translate_and_save(runtime: Runtime, message: CaseMessage, state: CaseMessageState) -> None:
    _save_translation(runtime, message, _make_translation(runtime, message), state)


def _make_translation(runtime: Runtime, message: CaseMessage) -> TranslatedText:
    target = message.to_language or message.language
    is_from_staff = message.author == "staff"
    return runtime.safe_translator.translate(
        message.original, message.language, target, should_check=is_from_staff, cache_seconds=0
    )


def _save_translation(
    runtime: Runtime, message: CaseMessage, translated: TranslatedText, state: CaseMessageState
) -> None:
    """Save the translation. Without one, flag the case and show only the original."""
    translation = MessageTranslation(translated.text, translated.back, translated.warnings, translated.machine)
    with runtime.database.write() as db:
        final_state = "untranslated" if translated.failure and state == "done" else state
        case_messages.save_translation(db, message.id, translation, final_state)
        if translated.failure and message.state != "before":
            case_transitions.flag(db, message.case_id, NOT_TRANSLATED_FLAG)
    if translated.failure:
        log.warning("not translated: case=%s message=%s reason=%s", message.case_id, message.id, translated.failure)


def send_message(runtime: Runtime, message_id: int) -> bool:
    """Send a draft to the family and start the conversation.

    Return False if it was sent or dropped before, or the case is resolved.
    """
    current_time = now()
    with runtime.database.write() as db:
        message = case_messages.get(db, message_id)
        case = cases.get(db, message.case_id)
        contact = contacts.get(db, case.contact_id)
        if not case.is_open or not case_messages.claim(db, message_id):
            return False
        body = build_family_text(runtime, case, message, contact, is_first=contact.active_case_id != case.id)
        delivery_id = deliveries.plan_staff_message(db, contact.id, body, current_time)
        case_messages.set_delivery(db, message_id, None, delivery_id)
        reply_due = current_time + FAMILY_REPLY_PERIOD
        reminder_at = escalation_policy.find_assignee_reminder_time(runtime.library.district, case, reply_due)
        case_transitions.wait_for_family(db, case.id, message.staff or "staff", reminder_at or reply_due, current_time)
        contacts.set_active_case(db, contact.id, case.id)
    _set_active_case(runtime, contact, case.id)
    enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
    return True


def resend_message(runtime: Runtime, message_id: int) -> bool:
    """Send a message again that did not arrive. Return False while it is on its way or has arrived."""
    current_time = now()
    try:
        with runtime.database.write() as db:
            message = case_messages.get(db, message_id)
            earlier = deliveries.find(db, message.delivery_id or "")
            if earlier is None or earlier.state not in LOST_MESSAGE_STATES:
                return False
            case = cases.get(db, message.case_id)
            contact = contacts.get(db, case.contact_id)
            body = build_family_text(runtime, case, message, contact, False)
            delivery_id = deliveries.plan_staff_message(db, contact.id, body, current_time)
            if not case_messages.set_delivery(db, message_id, earlier.id, delivery_id):
                raise _AlreadyResentError  # rolls the transaction back
    except _AlreadyResentError:
        return False
    enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
    return True


class _AlreadyResentError(Exception):
    """Another click has resent the message."""


def handle_undelivered_message(runtime: Runtime, delivery_id: str) -> None:
    """Return the case to staff after a text that did not arrive, and tell its author."""
    current_time, district = now(), runtime.library.district
    with runtime.database.write() as db:
        message = case_messages.find_by_delivery(db, delivery_id)
        if message is None:
            return
        case = cases.get(db, message.case_id)
        reminder_at = escalation_policy.find_assignee_reminder_time(district, case, current_time)
        reminder_at = reminder_at or current_time + FAMILY_REPLY_PERIOD
        if not case_transitions.return_to_staff(db, case.id, reminder_at) or message.staff not in district.staff:
            return
        url = f"{runtime.settings.public_base}/console/cases/{case.id}"
        body = add_drill_label(case, f"{district.name}: your text in case {case.id} did not arrive. {url}")
        notice_id = notices.plan_staff_notice(runtime, db, message.staff, body, current_time)
    enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, notice_id)


def ask_family_to_write(runtime: Runtime, case_id: int) -> bool:
    """Ask a family, once a day, to write first, by an approved template. Return False if that is not possible.

    WhatsApp delivers no free text to a family that has not written lately.
    """
    current_time = now()
    with runtime.database.write() as db:
        contact = contacts.get(db, cases.get(db, case_id).contact_id)
        asked_at = deliveries.find_last_planned_at(db, contact.id, WAITING_TEMPLATE)
        if asked_at and asked_at > current_time - timedelta(days=1):
            return False
        if not find_delivery_route(runtime, contact, WAITING_TEMPLATE).template:
            return False
        delivery_id = deliveries.plan_staff_message(
            db, contact.id, WAITING_TEMPLATE, current_time, kind=WAITING_TEMPLATE
        )
    enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
    return True


def end_conversation(runtime: Runtime, db: Transaction, case: Case, current_time: datetime) -> list[str]:
    """End the conversation about this case and plan a notice for the family. Return the delivery ids.

    The caller then runs `clear_active_case`.
    """
    contact = contacts.get(db, case.contact_id)
    if contact.active_case_id != case.id:
        return []
    contacts.set_active_case(db, contact.id, None)
    if contact.opted_out_at or case.topic in cases.STAFF_TOPICS:
        return []  # a front office gets the end from the incident's own texts
    return [notices.plan_family_notice(runtime, db, contact, "talk_ends", current_time, {})]


def hand_back_to_bot(runtime: Runtime, case_id: int) -> bool:
    """End the conversation while the case stays open. Return False if there was no conversation."""
    current_time = now()
    with runtime.database.write() as db:
        case = cases.get(db, case_id)
        delivery_ids = end_conversation(runtime, db, case, current_time)
        reminder_at = escalation_policy.find_assignee_reminder_time(runtime.library.district, case, current_time)
        case_transitions.return_to_staff(db, case_id, reminder_at or current_time + FAMILY_REPLY_PERIOD)
    clear_active_case(runtime, case.contact_id)
    for delivery_id in delivery_ids:
        enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
    return bool(delivery_ids)


def clear_active_case(runtime: Runtime, contact_id: int) -> None:
    """Copy the contact's active case, usually none, from the database to Redis."""
    with runtime.database.read() as db:
        contact = contacts.get(db, contact_id)
    _set_active_case(runtime, contact, contact.active_case_id)


def _set_active_case(runtime: Runtime, contact: Contact, case_id: int | None) -> None:
    """Set the active case in Redis. If Redis is away, the next message reads it from the database."""
    try:
        runtime.conversations.set_active_case(runtime.compute_lookup_hash(contact.address), case_id)
    except RedisError as error:
        log.warning("active case not set: %s", type(error).__name__)


def _notify_staff(runtime: Runtime, message: CaseMessage) -> None:
    """Tell the assignee that the family wrote, but not what."""
    current_time, district = now(), runtime.library.district
    with runtime.database.read() as db:
        case = cases.get(db, message.case_id)
    if not claim_staff_notice(runtime, case.id):
        return
    if case.claimed_by in district.staff:
        people = [case.claimed_by]
    else:
        people = list(district.list_alert_recipients(case.role, current_time, case.school))
    action = "sent a voice message" if message.original == VOICE_MESSAGE_MARK else "written"
    url = f"{runtime.settings.public_base}/console/cases/{case.id}"
    body = add_drill_label(case, f"{district.name}: the family has {action} in case {case.id}. {url}")
    with runtime.database.write() as db:
        notice_ids = [notices.plan_staff_notice(runtime, db, person, body, current_time) for person in people]
    for notice_id in notice_ids:
        enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, notice_id)


def _request_translation_review(runtime: Runtime, message: CaseMessage) -> None:
    url = f"{runtime.settings.public_base}/console/cases/{message.case_id}"
    body = (
        f"{runtime.library.district.name}: your text in case {message.case_id} was not sent, because its translation"
        f" may differ. Please check it. {url}"
    )
    with runtime.database.write() as db:
        case = cases.get(db, message.case_id)
        notice_id = notices.plan_staff_notice(runtime, db, message.staff or "", add_drill_label(case, body), now())
    enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, notice_id)


def claim_staff_notice(runtime: Runtime, case_id: int) -> bool:
    """Say whether staff may get another notice about this case. If Redis is away, two are better than none."""
    try:
        return bool(runtime.redis.set(f"told:case:{case_id}", 1, nx=True, ex=STAFF_NOTICE_INTERVAL_SECONDS))
    except RedisError:
        return True
