"""Run the flows in an incoming call.

Each key is an inbound message: `messaging/inbound_handler` handles it under an ID made of the call and its turn.
So a repeated callback gets the same answer, and nothing happens twice.

Every callback gets a sentence, and never one in another language. If a language has neither a voice nor recordings,
Puente opens a case, texts the reply to the caller, and connects the call to the school office.
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
"""The value of `Digits` when a caller hangs up instead of leaving a recording."""
MAX_SILENCES = 2
"""How many times Puente waits for a key before it says goodbye."""
MAX_ANSWER_SECONDS = 120
MP3_EXTENSION, RECORDING_CONTENT_TYPE = ".mp3", "audio/mpeg"
"""With this extension, Twilio serves a recording as MP3. Without it, as WAV, which Puente can't read.

Source: www.twilio.com/docs/voice/api/recording.
"""

log = logging.getLogger(__name__)


def continue_call(call: CallState, form: Mapping[str, str], page: int | None) -> VoiceResponse:
    """Return the next part of a call: the opening, or the answer to a key, to speech, or to silence.

    Args:
        call: The state of the call.
        form: Twilio's form.
        page: The page of the language menu that the callback answers, if any.
    """
    digits = form.get("Digits", "")
    chosen_language = ""
    if page is not None:
        chosen_language = _find_chosen_language(call, page, digits)
    try:
        if page is not None:
            return _handle_language_choice(call, page, digits)
        if call.turn:
            return _answer_turn(call, form)
        return _start_call(call)
    except (ServiceUnavailableError, SQLAlchemyError) as error:
        log.warning("call not served: call=%s reason=%s", call.sid, type(error).__name__)
        return say_unavailable(replace(call, language=chosen_language or call.language))


def _find_chosen_language(call: CallState, page: int, digit: str) -> str:
    """Return the language of this key on a page of the language menu, or ""."""
    languages, _ = language_menu.get_page(call.runtime, page)
    if digit.isdecimal() and 1 <= int(digit) <= len(languages):
        return languages[int(digit) - 1]
    return ""


def _start_call(call: CallState) -> VoiceResponse:
    """Say the menu in the language of a returning caller, or ask a new caller for the language."""
    language = call.find_spoken_language()
    if language:
        return _run_turn(replace(call, language=language), MENU_TEXT)
    return language_menu.ask_language(call, 0)


def _handle_language_choice(call: CallState, page: int, digit: str) -> VoiceResponse:
    """Handle the key after the language menu: a language, the next page, a person, or none of these."""
    if digit == language_menu.PERSON_KEY:
        return _request_person(call)
    call = replace(call, silences=0 if digit else call.silences + 1)
    if language_menu.is_exhausted(call):
        return connect_to_office(call)  # the caller has no keypad, or understands none of these languages
    if language := _find_chosen_language(call, page, digit):
        return _run_turn(replace(call, language=language), get_own_name(language))
    _, has_other_pages = language_menu.get_page(call.runtime, page)
    if has_other_pages and digit in ("", language_menu.MORE_KEY):
        page += 1
    return language_menu.ask_language(call, page)


def _request_person(call: CallState) -> VoiceResponse:
    """Open a case before the caller chose a language, because the office may not answer, and call the office."""
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
        return VoiceResponse()  # the caller hung up without a recording
    if form.get("RecordingUrl"):
        return _run_turn(call, "", AudioFile(form["RecordingUrl"] + MP3_EXTENSION, RECORDING_CONTENT_TYPE))
    if digits:
        call = replace(call, silences=0)
    if digits.startswith(REPEAT_KEY):
        return _repeat_last_reply(replace(call, is_slow=True))
    if digits.startswith(SEND_TEXT_KEY):
        return _send_reply_as_text(call)
    if call.is_number_hidden and _is_person_request(call, digits or speech):
        return connect_to_office(call)  # staff can't call back, so Puente must not promise it
    if digits or speech:
        return _run_turn(call, digits or speech)
    if call.silences + 1 < MAX_SILENCES:
        return _repeat_last_reply(replace(call, silences=call.silences + 1))
    return _say_goodbye(call)


def _is_person_request(call: CallState, text: str) -> bool:
    command = match_command(NormalizedText(text), call.runtime.library.phrasebook)
    return command is not None and command.kind == "person"


def _run_turn(call: CallState, text: str, sound: AudioFile | None = None) -> VoiceResponse:
    """Answer one message of the caller. The message may change the language, even to one that has no voice."""
    reply = _get_reply(call, text, sound)
    language = call.find_preferred_language() or call.language or SOURCE_LANGUAGE
    return say_reply(replace(call, language=language, silences=0), reply)


def _get_reply(call: CallState, text: str, sound: AudioFile | None = None) -> str:
    message_id = call.build_message_id(call.turn)
    inbound = InboundMessage(message_id, call.address, text, call_language=call.language)
    if sound:
        inbound = replace(inbound, kind="audio", audio_files=(sound,))
    return receive_call_message(call, inbound)


def _repeat_last_reply(call: CallState) -> VoiceResponse:
    """Say the previous reply again. It is stored under its message ID, so nothing happens twice."""
    previous_call = replace(call, turn=call.turn - 1)
    return say_reply(previous_call, _get_reply(previous_call, MENU_TEXT))


def say_reply(call: CallState, reply: str) -> VoiceResponse:
    """Say a reply and what the caller can do next.

    If there is no reply, because a staff member handles the conversation or the family opted out, connect the caller
    to the office.
    """
    utterances = call.list_utterances(reply)
    if not utterances:
        return connect_to_office(call)
    if language_menu.is_language_menu(call, reply):
        return language_menu.ask_language(replace(call, turn=call.turn + 1, silences=0), 0)
    has_choices = any(utterance.key for utterance in utterances)
    is_open_question = not has_choices and _has_pending_question(call)
    question_texts = add_key_prompts(utterances, call.render_key_prompt)
    if call.is_number_hidden and not call.turn:
        question_texts = (call.render_text("voice_hidden"), *question_texts)
    if is_open_question and not find_recognition_locale(call.language):
        return _record_answer(call, question_texts)
    instructions = _list_key_instructions(call, reply, has_choices, is_open_question)
    return _gather_answer(call, reply, [*question_texts, *instructions])


def _gather_answer(call: CallState, reply: str, texts: list[str]) -> VoiceResponse:
    """Say texts, and wait for the answer to a reply: a key, or speech where Twilio understands the language."""
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
    """Return the options of `<Gather>` for the answer to this reply.

    With ten choices or more, a key has two digits. Speech counts only if it is allowed and Twilio understands the
    language.
    """
    keys = [int(utterance.key) for utterance in split_utterances(reply) if utterance.key]
    options: dict[str, object] = {
        "num_digits": 2 if max(keys, default=0) > 9 else 1,
        "timeout": ANSWER_TIMEOUT_SECONDS,
        "method": "POST",
        "finish_on_key": "",
        "input": "dtmf",
    }
    if not is_speech_allowed:
        return options
    if speech_language := find_recognition_locale(call.language):
        options |= {"input": "dtmf speech", "language": speech_language, "speech_timeout": "auto"}
    return options


def _has_pending_question(call: CallState) -> bool:
    try:
        return call.runtime.conversations.find_pending_step(call.runtime.compute_lookup_hash(call.address)) is not None
    except RedisError:
        return False


def _list_key_instructions(call: CallState, reply: str, has_choices: bool, is_open_question: bool) -> list[str]:
    """List the instructions after a reply: how to answer, the keys that always work, and the key for a text message.

    Speech is named only beside choices that Twilio understands, and the text message only if it shows more.
    """
    instructions = []
    if has_choices and find_recognition_locale(call.language):
        instructions.append(call.render_text("voice_speak"))
    if not has_choices and not is_open_question:
        instructions.append(call.render_text("voice_next"))
    instructions.append(call.render_text("voice_keys"))
    if has_visual_content(reply) and not call.is_number_hidden:
        instructions.append(call.render_text("voice_to_phone"))
    return instructions


def _record_answer(call: CallState, question_texts: tuple[str, ...]) -> VoiceResponse:
    """Ask an open question and record the answer for staff, because Twilio doesn't understand the language.

    A key during the question works as always.
    """
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
    document.redirect(call.build_next_url(), method="POST")  # Twilio continues here if the caller said nothing
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
    """Send the previous reply as a text message, once for each turn, and wait for the answer to it."""
    previous_call = replace(call, turn=call.turn - 1)
    reply = _get_reply(previous_call, MENU_TEXT)
    was_sent = not call.is_number_hidden and send_text_to_caller(
        call.runtime, call.number, reply, _build_text_id(previous_call)
    )
    result = call.render_text("voice_sent" if was_sent else "voice_next")
    return _gather_answer(previous_call, reply, [result, call.render_text("voice_keys")])


def _build_text_id(call: CallState) -> str:
    return call.build_message_id(f"text:{call.turn}")[2:]


def _fall_back_to_person(call: CallState) -> VoiceResponse:
    """Open a case, text the caller, and call the office, because nothing speaks this language."""
    reply = receive_call_message(call, _build_person_request(call))
    if reply and not call.is_number_hidden:
        send_text_to_caller(call.runtime, call.number, reply, _build_text_id(call))
    log.info("no voice for a language: call=%s language=%s", call.sid, call.language)
    return connect_to_office(call)


def connect_to_office(call: CallState) -> VoiceResponse:
    """Connect the call to the school office, with an announcement before it and a goodbye if the office doesn't answer.

    Texts that nothing can say are left out.
    """
    document, texts = VoiceResponse(), [call.render_text("voice_connecting"), call.render_text("voice_goodbye")]
    speaker = call.build_speaker(texts)
    sayable_texts = [text for text in texts if call.language and speaker.can_say([text])]
    if texts[0] in sayable_texts:
        speaker.say_text(document, texts[0])
    _ring_office(call, document)
    if texts[1] in sayable_texts:
        speaker.say_text(document, texts[1])
    document.hangup()
    return document


def _ring_office(call: CallState, document: VoiceResponse) -> None:
    """Call the office with the caller's number as caller ID, or with Puente's number if the caller hides it.

    Some carriers refuse a call without a valid caller ID (www.twilio.com/docs/api/errors/13214).
    """
    phone, sender_number = call.runtime.library.district.office_phone, call.runtime.settings.twilio_sms_from
    dial_options = {}
    if call.is_number_hidden and sender_number.startswith("+"):
        dial_options["caller_id"] = sender_number
    document.dial(parse_e164(phone) or phone, **dial_options)


def say_unavailable(call: CallState) -> VoiceResponse:
    """Say the office's number, or call the office if no voice can say it. Recordings need the database."""
    document, speaker, text = VoiceResponse(), call.build_machine_speaker(), call.render_text("voice_broken")
    if speaker.can_say([text]):
        speaker.say_text(document, text)
        document.hangup()
    else:
        _ring_office(call, document)
    return document
