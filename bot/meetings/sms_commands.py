"""Answer texts about a meeting: GO K7Q2MX, NOGO K7Q2MX, and ASK K7Q2MX with an anonymous question.

The words are the same Latin words in every language, so that one instruction fits every invitation. The code alone
also accepts. "1" accepts too, if the invitation was the last text that the family got and no question is pending.
"""

import logging
import re
from datetime import timedelta

from redis import RedisError

from bot.announcements.text import MEETING_LINK_PATTERN
from bot.base.database import Transaction, now
from bot.base.language_names import get_english_name
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.base.text_normalization import NormalizedText
from bot.content.texts import TextId
from bot.flows.effects import Notice
from bot.meetings import rules
from bot.meetings import texts as meetings_texts
from bot.meetings.rsvp_parser import RsvpReply
from bot.messaging.command_request import CommandRequest
from bot.messaging.inbound_message import InboundMessage
from bot.messaging.reply_context import understand_text
from bot.nlu import mask_pii
from bot.runtime import Runtime
from bot.store.announcements import announcements, recipients
from bot.store.cases import deliveries
from bot.store.families import contacts
from bot.store.families.contacts import Contact
from bot.store.meetings import meeting_interpreters as booked
from bot.store.meetings import meeting_questions, meetings, rsvps
from bot.store.meetings.meetings import Meeting

PHONE_NUMBER_PATTERN = re.compile(r"\+?\d[\d\s().-]{5,}\d")
MAX_ATTENDEES_PER_FAMILY = 12
MAX_QUESTION_LENGTH = 500
INVITATION_REPLY_PERIOD = timedelta(days=7)
QUESTION_LANGUAGE_CONFIDENCE = 0.6
QUESTION_REPEAT_SECONDS = 24 * 3600
MEETING_INTERPRETER_ROLE = "language_access"

log = logging.getLogger(__name__)


def run_command(request: CommandRequest, rsvp_reply: RsvpReply) -> str | None:
    """Answer an invitation reply, or return None if no meeting has this code. A repeated message changes nothing more.

    Raises `SQLAlchemyError` if the database is away.
    """
    runtime, message = request.runtime, request.message
    if rsvp_reply.kind == "short_yes":
        meeting = _find_meeting_of_short_yes(runtime, message)
        if meeting is None:
            return None
        return _accept(runtime, message, meeting, rsvp_reply)
    with runtime.database.read() as db:
        meeting = meetings.find_by_code(db, rsvp_reply.code)
    if meeting is None and (rsvp_reply.kind == "check" or not rsvp_reply.has_keyword):
        return None
    if rsvp_reply.question and _is_emergency(runtime, rsvp_reply.question):
        return None
    return _REPLY_HANDLERS[rsvp_reply.kind](runtime, message, meeting, rsvp_reply)


def _is_emergency(runtime: Runtime, question: str) -> bool:
    """Return whether the text reports an emergency instead of asking about a meeting."""
    return understand_text(runtime.library, NormalizedText(question), None).severity == "escalate_now"


def _find_meeting_of_short_yes(runtime: Runtime, inbound: InboundMessage) -> Meeting | None:
    """Return the meeting that "1" or "go" accepts: by the phone's reply function, or right after the invitation."""
    with runtime.database.read() as db:
        contact = contacts.find(db, inbound.address)
        if contact is None or contact.active_case_id:
            return None
        replied_to = None
        if inbound.replied_to_sid:
            replied_to = recipients.find_by_sid(db, inbound.replied_to_sid)
        newest = replied_to or recipients.find_newest_for_contact(db, contact.id, now() - INVITATION_REPLY_PERIOD)
        if newest is None:
            return None
        meeting = _find_invited_meeting(db, newest.announcement_id)
    if meeting is None or not meeting.is_upcoming:
        return None
    if replied_to is None and _is_question_pending(runtime, contact):
        return None
    return meeting


def _find_invited_meeting(db: Transaction, announcement_id: int) -> Meeting | None:
    """Find the meeting by the link of its invitation, which also works after the invitation was drafted again."""
    announcement = announcements.find(db, announcement_id)
    if announcement is None:
        return None
    match = MEETING_LINK_PATTERN.search(announcement.link)
    if match is None:
        return None
    return meetings.find_by_code(db, match[1])


def _is_question_pending(runtime: Runtime, contact: Contact) -> bool:
    """Return whether a question waits for this family's answer. Then "1" is that answer."""
    try:
        return runtime.conversations.has_pending_question(runtime.compute_lookup_hash(contact.address))
    except RedisError:
        return True


def _get_language(runtime: Runtime, contact: Contact | None) -> str:
    if contact is None:
        return ""
    return contact.language or ""


def _accept(runtime: Runtime, inbound: InboundMessage, meeting: Meeting | None, rsvp_reply: RsvpReply) -> str:
    return _record_response(runtime, inbound, meeting, min(rsvp_reply.attendee_count, MAX_ATTENDEES_PER_FAMILY) or 1)


def _decline(runtime: Runtime, inbound: InboundMessage, meeting: Meeting | None, rsvp_reply: RsvpReply) -> str:
    return _record_response(runtime, inbound, meeting, 0)


def _record_response(runtime: Runtime, inbound: InboundMessage, meeting: Meeting | None, attendee_count: int) -> str:
    """Save the response, and reply with what the family must know."""
    current_time, interpreter_notice_id = now(), None
    with runtime.database.write() as db:
        contact = contacts.find(db, inbound.address) or contacts.add(db, inbound.address, inbound.channel, current_time)
        family_id, language = contact.family_id or 0, _get_language(runtime, contact)
        if meeting is None:
            return _build_single_text(runtime, db, contact, meeting, "gathering_unknown")
        if meeting.state == "over" or (meeting.starts_at <= current_time and attendee_count):
            return _build_single_text(runtime, db, contact, meeting, "gathering_over")
        if meeting.state == "canceled":
            return _build_single_text(runtime, db, contact, meeting, "gathering_canceled")
        texts: list[TextId] = ["gathering_no"]
        # A refusal without an earlier answer has nothing to change, so nothing is saved.
        if attendee_count or rsvps.get_response(db, meeting.id, family_id):
            rsvps.set_response(
                db, (meeting.id, meeting.revision), (family_id, contact.id), language, attendee_count, current_time
            )
        if attendee_count:
            interpreter_notice_id = _request_interpreter(runtime, db, meeting, language)
            texts = _list_confirmation_texts(meeting, rsvps.has_opted_out(db, family_id))
        composer = meetings_texts.build_composer(runtime, meeting, language, current_time, attendee_count)
        reply = meetings_texts.compose_text(runtime, db, contact.id, composer, texts, language)
    if interpreter_notice_id:
        enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, interpreter_notice_id)
    return reply


def _list_confirmation_texts(meeting: Meeting, is_opted_out: bool) -> list[TextId]:
    texts: list[TextId] = ["gathering_yes", *meetings_texts.list_joining_texts(meeting)]
    if not is_opted_out:
        texts.append("gathering_reminds")
    return [*texts, "gathering_calendar"]


def _build_single_text(
    runtime: Runtime, db: Transaction, contact: Contact, meeting: Meeting | None, text: TextId
) -> str:
    language = _get_language(runtime, contact)
    about = meeting or Meeting("", "", now(), now())
    composer = meetings_texts.build_composer(runtime, about, language, now())
    return meetings_texts.compose_text(runtime, db, contact.id, composer, [text], language)


def _request_interpreter(runtime: Runtime, db: Transaction, meeting: Meeting, language: str) -> str | None:
    """Notify the coordinator once, if this is the first family of a language without a trained interpreter."""
    missing = rules.find_missing_languages([language], booked.list_for_meeting(db, meeting.id))
    current_time, district = now(), runtime.library.district
    if not missing or not meetings.record_interpreter_request(db, meeting.id, language, current_time):
        return None
    meetings.change_state(db, meeting.id, ("ready",), "planned")
    person = next(iter(district.list_alert_recipients(MEETING_INTERPRETER_ROLE, current_time)))
    body = (
        f"{district.name}: meeting {meeting.id} needs a trained interpreter: {get_english_name(language)}."
        f" {runtime.settings.public_base}/console/gatherings/{meeting.id}"
    )
    return deliveries.plan_notice(db, {"staff": person}, body, district.find_next_work_time(person, current_time))


def _submit_question(runtime: Runtime, inbound: InboundMessage, meeting: Meeting | None, rsvp_reply: RsvpReply) -> str:
    """Save an anonymous question. It contains nothing about the family, and the family's records nothing about it."""
    current_time = now()
    masked = PHONE_NUMBER_PATTERN.sub("[…]", mask_pii(rsvp_reply.question)[0])
    text = masked.strip()[:MAX_QUESTION_LENGTH]
    with runtime.database.read() as db:
        contact = contacts.find(db, inbound.address)
    language = _get_language(runtime, contact)
    about = meeting or Meeting("", "", current_time, current_time)
    composer = meetings_texts.build_composer(runtime, about, language, current_time)
    if meeting is None:
        return composer.compose([Notice("gathering_unknown")])
    if not text:
        return composer.compose([Notice("gathering_ask_how")])
    if not meeting.is_upcoming:
        return composer.compose([Notice("gathering_over")])
    _save_question(runtime, meeting, text, language, inbound.sid)
    return composer.compose([Notice("gathering_asked")])


def _save_question(runtime: Runtime, meeting: Meeting, text: str, language: str, sid: str) -> None:
    """Save a question once. Redis remembers for a day which messages are saved, because Twilio may repeat one."""
    mark = f"puente:asked:{sid}"
    try:
        if runtime.redis.exists(mark):
            return
    except RedisError:
        mark = ""
    understanding = understand_text(runtime.library, NormalizedText(text), None)
    if not language and understanding.lang_confidence >= QUESTION_LANGUAGE_CONFIDENCE:
        language = understanding.lang or ""
    with runtime.database.write() as db:
        day = runtime.library.district.to_local_time(now()).date()
        meeting_questions.add(db, meeting.id, text, language, day)
    if mark:
        runtime.redis.set(mark, 1, ex=QUESTION_REPEAT_SECONDS)


def _confirm_genuine(runtime: Runtime, inbound: InboundMessage, meeting: Meeting | None, rsvp_reply: RsvpReply) -> str:
    assert meeting is not None, "run_command() returns earlier without a meeting"
    with runtime.database.read() as db:
        contact = contacts.find(db, inbound.address)
    language = _get_language(runtime, contact)
    composer = meetings_texts.build_composer(runtime, meeting, language, now())
    if meeting.state == "canceled":
        return composer.compose([Notice("gathering_canceled")])
    if not meeting.is_upcoming or meeting.starts_at <= now():
        return composer.compose([Notice("gathering_over")])
    texts: list[TextId] = ["gathering_genuine", *meetings_texts.list_joining_texts(meeting)]
    return composer.compose([Notice(text) for text in texts])


_REPLY_HANDLERS = {"yes": _accept, "no": _decline, "ask": _submit_question, "check": _confirm_genuine}
