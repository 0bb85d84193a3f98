"""Calls: what Twilio asks us to say.  An alert is read to staff, who press 1 to take it; a caller is told to text.

Nothing of a caller is kept or logged, and a family's words, number or name are never spoken.  Whoever listens hears a
sentence whatever happens: a 503 would be Twilio's own "an application error has occurred".
"""

import logging
from collections.abc import Mapping

from flask import Response
from sqlalchemy.exc import SQLAlchemyError
from twilio.twiml.voice_response import VoiceResponse

from bot.cases import claims
from bot.channels.twilio import read_aloud
from bot.messaging import status
from bot.messaging.status import Report
from bot.services import Services
from bot.store import deliveries
from bot.store.deliveries import Delivery

TIMES = 2
"""So often an alert is read: the first words are lost on somebody who was asleep."""
KEY_SECONDS = 8
PRESS = "Press 1 to take it."
BY_TEXT = "To take it, reply TAKE {case} to the text message that we sent you. Goodbye."
GONE = "This alert is over. Please open the console to see your cases. Goodbye."
AWAY = "Something does not work here, and nothing was written down. Please open the console. Goodbye."
TEXT_US = (
    "This line answers text messages: please send a text to this number."
    " To talk to a person, call the school office: {digits}."
)
TEXT_US_IN_SPANISH = (
    "Esta línea contesta mensajes de texto: por favor, mande un mensaje de texto a este número."
    " Para hablar con una persona, llame a la oficina de la escuela: {digits}."
)

log = logging.getLogger(__name__)


def answer(services: Services, form: Mapping[str, str], delivery_id: str | None) -> Response:
    """What is said now, as TwiML: `delivery_id` names the alert of a call of ours; without it somebody calls us."""
    if not delivery_id:
        return _twiml(_told_to_text(services))
    try:
        return _twiml(_alert(services, form, delivery_id))
    except SQLAlchemyError as error:
        log.warning("call not served: delivery=%s reason=%s", delivery_id[:32], type(error).__name__)
        return _twiml(_said(AWAY))


def _told_to_text(services: Services) -> VoiceResponse:
    digits = ", ".join(one for one in services.library.district.office_phone if one.isdigit())
    document = VoiceResponse()
    document.say(TEXT_US.format(digits=digits), language="en-US")
    document.say(TEXT_US_IN_SPANISH.format(digits=digits), language="es-US")
    document.hangup()
    return document


def _alert(services: Services, form: Mapping[str, str], delivery_id: str) -> VoiceResponse:
    """Our call to a member of staff; the same request always has the same effect."""
    with services.database.read() as db:
        delivery = deliveries.get(db, services.database.vault, delivery_id)
    staff, case = (delivery.staff or "", delivery.case_id) if delivery else ("", None)
    if not delivery or delivery.means != "call" or case is None or staff not in services.library.district.staff:
        return _said(GONE)
    if form.get("CallSid"):
        status.record(services, Report(form["CallSid"][:34], "sent", delivery.id))  # somebody picked up
    if "Digits" not in form:
        return _read(services, delivery)
    return _said(_take(services, case, staff) if form["Digits"] == "1" else BY_TEXT.format(case=case))


def _read(services: Services, delivery: Delivery) -> VoiceResponse:
    document = VoiceResponse()
    here = f"{services.settings.public_base}/webhooks/twilio/voice?m={delivery.id}"
    gather = document.gather(num_digits=1, timeout=KEY_SECONDS, action=here, method="POST")
    for _ in range(TIMES):
        read_aloud(gather, f"{delivery.body or services.library.district.name} {PRESS}")
    read_aloud(document, f"Nothing was pressed. {BY_TEXT.format(case=delivery.case_id)}")
    document.hangup()
    return document


def _take(services: Services, case: int, staff: str) -> str:
    """Take the case; the words for what came of it."""
    taken = claims.take(services, case, staff, "by phone")
    log.info("key pressed: case=%s outcome=%s", case, taken.outcome)
    return {
        "yours": f"You have case {case}. Open the console. Goodbye.",
        "theirs": f"Case {case} was taken by {taken.by}. Goodbye.",
        "closed": f"Case {case} is closed. Goodbye.",
    }.get(taken.outcome, GONE)


def _said(text: str) -> VoiceResponse:
    document = VoiceResponse()
    read_aloud(document, text)
    document.hangup()
    return document


def _twiml(document: VoiceResponse) -> Response:
    return Response(str(document), mimetype="text/xml")
