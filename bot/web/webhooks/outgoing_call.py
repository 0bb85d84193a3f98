"""We ring a family whose channel is the telephone: words are read in its language, and a key answers them."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy.exc import SQLAlchemyError
from twilio.twiml.voice_response import VoiceResponse

from bot.announcements.call_script import SCRIPT_READ_COUNT, build_call_script
from bot.announcements.current_translations import find_current_translation
from bot.cases.conversation_text import split_spoken_text
from bot.content.catalog import SOURCE_LANGUAGE
from bot.messaging import delivery_status
from bot.messaging.catalog_drafts import library_for
from bot.messaging.delivery_status import Report
from bot.messaging.inbound_handler import Unavailable, receive
from bot.messaging.inbound_message import Inbound
from bot.runtime import Services
from bot.speech.utterances import pieces
from bot.store.announcements import announcements
from bot.store.announcements.recipients import Recipient
from bot.store.cases import case_messages
from bot.store.cases.case_messages import CaseMessage
from bot.store.cases.deliveries import Delivery
from bot.store.families import contacts
from bot.web.webhooks.call_state import Call
from bot.web.webhooks.incoming_call import AGAIN, PERSON, TO_PHONE, broken, put_through, say, waiting
from bot.web.webhooks.status_callbacks import report_it
from bot.web.webhooks.twiml_speech import with_keys

STOP = "stop"
KEYS = {PERSON: PERSON, "2": PERSON, "9": STOP}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Words:
    """What is read; `reply` is what it was cut from, `asks` whether it asks with choices: then the keys are theirs, as
    in every other call; `foreign` names the language of what is not in the family's; `to_all`: it is for nobody alone,
    so that a machine may keep it."""

    texts: tuple[str, ...]
    reply: str = ""
    asks: bool = False
    foreign: Mapping[str, str] = field(default_factory=dict)
    to_all: bool = False


@dataclass(frozen=True)
class _Row:
    """The row that a call of ours carries out: a delivery, or an announcement to one family."""

    id: str
    contact_id: int
    words: Callable[[Call], _Words]
    language: str | None = None


def message(services: Services, form: Mapping[str, str], delivery: Delivery, contact_id: int) -> VoiceResponse:
    """What is said in a call with one message; the same request has the same effect."""

    with services.database.read() as db:
        written = case_messages.find_by_delivery(db, services.database.vault, delivery.id)

    def words(call: Call) -> _Words:
        own, original = _heard(call, delivery, written)
        cut, foreign = call.pieces(own), {one.text: original[1] for one in pieces(original[0])}
        said = (*with_keys(cut, call.press), *foreign)
        texts = (services.library.district.name, *said) if said else ()
        return _Words(texts, own, any(piece.key for piece in cut), foreign)

    # A family that chose another language while its telephone rang: these words are still in the one before.
    return _answer(services, form, _Row(delivery.id, contact_id, words, written.to_language if written else None))


def _heard(call: Call, delivery: Delivery, written: CaseMessage | None) -> tuple[str, tuple[str, str]]:
    """What is said in the family's language; and the original with its own, where staff's words were not translated."""
    if written is None:
        return delivery.body, ("", "")
    own, original = split_spoken_text(call.services, written, delivery.body, call.language)
    return own, (original, written.language)


def announcement(services: Services, form: Mapping[str, str], row: Recipient) -> VoiceResponse:
    """What is said in a call with an announcement; nothing of it any more once it was stopped."""
    return _answer(services, form, _Row(row.id, row.contact_id, lambda call: _announced(call, row), row.language))


def gone(call: Call, form: Mapping[str, str]) -> VoiceResponse:
    """The row of a call of ours is not there: the family was erased while its telephone rang.  Whoever pressed a key
    wants something all the same."""
    return put_through(call) if form.get("Digits") else _hung_up()


def _announced(call: Call, row: Recipient) -> _Words:
    with call.services.database.read() as db:
        found = announcements.find(db, row.announcement_id)
        wording = find_current_translation(db, found, row.language) if found else None
    if found is None or found.state == "stopped":
        return _Words(())
    said = build_call_script(library_for(call.services, row.language), found, row.language, wording)
    return _Words(said, to_all=True)


def _answer(services: Services, form: Mapping[str, str], row: _Row) -> VoiceResponse:
    with services.database.read() as db:
        contact = contacts.get(db, services.database.vault, row.contact_id)
        stopped = contacts.is_any_opted_out(db, contact) and not form.get("Digits")
    _picked_up(services, form, row, stopped)
    if stopped:
        return _hung_up()
    language = row.language or contact.language or SOURCE_LANGUAGE
    call = Call(services, form.get("CallSid", "")[:34], contact.address, 0, language)
    words, given = row.words(call), form.get("Digits", "")
    if delivery_status.reason_of(form) == "machine":
        return _to_a_machine(call, words)
    wanted = given if words.asks and given[:1] not in (AGAIN, TO_PHONE) else KEYS.get(given)
    if wanted:
        call = replace(call, turn=int(wanted == STOP))  # each wish is a message of its own, which star says again
        return _answered(call, Inbound(call.message_id(call.turn), contact.address, wanted, reads=language))
    return _read(replace(call, slowly=given == AGAIN), row, words)


def _picked_up(services: Services, form: Mapping[str, str], row: _Row, stopped: bool) -> None:
    """Somebody is there; a family that stopped while its telephone rang hears nothing, and does not count as told."""
    came, reason = ("canceled", "stopped") if stopped else ("sent", delivery_status.reason_of(form))
    if form.get("CallSid"):
        report_it(services, Report(form["CallSid"][:34], came, row.id, reason=reason))


def _hung_up() -> VoiceResponse:
    document = VoiceResponse()
    document.hangup()
    return document


def _answered(call: Call, inbound: Inbound) -> VoiceResponse:
    """The answer to a key, in the language that the family reads now."""
    try:
        reply = receive(call.services, inbound)
        return say(replace(call, language=call.wants() or call.language), reply)
    except (Unavailable, SQLAlchemyError) as error:
        log.warning("call not served: call=%s reason=%s", call.sid, type(error).__name__)
        return broken(call)


def _to_a_machine(call: Call, words: _Words) -> VoiceResponse:
    """Once, whole, and no key; nothing, where nothing can say it.  What is for one family is for no machine, which
    anybody in the house may play: it keeps who rang, and where to call."""
    texts = words.texts if words.to_all else _who_rang(call)
    speaker, document = call.speaker(texts), VoiceResponse()
    for text in texts if speaker.can_say(texts) else ():
        speaker.say(document, text)
    document.hangup()
    return document


def _who_rang(call: Call) -> tuple[str, ...]:
    return (call.services.library.district.name, *(piece.text for piece in call.pieces(call.text("ready_ask"))))


def _read(call: Call, row: _Row, words: _Words) -> VoiceResponse:
    """Twice, each time with the keys; put through where nothing can say it, or its words are gone with the call."""
    texts, goodbye = (
        (*words.texts, call.text("voice_keys" if words.asks else "voice_again")),
        call.text("voice_goodbye"),
    )
    speaker = call.speaker((*texts, goodbye), words.foreign)
    if not words.texts or not speaker.can_say(texts):
        return put_through(call)
    document = VoiceResponse()
    # Keys only: the "hello" of whoever picks up would be taken for an answer, and the reading would begin anew.
    gather = document.gather(action=f"{call.base}?m={row.id}", **waiting(call, words.reply, listens=False))
    for text in texts * SCRIPT_READ_COUNT:
        speaker.say(gather, text)
    if speaker.can_say([goodbye]):
        speaker.say(document, goodbye)
    document.hangup()
    return document
