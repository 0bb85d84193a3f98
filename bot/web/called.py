"""We ring a family whose channel is the telephone: the message is read in its language, and a key answers it."""

from collections.abc import Mapping

from twilio.twiml.voice_response import VoiceResponse

from bot.messaging import status
from bot.messaging.inbound import Inbound
from bot.messaging.receive import receive
from bot.messaging.status import Report
from bot.services import Services
from bot.store import contacts
from bot.store.deliveries import Delivery
from bot.voice.ear import pieces
from bot.web.calls import PERSON, STOP, Call, put_through, say, speaker_of
from bot.web.speaking import SECONDS, with_keys

KEYS = {"2": PERSON, "9": STOP}
OF_A_KEY = 9000
"""Turns that no conversation reaches: each of these keys counts once in a call."""


def answer(services: Services, form: Mapping[str, str], delivery: Delivery, contact_id: int) -> VoiceResponse:
    """What is said in this call: the message, then what the key asks for; the same request has the same effect."""
    if form.get("CallSid"):
        status.record(services, Report(form["CallSid"][:34], "sent", delivery.id))  # somebody picked up
    with services.database.read() as db:
        contact = contacts.get(db, services.database.vault, contact_id)
    call = Call(services, form.get("CallSid", "")[:34], contact.address, 0, contact.language or "en")
    digit = form.get("Digits", "")
    if digit in KEYS:
        asked = Inbound(call.message_id(OF_A_KEY + int(digit)), contact.address, KEYS[digit])
        return say(call, receive(services, asked))
    return _read(call, delivery)


def _read(call: Call, delivery: Delivery) -> VoiceResponse:
    said = with_keys(pieces(delivery.body), call.press)
    keys = call.text("voice_again")
    speaker = speaker_of(call, [*said, keys])
    if not speaker.can_say([*said, keys]):
        return put_through(call)
    document = VoiceResponse()
    here = f"{call.services.settings.public_base}/webhooks/twilio/voice?m={delivery.id}"
    gather = document.gather(num_digits=1, timeout=SECONDS, action=here, method="POST", finish_on_key="")
    for _ in range(2):
        for text in (call.services.library.district.name, *said, keys):
            speaker.say(gather, text)
    document.hangup()
    return document
