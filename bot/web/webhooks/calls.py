"""Calls: what Twilio asks us to say.  An alert is read to staff, who press 1 to take it; families talk with the flows.

A family's words, number or name are never spoken to staff.  Whoever listens hears a
sentence whatever happens: a 503 would be Twilio's own "an application error has occurred".
"""

import logging
from collections.abc import Mapping

from flask import Response, g
from sqlalchemy.exc import SQLAlchemyError
from twilio.twiml.voice_response import Gather, VoiceResponse

from bot.cases import assignment
from bot.content.catalog import SOURCE_LANGUAGE
from bot.messaging import delivery_status
from bot.messaging.delivery_status import Report
from bot.messaging.inbound_handler import Unavailable
from bot.runtime import Services
from bot.store.announcements import recipients
from bot.store.cases import deliveries
from bot.store.cases.deliveries import Delivery
from bot.web.webhooks import call_state, incoming_call, outgoing_call
from bot.web.webhooks.twiml_speech import Speaker, sentences

TIMES = 2
"""So often an alert is read: the first words are lost on somebody who was asleep."""
KEY_SECONDS = 8
PRESS = "Press 1 to take it."
BY_TEXT = "To take it, reply TAKE {case} to the text message that we sent you. Goodbye."
GONE = "This alert is over. Please open the console to see your cases. Goodbye."
AWAY = "Something does not work here, and nothing was written down. Please open the console. Goodbye."
log = logging.getLogger(__name__)


def answer(services: Services, form: Mapping[str, str], args: Mapping[str, str]) -> Response:
    """What is said now, as TwiML: `m` names the row of a call of ours; without it somebody calls us."""
    delivery_id = args.get("m", "")
    try:
        return _twiml(_of_ours(services, form, args, delivery_id) if delivery_id else _caller(services, form, args))
    except (SQLAlchemyError, Unavailable) as error:
        log.warning("call not served: delivery=%s reason=%s", delivery_id[:32], type(error).__name__)
    except Exception as error:  # a mistake of ours: who is in danger must not hear of an application's error
        log.exception("a call broke us: %s", type(error).__name__)
        g.broke = True  # counted as failed, though it is answered
    return _twiml(_away(services, form, args))


def _of_ours(services: Services, form: Mapping[str, str], args: Mapping[str, str], delivery_id: str) -> VoiceResponse:
    with services.database.read() as db:
        delivery = deliveries.find(db, services.database.vault, delivery_id)
        rows = recipients.get_many(db, [delivery_id]) if recipients.is_recipient_id(delivery_id) else []
    if rows and rows[0].channel == "voice":
        return outgoing_call.announcement(services, form, rows[0])
    if delivery and delivery.means == "call" and delivery.contact_id is not None:
        return outgoing_call.message(services, form, delivery, delivery.contact_id)
    if (delivery and delivery.staff) or _is_staff(services, form):
        return _alert(services, form, delivery)
    return outgoing_call.gone(call_state.opened(services, form, args), form)


def _away(services: Services, form: Mapping[str, str], args: Mapping[str, str]) -> VoiceResponse:
    """Whose call it is cannot be looked up: only staff, known by their phones, hear of the console."""
    return _said(AWAY) if _is_staff(services, form) else incoming_call.broken(call_state.opened(services, form, args))


def _is_staff(services: Services, form: Mapping[str, str]) -> bool:
    return form.get("To") in {one.phone for one in services.library.district.staff.values()}


def _caller(services: Services, form: Mapping[str, str], args: Mapping[str, str]) -> VoiceResponse:
    page = args.get("page", "")
    listed = int(page) if page.isdecimal() and len(page) < 3 else None
    return incoming_call.go_on(call_state.opened(services, form, args), form, listed)


def _alert(services: Services, form: Mapping[str, str], delivery: Delivery | None) -> VoiceResponse:
    """Our call to a member of staff; the same request always has the same effect."""
    staff, case = (delivery.staff or "", delivery.case_id) if delivery else ("", None)
    if not delivery or delivery.means != "call" or case is None or staff not in services.library.district.staff:
        return _said(GONE)
    if form.get("CallSid"):
        delivery_status.record(services, Report(form["CallSid"][:34], "sent", delivery.id))  # somebody picked up
    if "Digits" not in form:
        return _read(services, delivery)
    return _said(_take(services, case, staff) if form["Digits"] == "1" else BY_TEXT.format(case=case))


def _read(services: Services, delivery: Delivery) -> VoiceResponse:
    document = VoiceResponse()
    here = f"{services.settings.public_base}/webhooks/twilio/voice?m={delivery.id}"
    gather = document.gather(num_digits=1, timeout=KEY_SECONDS, action=here, method="POST")
    for _ in range(TIMES):
        _say(gather, f"{delivery.body or services.library.district.name} {PRESS}")
    _say(document, f"Nothing was pressed. {BY_TEXT.format(case=delivery.case_id)}")
    document.hangup()
    return document


def _take(services: Services, case: int, staff: str) -> str:
    """Take the case; the words for what came of it."""
    taken = assignment.take_case(services, case, staff, "by phone")
    log.info("key pressed: case=%s outcome=%s", case, taken.outcome)
    return {
        "yours": f"You have case {case}. Open the console. Goodbye.",
        "theirs": f"Case {case} was taken by {taken.assignee_name}. Goodbye.",
        "closed": f"Case {case} is closed. Goodbye.",
    }.get(taken.outcome, GONE)


def _said(text: str) -> VoiceResponse:
    document = VoiceResponse()
    _say(document, text)
    document.hangup()
    return document


def _say(document: VoiceResponse | Gather, text: str) -> None:
    """With a breath after each sentence: whoever is on call may have been asleep."""
    speaker = Speaker(SOURCE_LANGUAGE)
    for sentence in sentences(text):
        speaker.say(document, sentence)


def _twiml(document: VoiceResponse) -> Response:
    return Response(str(document), mimetype="text/xml")
