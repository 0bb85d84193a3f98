"""We ring a family whose channel is the telephone: the message is read in its language, and a key answers it."""

from collections.abc import Mapping
from dataclasses import replace

from twilio.twiml.voice_response import VoiceResponse

from bot.content.catalog import SOURCE_LANGUAGE
from bot.messaging import status
from bot.messaging.inbound import Inbound
from bot.messaging.receive import receive
from bot.messaging.status import Report
from bot.services import Services
from bot.store import contacts
from bot.store.deliveries import Delivery
from bot.web.caller import Call
from bot.web.calls import AGAIN, PERSON, TO_PHONE, put_through, say, waiting
from bot.web.speaking import with_keys

KEYS = {PERSON: PERSON, "2": PERSON, "9": "stop"}
TIMES = 2
"""So often it is read: the first words are lost on somebody who reaches for the phone."""


def answer(services: Services, form: Mapping[str, str], delivery: Delivery, contact_id: int) -> VoiceResponse:
    """What is said in this call: the message, then what the key asks for; the same request has the same effect.

    Where the message asks with choices, the keys are the choices', as in every other call.
    """
    if form.get("CallSid"):
        status.record(services, Report(form["CallSid"][:34], "sent", delivery.id))  # somebody picked up
    with services.database.read() as db:
        contact = contacts.get(db, services.database.vault, contact_id)
    call = Call(services, form.get("CallSid", "")[:34], contact.address, 0, contact.language or SOURCE_LANGUAGE)
    words = call.pieces(delivery.body)
    asks, given = any(piece.key for piece in words), form.get("Digits", "") or form.get("SpeechResult", "").strip()
    wanted = given if asks and given[:1] not in (AGAIN, TO_PHONE) else KEYS.get(given)
    if wanted:
        turn = 0 if asks else f"key:{wanted}"
        return say(call, receive(services, Inbound(call.message_id(turn), contact.address, wanted)))
    texts = (services.library.district.name, *with_keys(words, call.press), *_ways(call, asks))
    return _read(replace(call, slowly=given == AGAIN), delivery, texts if words else ())


def _ways(call: Call, asks: bool) -> tuple[str, ...]:
    return (call.text("voice_keys" if asks else "voice_again"),)


def _read(call: Call, delivery: Delivery, texts: tuple[str, ...]) -> VoiceResponse:
    """Twice, each time with the keys; put through where nothing can say it, or its words are gone with the call."""
    speaker, goodbye = call.speaker((*texts, call.text("voice_goodbye"))), call.text("voice_goodbye")
    if not texts or not speaker.can_say(texts):
        return put_through(call)
    document = VoiceResponse()
    gather = document.gather(action=f"{call.base}?m={delivery.id}", **waiting(call, delivery.body))
    for text in texts * TIMES:
        speaker.say(gather, text)
    if speaker.can_say([goodbye]):
        speaker.say(document, goodbye)
    document.hangup()
    return document
