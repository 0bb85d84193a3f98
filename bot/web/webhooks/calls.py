"""Answer Twilio's callbacks of calls: read alerts to staff, who press 1 to take the case, and run flows for families.

A call to staff never says a family's words, number, or name. Every callback gets TwiML with a sentence: on a 503,
Twilio would say "an application error has occurred".
"""

import logging
from collections.abc import Mapping

from flask import Response, g
from sqlalchemy.exc import SQLAlchemyError
from twilio.twiml.voice_response import Gather, VoiceResponse

from bot.cases import assignment
from bot.content.catalog import SOURCE_LANGUAGE
from bot.messaging import delivery_status
from bot.messaging.delivery_status import DeliveryReport
from bot.messaging.inbound_handler import ServiceUnavailableError
from bot.runtime import Runtime
from bot.store.announcements import recipients
from bot.store.cases import deliveries
from bot.store.cases.deliveries import Delivery
from bot.web.webhooks import call_state, incoming_call, outgoing_call
from bot.web.webhooks.twiml_speech import Speaker, split_sentences

ALERT_READ_COUNT = 2
"""How many times a call reads an alert: a staff member who was asleep misses the first words."""
KEY_TIMEOUT_SECONDS = 8
TAKE_KEY_PROMPT = "Press 1 to take it."
TAKE_BY_TEXT_MESSAGE = "To take it, reply TAKE {case} to the text message that we sent you. Goodbye."
ALERT_OVER_MESSAGE = "This alert is over. Please open the console to see your cases. Goodbye."
UNAVAILABLE_MESSAGE = "Something isn't working, and nothing was saved. Please open the console. Goodbye."
log = logging.getLogger(__name__)


def answer_call(runtime: Runtime, form: Mapping[str, str], args: Mapping[str, str]) -> Response:
    """Return the next part of a call as TwiML. `m` is the row ID of an outgoing call; an incoming call has none."""
    delivery_id = args.get("m", "")
    try:
        if delivery_id:
            return _build_response(_answer_outgoing_call(runtime, form, args, delivery_id))
        return _build_response(_answer_incoming_call(runtime, form, args))
    except (SQLAlchemyError, ServiceUnavailableError) as error:
        log.warning("call not served: delivery=%s reason=%s", delivery_id[:32], type(error).__name__)
    except Exception as error:  # a bug in Puente: a caller in danger must not hear Twilio's error message
        log.exception("a call broke us: %s", type(error).__name__)
        g.has_failed = True  # count the request as failed, although it gets an answer
    return _build_response(_answer_unavailable(runtime, form, args))


def _answer_outgoing_call(
    runtime: Runtime, form: Mapping[str, str], args: Mapping[str, str], delivery_id: str
) -> VoiceResponse:
    with runtime.database.read() as db:
        delivery = deliveries.find(db, delivery_id)
        rows = recipients.get_many(db, [delivery_id]) if recipients.is_recipient_id(delivery_id) else []
    if rows and rows[0].channel == "voice":
        return outgoing_call.answer_announcement_call(runtime, form, rows[0])
    if delivery and delivery.transport == "call" and delivery.contact_id is not None:
        return outgoing_call.answer_message_call(runtime, form, delivery, delivery.contact_id)
    if (delivery and delivery.staff) or _is_staff(runtime, form):
        return _answer_alert_call(runtime, form, delivery)
    return outgoing_call.answer_erased_call(call_state.parse_call(runtime, form, args), form)


def _answer_unavailable(runtime: Runtime, form: Mapping[str, str], args: Mapping[str, str]) -> VoiceResponse:
    """Say that Puente is unavailable. Without the database, only the phone number shows that the caller is staff."""
    if _is_staff(runtime, form):
        return _build_spoken_message(UNAVAILABLE_MESSAGE)
    return incoming_call.say_unavailable(call_state.parse_call(runtime, form, args))


def _is_staff(runtime: Runtime, form: Mapping[str, str]) -> bool:
    return form.get("To") in {staff_member.phone for staff_member in runtime.library.district.staff.values()}


def _answer_incoming_call(runtime: Runtime, form: Mapping[str, str], args: Mapping[str, str]) -> VoiceResponse:
    page = args.get("page", "")
    page_number = int(page) if page.isdecimal() and len(page) < 3 else None
    return incoming_call.continue_call(call_state.parse_call(runtime, form, args), form, page_number)


def _answer_alert_call(runtime: Runtime, form: Mapping[str, str], delivery: Delivery | None) -> VoiceResponse:
    """Answer a callback of an alert call to a staff member. The same request always has the same effect."""
    if not delivery or delivery.transport != "call" or delivery.case_id is None:
        return _build_spoken_message(ALERT_OVER_MESSAGE)
    staff = delivery.staff or ""
    if staff not in runtime.library.district.staff:
        return _build_spoken_message(ALERT_OVER_MESSAGE)
    if form.get("CallSid"):  # the staff member picked up
        delivery_status.record_report(runtime, DeliveryReport(form["CallSid"][:34], "sent", delivery.id))
    if "Digits" not in form:
        return _read_alert(runtime, delivery)
    if form["Digits"] != "1":
        return _build_spoken_message(TAKE_BY_TEXT_MESSAGE.format(case=delivery.case_id))
    return _build_spoken_message(_take_case(runtime, delivery.case_id, staff))


def _read_alert(runtime: Runtime, delivery: Delivery) -> VoiceResponse:
    document = VoiceResponse()
    callback_url = f"{runtime.settings.public_base}/webhooks/twilio/voice?m={delivery.id}"
    gather = document.gather(num_digits=1, timeout=KEY_TIMEOUT_SECONDS, action=callback_url, method="POST")
    for _ in range(ALERT_READ_COUNT):
        _say_sentences(gather, f"{delivery.body or runtime.library.district.name} {TAKE_KEY_PROMPT}")
    _say_sentences(document, f"You didn't press a key. {TAKE_BY_TEXT_MESSAGE.format(case=delivery.case_id)}")
    document.hangup()
    return document


def _take_case(runtime: Runtime, case: int, staff: str) -> str:
    """Take the case, and return the sentence that tells the staff member the result."""
    result = assignment.take_case(runtime, case, staff, "by phone")
    log.info("key pressed: case=%s outcome=%s", case, result.outcome)
    return {
        "yours": f"You have case {case}. Open the console. Goodbye.",
        "theirs": f"Case {case} was taken by {result.assignee_name}. Goodbye.",
        "closed": f"Case {case} is closed. Goodbye.",
    }.get(result.outcome, ALERT_OVER_MESSAGE)


def _build_spoken_message(text: str) -> VoiceResponse:
    document = VoiceResponse()
    _say_sentences(document, text)
    document.hangup()
    return document


def _say_sentences(document: VoiceResponse | Gather, text: str) -> None:
    """Say a text with a pause after each sentence: the staff member on call may have been asleep."""
    speaker = Speaker(SOURCE_LANGUAGE)
    for sentence in split_sentences(text):
        speaker.say_text(document, sentence)


def _build_response(document: VoiceResponse) -> Response:
    return Response(str(document), mimetype="text/xml")
