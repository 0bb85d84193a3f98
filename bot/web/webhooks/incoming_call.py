"""Somebody rings the line: the flows of the texts, said and heard.

Each key that is pressed is a message like any other: it goes through `messaging/inbound_handler`, under an id made of
the call and its turn, so that a repeated callback gets the same answer and nothing happens twice.

Whoever listens hears a sentence whatever happens, and never one of another language: where neither a voice nor
recordings speak a language, a person is asked to call back, what was said goes to the phone as a text, and the call is
put through to the school office.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace

from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError
from twilio.twiml.voice_response import VoiceResponse

from bot.base.language_names import get_own_name
from bot.base.phone_numbers import parse_e164
from bot.content.catalog import SOURCE_LANGUAGE
from bot.flows.commands import match
from bot.messaging.inbound_handler import Unavailable, receive
from bot.messaging.inbound_message import Inbound, Sound
from bot.messaging.voice_callers import text_to
from bot.speech.twilio_voices import hears
from bot.speech.utterances import has_more, pieces
from bot.web.webhooks import language_menu
from bot.web.webhooks.call_state import Call
from bot.web.webhooks.twiml_speech import SECONDS, with_keys

MENU, PERSON = "menu", "0"
AGAIN, TO_PHONE = "*", "#"
HUNG_UP = "hangup"
"""What Twilio gives for the key where a caller hangs up instead of leaving a recording."""
SILENCES = 2
"""So often the line waits for a key before it says goodbye."""
RECORD_SECONDS = 120
AS_MP3, RECORDED_AS = ".mp3", "audio/mpeg"
"""At the address in the callback Twilio gives a WAV file, which nobody here takes; with this ending an MP3
(www.twilio.com/docs/voice/api/recording)."""

log = logging.getLogger(__name__)


def go_on(call: Call, form: Mapping[str, str], page: int | None) -> VoiceResponse:
    """What is said now: the first words, or the answer to a key, to what was said, or to silence.

    `page`: the callback answers this page of the list of languages.
    """
    digits = form.get("Digits", "")
    named = _named(call, page, digits) if page is not None else ""
    try:
        if page is not None:
            return _language_chosen(call, page, digits)
        return _answer(call, form) if call.turn else _first(call)
    except (Unavailable, SQLAlchemyError) as error:
        log.warning("call not served: call=%s reason=%s", call.sid, type(error).__name__)
        return broken(replace(call, language=named or call.language))


def _named(call: Call, page: int, digit: str) -> str:
    """The language of this key of the list; "" if it is the key of none."""
    shown, _ = language_menu.page_of(call.services, page)
    return shown[int(digit) - 1] if digit.isdecimal() and 1 <= int(digit) <= len(shown) else ""


def _first(call: Call) -> VoiceResponse:
    """Who has called or written before hears the menu at once, in the language it reads."""
    known = call.reads()
    return _turn(replace(call, language=known), MENU) if known else language_menu.ask(call, 0)


def _language_chosen(call: Call, page: int, digit: str) -> VoiceResponse:
    """One of the languages, others of them, a person, or the list once more."""
    if digit == language_menu.PERSON:
        return _a_person_first(call)
    call = replace(call, silences=0 if digit else call.silences + 1)
    if language_menu.heard_out(call):
        return put_through(call)  # whoever has no keys, or understands none of these words, gets a person
    if named := _named(call, page, digit):
        return _turn(replace(call, language=named), get_own_name(named))
    _, more = language_menu.page_of(call.services, page)
    others = more and digit in ("", language_menu.MORE)
    return language_menu.ask(call, page + 1 if others else page)


def _a_person_first(call: Call) -> VoiceResponse:
    """Before a language: a case, as everywhere, for nobody may answer at the office; and the office rings."""
    if not call.hidden:
        receive(call.services, _for_a_person(call))
    return put_through(call)


def _for_a_person(call: Call) -> Inbound:
    return Inbound(call.message_id(f"person:{call.turn}"), call.address, PERSON, reads=call.language)


def _answer(call: Call, form: Mapping[str, str]) -> VoiceResponse:
    digits, said = form.get("Digits", ""), form.get("SpeechResult", "").strip()
    if digits == HUNG_UP and not form.get("RecordingUrl"):
        return VoiceResponse()  # nobody listens any more, and nothing was said
    if form.get("RecordingUrl"):
        return _turn(call, "", Sound(form["RecordingUrl"] + AS_MP3, RECORDED_AS))
    call = replace(call, silences=0) if digits else call
    if digits.startswith(AGAIN):
        return _last(replace(call, slowly=True))
    if digits.startswith(TO_PHONE):
        return _to_phone(call)
    if call.hidden and _wants_a_person(call, digits or said):
        return put_through(call)  # nobody could call back: no day is promised
    if digits or said:
        return _turn(call, digits or said)
    return _last(replace(call, silences=call.silences + 1)) if call.silences + 1 < SILENCES else _goodbye(call)


def _wants_a_person(call: Call, text: str) -> bool:
    command = match(text, call.services.library.phrasebook)
    return command is not None and command.kind == "person"


def _turn(call: Call, text: str, sound: Sound | None = None) -> VoiceResponse:
    """One message of the caller, answered by the flows; it may just have changed the language, also to one that a
    machine drafts and nothing speaks."""
    reply = _reply(call, text, sound)
    return say(replace(call, language=call.wants() or call.language or SOURCE_LANGUAGE, silences=0), reply)


def _reply(call: Call, text: str, sound: Sound | None = None) -> str:
    kind, sounds = ("audio", (sound,)) if sound else ("text", ())
    said = Inbound(call.message_id(call.turn), call.address, text, kind=kind, sounds=sounds, reads=call.language)
    return receive(call.services, said)


def _last(call: Call) -> VoiceResponse:
    """The answer before this turn once more.  It is kept under its message's id; nothing happens a second time."""
    before = replace(call, turn=call.turn - 1)
    return say(before, _reply(before, MENU))


def say(call: Call, reply: str) -> VoiceResponse:
    """A reply for the ear, and what the caller may do next.  Where the helper is silent (a person talks with this
    family, or it wants no messages), whoever rings is put through."""
    cut = call.pieces(reply)
    if not cut:
        return put_through(call)
    if language_menu.is_written(call, reply):
        return language_menu.ask(replace(call, turn=call.turn + 1, silences=0), 0)
    asks = any(piece.key for piece in cut)
    opens = not asks and _waits(call)
    hidden = (call.text("voice_hidden"),) if call.hidden and not call.turn else ()
    said, ways = (*hidden, *with_keys(cut, call.press)), _ways(call, reply, asks, opens)
    if opens and not hears(call.language):
        return _to_be_recorded(call, said)
    return _listen(call, reply, [*said, *ways])


def _listen(call: Call, reply: str, texts: list[str]) -> VoiceResponse:
    """Say these, and wait for a key (where there are ten choices or more, for two) and, where it can, for words."""
    speaker, document = call.speaker(texts), VoiceResponse()
    if not speaker.can_say(texts):
        return _by_a_person(call)
    gather = document.gather(action=call.next(), action_on_empty_result=True, **waiting(call, reply))
    for text in texts:
        speaker.say(gather, text)
    return document


def waiting(call: Call, reply: str, listens: bool = True) -> dict[str, object]:
    """How `<Gather>` waits for the answer to this reply: so many digits, and words where Twilio understands them (and
    where it `listens`)."""
    many = max((int(piece.key) for piece in pieces(reply) if piece.key), default=0) > 9
    known = hears(call.language) if listens else ""
    by_ear = {"input": "dtmf speech", "language": known, "speech_timeout": "auto"} if known else {"input": "dtmf"}
    return {"num_digits": 2 if many else 1, "timeout": SECONDS, "method": "POST", "finish_on_key": "", **by_ear}


def _waits(call: Call) -> bool:
    try:
        return call.services.conversations.find_pending_step(call.services.family(call.address)) is not None
    except RedisError:
        return False


def _ways(call: Call, reply: str, asks: bool, opens: bool) -> list[str]:
    """The keys that always work; beside choices that one may speak, where a machine understands it; the text for the
    phone only where there is something to look at."""
    speaks = [call.text("voice_speak")] if asks and hears(call.language) else []
    ways = speaks if asks or opens else [call.text("voice_next")]
    ways.append(call.text("voice_keys"))
    return [*ways, call.text("voice_to_phone")] if has_more(reply) and not call.hidden else ways


def _to_be_recorded(call: Call, said: tuple[str, ...]) -> VoiceResponse:
    """An open question in a language that no machine understands: a person will listen to the answer.  A key while it
    is said does what it always does."""
    document, texts = VoiceResponse(), (*said, call.text("voice_record"))
    speaker = call.speaker(texts)
    if not speaker.can_say(texts):
        return _by_a_person(call)
    gather = document.gather(num_digits=1, timeout=1, action=call.next(), method="POST", finish_on_key="")
    for text in texts:
        speaker.say(gather, text)
    document.record(action=call.next(), method="POST", max_length=RECORD_SECONDS, finish_on_key="#", play_beep=True)
    document.redirect(call.next(), method="POST")  # nothing was said
    return document


def _goodbye(call: Call) -> VoiceResponse:
    words, document = call.text("voice_goodbye"), VoiceResponse()
    speaker = call.speaker([words])
    if not speaker.can_say([words]):
        return put_through(call)
    speaker.say(document, words)
    document.hangup()
    return document


def _to_phone(call: Call) -> VoiceResponse:
    """What was said as a text message, once for each turn; then the line goes on where it was."""
    before = replace(call, turn=call.turn - 1)
    reply = _reply(before, MENU)
    sent = not call.hidden and text_to(call.services, call.number, reply, _text_id(before))
    return _listen(before, reply, [call.text("voice_sent" if sent else "voice_next"), call.text("voice_keys")])


def _text_id(call: Call) -> str:
    return call.message_id(f"text:{call.turn}")[2:]


def _by_a_person(call: Call) -> VoiceResponse:
    """Nothing here speaks this language: somebody is asked to call back, the text says so, and the office rings."""
    reply = receive(call.services, _for_a_person(call))
    if reply and not call.hidden:
        text_to(call.services, call.number, reply, _text_id(call))
    log.info("no voice for a language: call=%s language=%s", call.sid, call.language)
    return put_through(call)


def put_through(call: Call) -> VoiceResponse:
    """Connect with the school office; said first, where there is a voice for it.  Where nobody answers there, the line
    does not just go dead."""
    document, texts = VoiceResponse(), [call.text("voice_connecting"), call.text("voice_goodbye")]
    speaker = call.speaker(texts)
    before, after = ([text] if call.language and speaker.can_say([text]) else [] for text in texts)
    for text in before:
        speaker.say(document, text)
    _ring_office(call, document)
    for text in after:
        speaker.say(document, text)
    document.hangup()
    return document


def _ring_office(call: Call, document: VoiceResponse) -> None:
    """With the caller's number, as everybody's telephone shows it; with ours where the caller hides it: some providers
    refuse a call from no valid number (www.twilio.com/docs/api/errors/13214)."""
    ours = call.services.settings.twilio_sms_from
    named = {"caller_id": ours} if call.hidden and ours.startswith("+") else {}
    document.dial(_office(call), **named)


def _office(call: Call) -> str:
    phone = call.services.library.district.office_phone
    return parse_e164(phone) or phone


def broken(call: Call) -> VoiceResponse:
    """The database is away, recordings with it: the office's number by the machine's voice, or the office itself."""
    document, speaker, words = VoiceResponse(), call.machine(), call.text("voice_broken")
    if speaker.can_say([words]):
        speaker.say(document, words)
        document.hangup()
    else:
        _ring_office(call, document)
    return document
