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
from bot.base.text_normalization import NormalizedText
from bot.content.catalog import SOURCE_LANGUAGE
from bot.flows.commands import match_command
from bot.messaging.inbound_handler import ServiceUnavailableError
from bot.messaging.inbound_message import AudioFile, InboundMessage
from bot.messaging.voice_callers import send_text_to_caller
from bot.speech.twilio_voices import find_recognition_locale
from bot.speech.utterances import has_visual_content, split_utterances
from bot.web.webhooks import language_menu
from bot.web.webhooks.call_state import CallState, receive_call_message
from bot.web.webhooks.twiml_speech import ANSWER_TIMEOUT_SECONDS, add_key_prompts

MENU_TEXT, PERSON_KEY = "menu", "0"
REPEAT_KEY, SEND_TEXT_KEY = "*", "#"
HANGUP_DIGITS = "hangup"
"""What Twilio gives for the key where a caller hangs up instead of leaving a recording."""
MAX_SILENCES = 2
"""So often the line waits for a key before it says goodbye."""
MAX_ANSWER_SECONDS = 120
MP3_EXTENSION, RECORDING_CONTENT_TYPE = ".mp3", "audio/mpeg"
"""At the address in the callback Twilio gives a WAV file, which nobody here takes; with this ending an MP3
(www.twilio.com/docs/voice/api/recording)."""

log = logging.getLogger(__name__)


def continue_call(call: CallState, form: Mapping[str, str], page: int | None) -> VoiceResponse:
    """What is said now: the first words, or the answer to a key, to what was said, or to silence.

    `page`: the callback answers this page of the list of languages.
    """
    digits = form.get("Digits", "")
    chosen_language = _find_chosen_language(call, page, digits) if page is not None else ""
    try:
        if page is not None:
            return _handle_language_choice(call, page, digits)
        return _answer_turn(call, form) if call.turn else _start_call(call)
    except (ServiceUnavailableError, SQLAlchemyError) as error:
        log.warning("call not served: call=%s reason=%s", call.sid, type(error).__name__)
        return say_unavailable(replace(call, language=chosen_language or call.language))


def _find_chosen_language(call: CallState, page: int, digit: str) -> str:
    """The language of this key of the list; "" if it is the key of none."""
    languages, _ = language_menu.get_page(call.runtime, page)
    return languages[int(digit) - 1] if digit.isdecimal() and 1 <= int(digit) <= len(languages) else ""


def _start_call(call: CallState) -> VoiceResponse:
    """Who has called or written before hears the menu at once, in the language it reads."""
    language = call.find_spoken_language()
    return _run_turn(replace(call, language=language), MENU_TEXT) if language else language_menu.ask_language(call, 0)


def _handle_language_choice(call: CallState, page: int, digit: str) -> VoiceResponse:
    """One of the languages, others of them, a person, or the list once more."""
    if digit == language_menu.PERSON_KEY:
        return _request_person(call)
    call = replace(call, silences=0 if digit else call.silences + 1)
    if language_menu.is_exhausted(call):
        return connect_to_office(call)  # whoever has no keys, or understands none of these words, gets a person
    if language := _find_chosen_language(call, page, digit):
        return _run_turn(replace(call, language=language), get_own_name(language))
    _, has_other_pages = language_menu.get_page(call.runtime, page)
    should_turn_page = has_other_pages and digit in ("", language_menu.MORE_KEY)
    return language_menu.ask_language(call, page + 1 if should_turn_page else page)


def _request_person(call: CallState) -> VoiceResponse:
    """Before a language: a case, as everywhere, for nobody may answer at the office; and the office rings."""
    if not call.is_number_hidden:
        receive_call_message(call, _build_person_request(call))
    return connect_to_office(call)


def _build_person_request(call: CallState) -> InboundMessage:
    return InboundMessage(
        call.build_message_id(f"person:{call.turn}"), call.address, PERSON_KEY, call_language=call.language
    )


def _answer_turn(call: CallState, form: Mapping[str, str]) -> VoiceResponse:
    digits, speech = form.get("Digits", ""), form.get("SpeechResult", "").strip()
    if digits == HANGUP_DIGITS and not form.get("RecordingUrl"):
        return VoiceResponse()  # nobody listens any more, and nothing was said
    if form.get("RecordingUrl"):
        return _run_turn(call, "", AudioFile(form["RecordingUrl"] + MP3_EXTENSION, RECORDING_CONTENT_TYPE))
    call = replace(call, silences=0) if digits else call
    if digits.startswith(REPEAT_KEY):
        return _repeat_last_reply(replace(call, is_slow=True))
    if digits.startswith(SEND_TEXT_KEY):
        return _send_reply_as_text(call)
    if call.is_number_hidden and _is_person_request(call, digits or speech):
        return connect_to_office(call)  # nobody could call back: no day is promised
    if digits or speech:
        return _run_turn(call, digits or speech)
    return (
        _repeat_last_reply(replace(call, silences=call.silences + 1))
        if call.silences + 1 < MAX_SILENCES
        else _say_goodbye(call)
    )


def _is_person_request(call: CallState, text: str) -> bool:
    command = match_command(NormalizedText(text), call.runtime.library.phrasebook)
    return command is not None and command.kind == "person"


def _run_turn(call: CallState, text: str, sound: AudioFile | None = None) -> VoiceResponse:
    """One message of the caller, answered by the flows; it may just have changed the language, also to one that a
    machine drafts and nothing speaks."""
    reply = _get_reply(call, text, sound)
    return say_reply(
        replace(call, language=call.find_preferred_language() or call.language or SOURCE_LANGUAGE, silences=0), reply
    )


def _get_reply(call: CallState, text: str, sound: AudioFile | None = None) -> str:
    kind, sounds = ("audio", (sound,)) if sound else ("text", ())
    inbound = InboundMessage(
        call.build_message_id(call.turn), call.address, text, kind=kind, audio_files=sounds, call_language=call.language
    )
    return receive_call_message(call, inbound)


def _repeat_last_reply(call: CallState) -> VoiceResponse:
    """The answer before this turn once more.  It is kept under its message's id; nothing happens a second time."""
    previous_call = replace(call, turn=call.turn - 1)
    return say_reply(previous_call, _get_reply(previous_call, MENU_TEXT))


def say_reply(call: CallState, reply: str) -> VoiceResponse:
    """A reply for the ear, and what the caller may do next.  Where the helper is silent (a person talks with this
    family, or it wants no messages), whoever rings is put through."""
    utterances = call.list_utterances(reply)
    if not utterances:
        return connect_to_office(call)
    if language_menu.is_language_menu(call, reply):
        return language_menu.ask_language(replace(call, turn=call.turn + 1, silences=0), 0)
    has_choices = any(piece.key for piece in utterances)
    is_open_question = not has_choices and _has_pending_question(call)
    hidden_number_notice = (call.render_text("voice_hidden"),) if call.is_number_hidden and not call.turn else ()
    question_texts, instructions = (
        (*hidden_number_notice, *add_key_prompts(utterances, call.render_key_prompt)),
        _list_key_instructions(call, reply, has_choices, is_open_question),
    )
    if is_open_question and not find_recognition_locale(call.language):
        return _record_answer(call, question_texts)
    return _gather_answer(call, reply, [*question_texts, *instructions])


def _gather_answer(call: CallState, reply: str, texts: list[str]) -> VoiceResponse:
    """Say these, and wait for a key (where there are ten choices or more, for two) and, where it can, for words."""
    speaker, document = call.build_speaker(texts), VoiceResponse()
    if not speaker.can_say(texts):
        return _fall_back_to_person(call)
    gather = document.gather(
        action=call.build_next_url(), action_on_empty_result=True, **build_gather_options(call, reply)
    )
    for text in texts:
        speaker.say_text(gather, text)
    return document


def build_gather_options(call: CallState, reply: str, is_speech_allowed: bool = True) -> dict[str, object]:
    """How `<Gather>` waits for the answer to this reply: so many digits, and words where Twilio understands them (and
    where it `listens`)."""
    needs_two_digits = max((int(piece.key) for piece in split_utterances(reply) if piece.key), default=0) > 9
    speech_language = find_recognition_locale(call.language) if is_speech_allowed else ""
    input_options = (
        {"input": "dtmf speech", "language": speech_language, "speech_timeout": "auto"}
        if speech_language
        else {"input": "dtmf"}
    )
    return {
        "num_digits": 2 if needs_two_digits else 1,
        "timeout": ANSWER_TIMEOUT_SECONDS,
        "method": "POST",
        "finish_on_key": "",
        **input_options,
    }


def _has_pending_question(call: CallState) -> bool:
    try:
        return call.runtime.conversations.find_pending_step(call.runtime.compute_lookup_hash(call.address)) is not None
    except RedisError:
        return False


def _list_key_instructions(call: CallState, reply: str, has_choices: bool, is_open_question: bool) -> list[str]:
    """The keys that always work; beside choices that one may speak, where a machine understands it; the text for the
    phone only where there is something to look at."""
    speech_instructions = (
        [call.render_text("voice_speak")] if has_choices and find_recognition_locale(call.language) else []
    )
    instructions = speech_instructions if has_choices or is_open_question else [call.render_text("voice_next")]
    instructions.append(call.render_text("voice_keys"))
    return (
        [*instructions, call.render_text("voice_to_phone")]
        if has_visual_content(reply) and not call.is_number_hidden
        else instructions
    )


def _record_answer(call: CallState, question_texts: tuple[str, ...]) -> VoiceResponse:
    """An open question in a language that no machine understands: a person will listen to the answer.  A key while it
    is said does what it always does."""
    document, texts = VoiceResponse(), (*question_texts, call.render_text("voice_record"))
    speaker = call.build_speaker(texts)
    if not speaker.can_say(texts):
        return _fall_back_to_person(call)
    gather = document.gather(num_digits=1, timeout=1, action=call.build_next_url(), method="POST", finish_on_key="")
    for text in texts:
        speaker.say_text(gather, text)
    document.record(
        action=call.build_next_url(), method="POST", max_length=MAX_ANSWER_SECONDS, finish_on_key="#", play_beep=True
    )
    document.redirect(call.build_next_url(), method="POST")  # nothing was said
    return document


def _say_goodbye(call: CallState) -> VoiceResponse:
    text, document = call.render_text("voice_goodbye"), VoiceResponse()
    speaker = call.build_speaker([text])
    if not speaker.can_say([text]):
        return connect_to_office(call)
    speaker.say_text(document, text)
    document.hangup()
    return document


def _send_reply_as_text(call: CallState) -> VoiceResponse:
    """What was said as a text message, once for each turn; then the line goes on where it was."""
    previous_call = replace(call, turn=call.turn - 1)
    reply = _get_reply(previous_call, MENU_TEXT)
    was_sent = not call.is_number_hidden and send_text_to_caller(
        call.runtime, call.number, reply, _build_text_id(previous_call)
    )
    return _gather_answer(
        previous_call,
        reply,
        [call.render_text("voice_sent" if was_sent else "voice_next"), call.render_text("voice_keys")],
    )


def _build_text_id(call: CallState) -> str:
    return call.build_message_id(f"text:{call.turn}")[2:]


def _fall_back_to_person(call: CallState) -> VoiceResponse:
    """Nothing here speaks this language: somebody is asked to call back, the text says so, and the office rings."""
    reply = receive_call_message(call, _build_person_request(call))
    if reply and not call.is_number_hidden:
        send_text_to_caller(call.runtime, call.number, reply, _build_text_id(call))
    log.info("no voice for a language: call=%s language=%s", call.sid, call.language)
    return connect_to_office(call)


def connect_to_office(call: CallState) -> VoiceResponse:
    """Connect with the school office; said first, where there is a voice for it.  Where nobody answers there, the line
    does not just go dead."""
    document, texts = VoiceResponse(), [call.render_text("voice_connecting"), call.render_text("voice_goodbye")]
    speaker = call.build_speaker(texts)
    opening_texts, closing_texts = ([text] if call.language and speaker.can_say([text]) else [] for text in texts)
    for text in opening_texts:
        speaker.say_text(document, text)
    _ring_office(call, document)
    for text in closing_texts:
        speaker.say_text(document, text)
    document.hangup()
    return document


def _ring_office(call: CallState, document: VoiceResponse) -> None:
    """With the caller's number, as everybody's telephone shows it; with ours where the caller hides it: some providers
    refuse a call from no valid number (www.twilio.com/docs/api/errors/13214)."""
    sender_number = call.runtime.settings.twilio_sms_from
    dial_options = {"caller_id": sender_number} if call.is_number_hidden and sender_number.startswith("+") else {}
    document.dial(_get_office_number(call), **dial_options)


def _get_office_number(call: CallState) -> str:
    phone = call.runtime.library.district.office_phone
    return parse_e164(phone) or phone


def say_unavailable(call: CallState) -> VoiceResponse:
    """The database is away, recordings with it: the office's number by the machine's voice, or the office itself."""
    document, speaker, text = VoiceResponse(), call.build_machine_speaker(), call.render_text("voice_broken")
    if speaker.can_say([text]):
        speaker.say_text(document, text)
        document.hangup()
    else:
        _ring_office(call, document)
    return document
