"""We ring a family whose channel is the telephone: words are read in its language, and a key answers them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from twilio.twiml.voice_response import VoiceResponse

from bot.announcements.aloud import TIMES, read_out
from bot.announcements.current import wording_now
from bot.content.catalog import SOURCE_LANGUAGE
from bot.messaging import status
from bot.messaging.drafting import library_for
from bot.messaging.inbound import Inbound
from bot.messaging.receive import receive
from bot.messaging.status import Report
from bot.services import Services
from bot.store import announcements, contacts
from bot.store.deliveries import Delivery
from bot.store.recipients import Recipient
from bot.voice.ear import pieces
from bot.web.caller import Call
from bot.web.calls import PERSON, put_through, say
from bot.web.speaking import SECONDS, with_keys

KEYS = {"2": PERSON, "9": "stop"}
Words = Callable[[Call], Sequence[str]]


@dataclass(frozen=True)
class _Row:
    """The row that a call of ours carries out: a delivery, or an announcement to one family."""

    id: str
    contact_id: int
    language: str | None = None


def message(services: Services, form: Mapping[str, str], delivery: Delivery, contact_id: int) -> VoiceResponse:
    """What is said in a call with one message; the same request has the same effect."""

    def words(call: Call) -> Sequence[str]:
        said = with_keys(pieces(delivery.body), call.press)
        return (services.library.district.name, *said) if said else ()

    return _answer(services, form, _Row(delivery.id, contact_id), words)


def announcement(services: Services, form: Mapping[str, str], row: Recipient) -> VoiceResponse:
    """What is said in a call with an announcement; nothing of it any more once it was stopped."""
    return _answer(services, form, _Row(row.id, row.contact_id, row.language), lambda call: _announced(call, row))


def _announced(call: Call, row: Recipient) -> Sequence[str]:
    with call.services.database.read() as db:
        found = announcements.find(db, row.announcement_id)
        wording = wording_now(db, found, row.language) if found else None
    if found is None or found.state == "stopped":
        return ()
    return read_out(library_for(call.services, row.language), found, row.language, wording)


def _answer(services: Services, form: Mapping[str, str], row: _Row, words: Words) -> VoiceResponse:
    if form.get("CallSid"):  # somebody picked up
        status.record(services, Report(form["CallSid"][:34], "sent", row.id, reason=status.reason_of(form)))
    with services.database.read() as db:
        contact = contacts.get(db, services.database.vault, row.contact_id)
    language = row.language or contact.language or SOURCE_LANGUAGE
    call = Call(services, form.get("CallSid", "")[:34], contact.address, 0, language)
    key = KEYS.get(form.get("Digits", ""))
    if key:
        return say(call, receive(services, Inbound(call.message_id(f"key:{key}"), contact.address, key)))
    return _read(call, row.id, words(call), machine=status.reason_of(form) == "machine")


def _read(call: Call, row_id: str, words: Sequence[str], machine: bool) -> VoiceResponse:
    """Twice, each time with the keys; a machine hears it once and presses nothing.  Where nothing can say it, or the
    words are gone with the call, a person is put through; a machine hears nothing then."""
    texts = tuple(words) if machine else (*words, call.text("voice_again"))
    speaker, document = call.speaker(texts), VoiceResponse()
    speaks = bool(words) and speaker.can_say(texts)
    if not speaks and not machine:
        return put_through(call)
    if speaks and machine:
        for text in texts:
            speaker.say(document, text)
    elif speaks:
        here = f"{call.base}?m={row_id}"
        gather = document.gather(num_digits=1, timeout=SECONDS, action=here, method="POST", finish_on_key="")
        for text in texts * TIMES:
            speaker.say(gather, text)
    document.hangup()
    return document
