"""Talking through translation: staff write in their language, the family reads its own, and back.

The original always stands beside the translation, on both sides.  While a person talks with a family the helper is
silent, but for emergencies and commands; it says when it hands over and when it is back.
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
from bot.store.cases.case_messages import CaseMessage, MessageTranslation, NewCaseMessage
from bot.store.cases.cases import Case
from bot.store.families import contacts
from bot.store.families.contacts import Contact
from bot.translation.safe_translator import TranslatedText

STAFF_NOTICE_INTERVAL_SECONDS = 300
"""Seconds between two texts to staff that the family has written: one is enough to open the console."""
FAMILY_REPLY_PERIOD = timedelta(days=1)
"""So long a family may take to answer before who has the case is reminded of it."""
LOST_MESSAGE_STATES = frozenset({"failed", "undelivered", "held", "canceled"})
WAITING_TEMPLATE = "waiting"
"""The approved WhatsApp template that says: the school has a message, please write (`templates` in district.yaml)."""
NOT_TRANSLATED_FLAG = "not translated"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StaffMessage:
    """What a member of staff wants a family to read.  `cause` makes a repeated form or text count once."""

    case_id: int
    staff: str
    text: str
    cause: str


def get_staff_language(runtime: Runtime, staff: str | None) -> str:
    """The language in which a member of staff reads and writes: the first of the district file."""
    member = runtime.library.district.staff.get(staff or "")
    return member.languages[0] if member else "en"


def draft_message(runtime: Runtime, staff_message: StaffMessage) -> int:
    """Translate what staff wrote and keep it as a draft, for a look before it is sent; the message's number."""
    message = get_message(runtime, _add_message(runtime, staff_message, "drafting"))
    if message.state == "drafting":
        _translate_and_save(runtime, message, "draft")
    return message.id


def queue_message(runtime: Runtime, staff_message: StaffMessage) -> int:
    """For a text from a staff phone: a job translates and sends it; a doubtful translation waits in the console."""
    message_id = _add_message(runtime, staff_message, "waiting")
    enqueue(runtime.redis, "urgent", TRANSLATE_MESSAGE_JOB, message_id)
    return message_id


def _add_message(runtime: Runtime, staff_message: StaffMessage, state: str) -> int:
    with runtime.database.write() as db:
        case = cases.get(db, staff_message.case_id)
        to = contacts.get(db, case.contact_id).language or "en"
        new = NewCaseMessage(
            case.id,
            staff_message.cause,
            "staff",
            get_staff_language(runtime, staff_message.staff),
            staff_message.text,
            staff_message.staff,
            to,
            state,
        )
        return case_messages.add(db, new, now())


def get_message(runtime: Runtime, message_id: int) -> CaseMessage:
    """One message of a talk; raises `sqlalchemy.exc.NoResultFound`."""
    with runtime.database.read() as db:
        return case_messages.get(db, message_id)


def translate_message(runtime: Runtime, message_id: int) -> None:
    """The job: translate what waits for it, then tell staff (a family's words) or send it (staff's, by text)."""
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
    made = _make_translation(runtime, message)
    whole = replace(message, translation=made.text, machine=made.machine)
    doubtful = (
        bool(made.warnings) or (made.machine == "yes" and not made.back) or not can_send_as_one_message(runtime, whole)
    )
    _save_translation(runtime, message, made, "draft" if doubtful else "to_send")
    if doubtful:
        _request_translation_review(runtime, message)
    else:
        send_message(runtime, message.id)


def _translate_and_save(runtime: Runtime, message: CaseMessage, state: str) -> None:
    _save_translation(runtime, message, _make_translation(runtime, message), state)


def _make_translation(runtime: Runtime, message: CaseMessage) -> TranslatedText:
    target = message.to_language or message.language
    by_staff = message.author == "staff"
    return runtime.safe_translator.translate(
        message.original, message.language, target, should_check=by_staff, cache_seconds=0
    )


def _save_translation(runtime: Runtime, message: CaseMessage, translated: TranslatedText, state: str) -> None:
    """Where no translation can be had the case is flagged and the original stands for itself."""
    made = MessageTranslation(translated.text, translated.back, translated.warnings, translated.machine)
    with runtime.database.write() as db:
        kept = "untranslated" if translated.failure and state == "done" else state
        case_messages.save_translation(db, message.id, made, kept)
        if translated.failure and message.state != "before":
            case_transitions.flag(db, message.case_id, NOT_TRANSLATED_FLAG)
    if translated.failure:
        log.warning("not translated: case=%s message=%s reason=%s", message.case_id, message.id, translated.failure)


def send_message(runtime: Runtime, message_id: int) -> bool:
    """A draft goes to the family, and the talk has begun; False if it was sent or thrown away, or the case is done."""
    at = now()
    with runtime.database.write() as db:
        message = case_messages.get(db, message_id)
        case = cases.get(db, message.case_id)
        contact = contacts.get(db, case.contact_id)
        if not case.is_open or not case_messages.claim(db, message_id):
            return False
        body = build_family_text(runtime, case, message, contact, is_first=contact.talking_case != case.id)
        delivery_id = deliveries.plan_staff_message(db, contact.id, body, at)
        case_messages.set_delivery(db, message_id, None, delivery_id)
        later = (
            escalation_policy.find_assignee_reminder_time(runtime.library.district, case, at + FAMILY_REPLY_PERIOD)
            or at + FAMILY_REPLY_PERIOD
        )
        case_transitions.wait_for_family(db, case.id, message.staff or "staff", later, at)
        contacts.set_active_case(db, contact.id, case.id)
    _set_active_case(runtime, contact, case.id)
    enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
    return True


def resend_message(runtime: Runtime, message_id: int) -> bool:
    """What did not arrive is sent once more; False while it is under way or has arrived."""
    at = now()
    try:
        with runtime.database.write() as db:
            message = case_messages.get(db, message_id)
            before = deliveries.find(db, message.delivery_id or "")
            if before is None or before.state not in LOST_MESSAGE_STATES:
                return False
            case = cases.get(db, message.case_id)
            contact = contacts.get(db, case.contact_id)
            body = build_family_text(runtime, case, message, contact, False)
            delivery_id = deliveries.plan_staff_message(db, contact.id, body, at)
            if not case_messages.set_delivery(db, message_id, before.id, delivery_id):
                raise _AlreadyResentError  # and nothing of this is kept
    except _AlreadyResentError:
        return False
    enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
    return True


class _AlreadyResentError(Exception):
    """Another click was faster."""


def handle_undelivered_message(runtime: Runtime, delivery_id: str) -> None:
    """A text of staff did not arrive: the case does not wait for an answer to it, and who wrote it is told."""
    at, district = now(), runtime.library.district
    with runtime.database.write() as db:
        message = case_messages.find_by_delivery(db, delivery_id)
        if message is None:
            return
        case = cases.get(db, message.case_id)
        chase_at = escalation_policy.find_assignee_reminder_time(district, case, at) or at + FAMILY_REPLY_PERIOD
        if not case_transitions.return_to_staff(db, case.id, chase_at) or message.staff not in district.staff:
            return
        where = f"{runtime.settings.public_base}/console/cases/{case.id}"
        body = add_drill_label(case, f"{district.name}: your text in case {case.id} did not arrive. {where}")
        planned = notices.plan_staff_notice(runtime, db, message.staff or "", body, at)
    enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, planned)


def ask_family_to_write(runtime: Runtime, case_id: int) -> bool:
    """Ask a family that no free text reaches to write, by an approved template, once a day; False if there is none."""
    at = now()
    with runtime.database.write() as db:
        contact = contacts.get(db, cases.get(db, case_id).contact_id)
        asked = deliveries.find_last_planned_at(db, contact.id, WAITING_TEMPLATE)
        if not find_delivery_route(runtime, contact, WAITING_TEMPLATE).template or (
            asked and asked > at - timedelta(days=1)
        ):
            return False
        delivery_id = deliveries.plan_staff_message(db, contact.id, WAITING_TEMPLATE, at, kind=WAITING_TEMPLATE)
    enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
    return True


def end_conversation(runtime: Runtime, db: Transaction, case: Case, at: datetime) -> list[str]:
    """The helper is back: the family is told, if it was talking about this case.  Then call `forget`."""
    contact = contacts.get(db, case.contact_id)
    if contact.talking_case != case.id:
        return []
    contacts.set_active_case(db, contact.id, None)
    if contact.stopped_at or case.topic in cases.STAFF_TOPICS:
        return []  # the desk hears from the front office's line how it ends; it is no family
    return [notices.plan_family_notice(runtime, db, contact, "talk_ends", at, {})]


def hand_back_to_bot(runtime: Runtime, case_id: int) -> bool:
    """Staff give the family back to the helper while the case goes on; False if there was no talk."""
    at = now()
    with runtime.database.write() as db:
        case = cases.get(db, case_id)
        planned = end_conversation(runtime, db, case, at)
        case_transitions.return_to_staff(
            db,
            case_id,
            escalation_policy.find_assignee_reminder_time(runtime.library.district, case, at)
            or at + FAMILY_REPLY_PERIOD,
        )
    clear_active_case(runtime, case.contact_id)
    for delivery_id in planned:
        enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
    return bool(planned)


def clear_active_case(runtime: Runtime, contact_id: int) -> None:
    """The day's conversation no longer says that a person talks with this family."""
    with runtime.database.read() as db:
        contact = contacts.get(db, contact_id)
    _set_active_case(runtime, contact, contact.talking_case)


def _set_active_case(runtime: Runtime, contact: Contact, case_id: int | None) -> None:
    """Redis away: the next message reads the database, which knows."""
    try:
        runtime.conversations.set_active_case(runtime.compute_lookup_hash(contact.address), case_id)
    except RedisError as error:
        log.warning("talk not marked: %s", type(error).__name__)


def _notify_staff(runtime: Runtime, message: CaseMessage) -> None:
    """Who has the case hears that the family wrote; not what."""
    at, district = now(), runtime.library.district
    with runtime.database.read() as db:
        case = cases.get(db, message.case_id)
    if not claim_staff_notice(runtime, case.id):
        return
    known = case.claimed_by in district.staff
    people = [case.claimed_by or ""] if known else list(district.list_alert_recipients(case.role, at, case.school))
    did = "sent a voice message" if message.original == VOICE_MESSAGE_MARK else "written"
    body = (
        f"{district.name}: the family has {did} in case {case.id}."
        f" {runtime.settings.public_base}/console/cases/{case.id}"
    )
    with runtime.database.write() as db:
        planned = [notices.plan_staff_notice(runtime, db, person, add_drill_label(case, body), at) for person in people]
    for delivery_id in planned:
        enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)


def _request_translation_review(runtime: Runtime, message: CaseMessage) -> None:
    body = (
        f"{runtime.library.district.name}: your text in case {message.case_id} was not sent: the translation may"
        f" differ. Please look at it. {runtime.settings.public_base}/console/cases/{message.case_id}"
    )
    with runtime.database.write() as db:
        case = cases.get(db, message.case_id)
        planned = notices.plan_staff_notice(runtime, db, message.staff or "", add_drill_label(case, body), now())
    enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, planned)


def claim_staff_notice(runtime: Runtime, case_id: int) -> bool:
    """Whether staff may be told that something was written in this case; without Redis rather twice than never."""
    try:
        return bool(runtime.redis.set(f"told:case:{case_id}", 1, nx=True, ex=STAFF_NOTICE_INTERVAL_SECONDS))
    except RedisError:
        return True
