"""We ring a family whose channel is the telephone: the message is read in its language, and a key answers it."""

from collections.abc import Mapping

from twilio.twiml.voice_response import VoiceResponse

from bot.content.catalog import SOURCE_LANGUAGE
from bot.messaging import status
from bot.messaging.inbound import Inbound
from bot.messaging.receive import receive
from bot.messaging.status import Report
from bot.services import Services
from bot.store import contacts
from bot.store.deliveries import Delivery
from bot.voice.ear import pieces
from bot.web.caller import Call
from bot.web.calls import PERSON, put_through, say
from bot.web.speaking import SECONDS, with_keys

KEYS = {"2": PERSON, "9": "stop"}
TIMES = 2
"""So often it is read: the first words are lost on somebody who reaches for the phone."""


def answer(services: Services, form: Mapping[str, str], delivery: Delivery, contact_id: int) -> VoiceResponse:
    """What is said in this call: the message, then what the key asks for; the same request has the same effect."""
    if form.get("CallSid"):
        status.record(services, Report(form["CallSid"][:34], "sent", delivery.id))  # somebody picked up
    with services.database.read() as db:
        contact = contacts.get(db, services.database.vault, contact_id)
    call = Call(services, form.get("CallSid", "")[:34], contact.address, 0, contact.language or SOURCE_LANGUAGE)
    key = KEYS.get(form.get("Digits", ""))
    if key:
        return say(call, receive(services, Inbound(call.message_id(f"key:{key}"), contact.address, key)))
    return _read(call, delivery)


def _read(call: Call, delivery: Delivery) -> VoiceResponse:
    """Twice, each time with the keys; put through where nothing can say it, or its words are gone with the call."""
    words = with_keys(pieces(delivery.body), call.press)
    texts = (call.services.library.district.name, *words, call.text("voice_again"))
    speaker = call.speaker(texts)
    if not words or not speaker.can_say(texts):
        return put_through(call)
    document = VoiceResponse()
    here = f"{call.base}?m={delivery.id}"
    gather = document.gather(num_digits=1, timeout=SECONDS, action=here, method="POST", finish_on_key="")
    for text in texts * TIMES:
        speaker.say(gather, text)
    document.hangup()
    return document
