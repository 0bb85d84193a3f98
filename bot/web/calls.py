"""Somebody rings the line, or we ring a family: the flows of the texts, said and heard.

Each key that is pressed is a message like any other: it goes through `messaging/receive`, under an id made of the call
and its turn, so that a repeated callback gets the same answer and nothing happens twice.  The way on stands in the
address of the next callback (turn, language); of a caller nothing else is kept than of who writes.

Whoever listens hears a sentence whatever happens, and never one of another language: where neither a voice nor
recordings speak a language, a person is asked to call back, what was said goes to the phone as a text, and the call is
put through to the school office.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from urllib.parse import urlencode

from babel import Locale
from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError
from twilio.twiml.voice_response import VoiceResponse

from bot.content.languages import own_name
from bot.content.texts import TextId
from bot.messaging.inbound import Inbound, Sound
from bot.messaging.receive import Unavailable, receive
from bot.queues import DELIVER, enqueue
from bot.services import Services
from bot.store import contacts, deliveries, recordings
from bot.store.db import now
from bot.voice.ear import has_more, pieces, recording_key
from bot.voice.voices import hears
from bot.web.speaking import SECONDS, Speaker, with_keys

MENU, PERSON, STOP = "menu", "0", "stop"
AGAIN, TO_PHONE = "*", "#"
SILENCES = 2
"""So often the line waits for a key before it says goodbye."""
RECORD_SECONDS = 120
RECORDED_AS = "audio/mpeg"
"""What Twilio gives for a recording's address (twilio.md, section 6)."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Call:
    """One callback of a call: who is on the line, at which turn, in which language (empty: not known yet)."""

    services: Services
    sid: str
    address: str
    turn: int = 0
    language: str = ""
    silences: int = 0
    slowly: bool = False

    def message_id(self, turn: int) -> str:
        """The id of the message of a turn: as long as Twilio's, the same for the same turn."""
        return "CV" + sha256(f"{self.sid}:{turn}".encode()).hexdigest()[:32]

    def next(self, **more: str | int) -> str:
        """Where Twilio goes with the next key."""
        query = {"turn": self.turn + 1, "l": self.language, **more}
        return f"{self.services.settings.public_base}/webhooks/twilio/voice?{urlencode(query)}"

    @property
    def hidden(self) -> bool:
        """Whether there is no number to call back."""
        return not self.address.startswith("voice:+")

    def text(self, name: TextId, **values: str) -> str:
        """One of the program's own texts in the caller's language."""
        library = self.services.library
        wording = library.catalogs.read(self.language or "en", library.texts[name])
        return wording.format_map({"office_phone": library.district.office_phone, **values})

    def press(self, digit: str) -> str:
        """The words for a key."""
        return self.text("voice_press", digit=digit)


def opened(services: Services, form: Mapping[str, str], args: Mapping[str, str]) -> Call:
    """The call of this callback.  A caller without a number is somebody new each time."""
    ours = form.get("Direction", "").startswith("outbound")
    sid, caller = form.get("CallSid", "")[:34], form.get("To" if ours else "From", "")
    address = caller if caller.startswith("+") and caller[1:].isdigit() and len(caller) > 10 else sid
    language = args.get("l", "")
    known = language if language in services.library.district.languages else ""
    return Call(services, sid, f"voice:{address}", _number(args.get("turn")), known, _number(args.get("silent")))


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 5 else 0


def go_on(call: Call, form: Mapping[str, str]) -> VoiceResponse:
    """What is said now: the first words, or the answer to a key, to what was said, or to silence."""
    try:
        if call.turn == 0:
            return _first(call)
        digits, said = form.get("Digits", ""), form.get("SpeechResult", "")
        if form.get("RecordingUrl"):
            return _turn(call, "", Sound(form["RecordingUrl"], RECORDED_AS))
        if not digits and not said.strip():
            return _silent(call)
        if digits.startswith(AGAIN):
            return _again(replace(call, slowly=True))
        if digits.startswith(TO_PHONE):
            return _to_phone(call)
        return _turn(call, digits or said)
    except (Unavailable, SQLAlchemyError) as error:
        log.warning("call not served: call=%s reason=%s", call.sid, type(error).__name__)
        return broken(call)


def _first(call: Call) -> VoiceResponse:
    """Who has called or written before hears the menu at once, in the language it reads."""
    known = _language(call)
    if known:
        return _turn(replace(call, language=known), MENU)
    return ask_language(call, 0)


def _language(call: Call) -> str:
    """The language that this number reads, by whichever way it wrote."""
    vault, number = call.services.database.vault, call.address.removeprefix("voice:")
    with call.services.database.read() as db:
        for address in (call.address, f"whatsapp:{number}", number):
            contact = contacts.find(db, vault, address)
            if contact and contact.language in call.services.library.district.languages:
                return contact.language or ""
    return ""


def ask_language(call: Call, page: int) -> VoiceResponse:
    """Each language by itself and in its own voice, eight at a time; one that no voice speaks is named in English."""
    shown, more = page_of(call.services, page)
    document = VoiceResponse()
    where = f"{call.services.settings.public_base}/webhooks/twilio/voice?{urlencode({'page': page})}"
    gather = document.gather(
        num_digits=1, timeout=SECONDS, action=where, method="POST", finish_on_key="", action_on_empty_result=True
    )
    english = Speaker("en")
    english.say(gather, call.services.library.district.name)
    for digit, language in enumerate(shown, 1):
        named = replace(call, language=language)
        line = named.text("voice_choose", digit=str(digit))
        speaker = speaker_of(named, [line])
        if speaker.can_say([line]):
            speaker.say(gather, line)
        else:
            english.say(gather, f"{english_name(language)}: press {digit}.")
    if more:
        english.say(gather, replace(call, language="en").text("voice_more_languages", digit="9"))
    english.say(gather, "For a person, press 0.")
    return document


def page_of(services: Services, page: int) -> tuple[tuple[str, ...], bool]:
    """The languages of a page of the spoken list, and whether there are more."""
    languages = services.library.district.languages
    pages = max(1, -(-len(languages) // 8))
    start = (page % pages) * 8
    return languages[start : start + 8], pages > 1


def english_name(language: str) -> str:
    """The name of a language as an English voice says it."""
    return Locale.parse(language).get_display_name("en") or language


def language_chosen(call: Call, page: int, digit: str) -> VoiceResponse:
    """The answer to the list of languages: one of them, more of them, a person, or the list once more."""
    shown, more = page_of(call.services, page)
    if digit == "0":
        return put_through(call)
    if digit == "9" and more:
        return ask_language(call, page + 1)
    if digit.isdecimal() and 1 <= int(digit) <= len(shown):
        chosen = replace(call, language=shown[int(digit) - 1])
        return _turn(chosen, own_name(chosen.language))
    return ask_language(call, page + 1 if more and not digit else page)


def _turn(call: Call, text: str, sound: Sound | None = None) -> VoiceResponse:
    """One message of the caller, answered by the flows."""
    reply = receive(call.services, _inbound(call, call.turn, text, sound))
    now_read = _language_now(call)
    return say(replace(call, language=now_read), reply)


def _inbound(call: Call, turn: int, text: str, sound: Sound | None = None) -> Inbound:
    kind, sounds = ("audio", (sound,)) if sound else ("text", ())
    return Inbound(call.message_id(turn), call.address, text, kind=kind, sounds=sounds)


def _language_now(call: Call) -> str:
    """The caller may just have changed it."""
    with call.services.database.read() as db:
        contact = contacts.find(db, call.services.database.vault, call.address)
    read = contact.language if contact else None
    return read if read in call.services.library.district.languages and read else call.language or "en"


def say(call: Call, reply: str) -> VoiceResponse:
    """A reply for the ear, and what the caller may do next."""
    said = with_keys(pieces(reply), call.press)
    asks = any(piece.key for piece in pieces(reply))
    open_question = not asks and _waits(call)
    ways = _ways(call, reply, asks or open_question)
    speaker = speaker_of(call, [*said, *ways])
    if not speaker.can_say([*said, *ways]):
        return _by_a_person(call)
    document = VoiceResponse()
    if open_question and not hears(call.language):
        return _to_be_recorded(call, said)
    gather = document.gather(**_listening(call, reply))
    for text in (call.text("voice_hidden"), *said) if call.hidden and call.turn == 0 else said:
        speaker.say(gather, text)
    for text in ways:
        speaker.say(gather, text)
    return document


def speaker_of(call: Call, texts: Sequence[str]) -> Speaker:
    """Who says these texts: people's recordings, where they have been reviewed, else the language's voice."""
    keys = {text: recording_key(call.language, text) for text in texts}
    with call.services.database.read() as db:
        found = recordings.usable(db, call.language, keys.values())
    base = f"{call.services.settings.public_base}/recordings"
    recorded = {text: f"{base}/{key}.mp3" for text, key in keys.items() if key in found}
    return Speaker(call.language, recorded, call.slowly)


def _waits(call: Call) -> bool:
    try:
        return call.services.conversations.asks(call.services.family(call.address)) is not None
    except RedisError:
        return False


def _listening(call: Call, reply: str) -> dict[str, object]:
    """How the line listens: for a key, where there are ten or more choices for two, and for words where it can."""
    many = max((int(piece.key) for piece in pieces(reply) if piece.key), default=0) > 9
    known = hears(call.language)
    by_ear = {"input": "dtmf speech", "language": known, "speech_timeout": "auto"} if known else {"input": "dtmf"}
    return {
        "num_digits": 2 if many else 1, "timeout": SECONDS, "action": call.next(), "method": "POST",
        "finish_on_key": "", "action_on_empty_result": True, **by_ear,
    }  # fmt: skip


def _ways(call: Call, reply: str, asks: bool) -> list[str]:
    """The keys that always work; the text for the phone only where there is something to look at."""
    ways = [] if asks else [call.text("voice_next")]
    ways.append(call.text("voice_keys"))
    return [*ways, call.text("voice_to_phone")] if has_more(reply) and not call.hidden else ways


def _to_be_recorded(call: Call, said: tuple[str, ...]) -> VoiceResponse:
    """An open question in a language that no machine understands: a person will listen to the answer."""
    document, texts = VoiceResponse(), (*said, call.text("voice_record"))
    speaker = speaker_of(call, texts)
    if not speaker.can_say(texts):
        return _by_a_person(call)
    for text in texts:
        speaker.say(document, text)
    document.record(action=call.next(), method="POST", max_length=RECORD_SECONDS, finish_on_key="#", play_beep=True)
    document.redirect(call.next(silent=call.silences), method="POST")  # nothing was said
    return document


def _again(call: Call) -> VoiceResponse:
    """The last answer once more, slowly.  It is kept under its message's id; nothing happens a second time."""
    before = replace(call, turn=call.turn - 1)
    return say(before, receive(call.services, _inbound(before, before.turn, MENU)))


def _silent(call: Call) -> VoiceResponse:
    if call.silences + 1 < SILENCES:
        again = replace(call, turn=call.turn - 1, silences=call.silences + 1)
        document = say(again, receive(call.services, _inbound(again, again.turn, MENU)))
        for gather in document.verbs:
            if "action" in gather.attrs:
                gather.attrs["action"] = again.next(silent=again.silences)
        return document
    return _goodbye(call)


def _goodbye(call: Call) -> VoiceResponse:
    document, words = VoiceResponse(), call.text("voice_goodbye")
    speaker = speaker_of(replace(call, language=call.language or "en"), [words])
    if speaker.can_say([words]):
        speaker.say(document, words)
    document.hangup()
    return document


def _to_phone(call: Call) -> VoiceResponse:
    """What was said as a text message, once for each turn; then the line goes on where it was."""
    before = replace(call, turn=call.turn - 1)
    reply = receive(call.services, _inbound(before, before.turn, MENU))
    sent = not call.hidden and _text(call, reply)
    words = [call.text("voice_sent" if sent else "voice_next"), call.text("voice_keys")]
    document, speaker = VoiceResponse(), speaker_of(call, words)
    if not speaker.can_say(words):
        return _by_a_person(call)
    gather = document.gather(**_listening(before, reply))
    for text in words:
        speaker.say(gather, text)
    return document


def _text(call: Call, reply: str) -> bool:
    """Plan the text, once however often the key's callback comes; False if it cannot be sent."""
    services, number, at = call.services, call.address.removeprefix("voice:"), now()
    try:
        if not services.redis.set(f"puente:texted:{call.message_id(call.turn)}", "1", nx=True, ex=3600):
            return True
    except RedisError:
        return False
    with services.database.write() as db:
        contact = contacts.add(db, services.database.vault, number, "sms", at)
        if contacts.any_stopped(db, contact):
            return False
        about: dict[str, object] = {"contact_id": contact.id}
        delivery = deliveries.plan_notice(db, services.database.vault, about, reply, at)
    enqueue(services.redis, "default", DELIVER, delivery)
    return True


def _by_a_person(call: Call) -> VoiceResponse:
    """Nothing here speaks this language: somebody is asked to call back, the text says so, and the office rings."""
    reply = receive(call.services, Inbound(call.message_id(call.turn + 5000), call.address, PERSON))
    if not call.hidden:
        _text(call, reply)
    log.info("no voice for a language: call=%s language=%s", call.sid, call.language)
    return put_through(call)


def put_through(call: Call) -> VoiceResponse:
    """Connect with the school office; said first, where there is a voice for it."""
    document, speaker = VoiceResponse(), Speaker(call.language or "en")
    words = call.text("voice_connecting")
    if call.language and speaker.can_say([words]):
        speaker.say(document, words)
    document.dial("+1" + "".join(one for one in call.services.library.district.office_phone if one.isdigit())[-10:])
    return document


def broken(call: Call) -> VoiceResponse:
    """The database is away: the office's number, and the office itself."""
    document, speaker, words = VoiceResponse(), Speaker(call.language or "en"), call.text("voice_broken")
    if speaker.can_say([words]):
        speaker.say(document, words)
        document.hangup()
        return document
    return put_through(call)
