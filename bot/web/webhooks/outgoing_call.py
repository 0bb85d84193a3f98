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
from bot.messaging.catalog_drafts import get_localized_library
from bot.messaging.delivery_status import DeliveryReport
from bot.messaging.inbound_handler import ServiceUnavailableError
from bot.messaging.inbound_message import InboundMessage
from bot.runtime import Runtime
from bot.speech.utterances import split_utterances
from bot.store.announcements import announcements
from bot.store.announcements.recipients import Recipient
from bot.store.cases import case_messages
from bot.store.cases.case_messages import CaseMessage
from bot.store.cases.deliveries import Delivery
from bot.store.families import contacts
from bot.web.webhooks.call_state import CallState, receive_call_message
from bot.web.webhooks.incoming_call import (
    PERSON_KEY,
    REPEAT_KEY,
    SEND_TEXT_KEY,
    build_gather_options,
    connect_to_office,
    say_reply,
    say_unavailable,
)
from bot.web.webhooks.status_callbacks import record_status_report
from bot.web.webhooks.twiml_speech import add_key_prompts

STOP_TEXT = "stop"
TEXTS_BY_KEY = {PERSON_KEY: PERSON_KEY, "2": PERSON_KEY, "9": STOP_TEXT}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _OutgoingCallScript:
    """What is read; `reply` is what it was cut from, `asks` whether it asks with choices: then the keys are theirs, as
    in every other call; `foreign` names the language of what is not in the family's; `to_all`: it is for nobody alone,
    so that a machine may keep it."""

    texts: tuple[str, ...]
    reply: str = ""
    has_choices: bool = False
    foreign_languages: Mapping[str, str] = field(default_factory=dict)
    is_for_everyone: bool = False


@dataclass(frozen=True)
class _OutgoingCallRow:
    """The row that a call of ours carries out: a delivery, or an announcement to one family."""

    id: str
    contact_id: int
    build_script: Callable[[CallState], _OutgoingCallScript]
    language: str | None = None


def answer_message_call(
    runtime: Runtime, form: Mapping[str, str], delivery: Delivery, contact_id: int
) -> VoiceResponse:
    """What is said in a call with one message; the same request has the same effect."""

    with runtime.database.read() as db:
        case_message = case_messages.find_by_delivery(db, delivery.id)

    def build_script(call: CallState) -> _OutgoingCallScript:
        family_text, original = _split_message_text(call, delivery, case_message)
        utterances, foreign_languages = (
            call.list_utterances(family_text),
            {utterance.text: original[1] for utterance in split_utterances(original[0])},
        )
        spoken_texts = (*add_key_prompts(utterances, call.render_key_prompt), *foreign_languages)
        texts = (runtime.library.district.name, *spoken_texts) if spoken_texts else ()
        return _OutgoingCallScript(texts, family_text, any(piece.key for piece in utterances), foreign_languages)

    # A family that chose another language while its telephone rang: these words are still in the one before.
    return _answer_call(
        runtime,
        form,
        _OutgoingCallRow(delivery.id, contact_id, build_script, case_message.to_language if case_message else None),
    )


def _split_message_text(
    call: CallState, delivery: Delivery, case_message: CaseMessage | None
) -> tuple[str, tuple[str, str]]:
    """What is said in the family's language; and the original with its own, where staff's words were not translated."""
    if case_message is None:
        return delivery.body, ("", "")
    family_text, original = split_spoken_text(call.runtime, case_message, delivery.body, call.language)
    return family_text, (original, case_message.language)


def answer_announcement_call(runtime: Runtime, form: Mapping[str, str], row: Recipient) -> VoiceResponse:
    """What is said in a call with an announcement; nothing of it any more once it was stopped."""
    return _answer_call(
        runtime,
        form,
        _OutgoingCallRow(row.id, row.contact_id, lambda call: _build_announcement_script(call, row), row.language),
    )


def answer_erased_call(call: CallState, form: Mapping[str, str]) -> VoiceResponse:
    """The row of a call of ours is not there: the family was erased while its telephone rang.  Whoever pressed a key
    wants something all the same."""
    return connect_to_office(call) if form.get("Digits") else _hang_up()


def _build_announcement_script(call: CallState, row: Recipient) -> _OutgoingCallScript:
    with call.runtime.database.read() as db:
        current_announcement = announcements.find(db, row.announcement_id)
        wording = find_current_translation(db, current_announcement, row.language) if current_announcement else None
    if current_announcement is None or current_announcement.state == "stopped":
        return _OutgoingCallScript(())
    texts = build_call_script(
        get_localized_library(call.runtime, row.language), current_announcement, row.language, wording
    )
    return _OutgoingCallScript(texts, is_for_everyone=True)


def _answer_call(runtime: Runtime, form: Mapping[str, str], row: _OutgoingCallRow) -> VoiceResponse:
    with runtime.database.read() as db:
        contact = contacts.get(db, row.contact_id)
        is_opted_out = contacts.is_any_opted_out(db, contact) and not form.get("Digits")
    _record_pickup(runtime, form, row, is_opted_out)
    if is_opted_out:
        return _hang_up()
    language = row.language or contact.language or SOURCE_LANGUAGE
    call = CallState(runtime, form.get("CallSid", "")[:34], contact.address, 0, language)
    script, digits = row.build_script(call), form.get("Digits", "")
    if delivery_status.parse_call_reason(form) == "machine":
        return _leave_message(call, script)
    requested_text = (
        digits if script.has_choices and digits[:1] not in (REPEAT_KEY, SEND_TEXT_KEY) else TEXTS_BY_KEY.get(digits)
    )
    if requested_text:
        call = replace(
            call, turn=int(requested_text == STOP_TEXT)
        )  # each wish is a message of its own, which star says again
        return _answer_key(
            call,
            InboundMessage(call.build_message_id(call.turn), contact.address, requested_text, call_language=language),
        )
    return _read_script(replace(call, is_slow=digits == REPEAT_KEY), row, script)


def _record_pickup(runtime: Runtime, form: Mapping[str, str], row: _OutgoingCallRow, is_opted_out: bool) -> None:
    """Somebody is there; a family that stopped while its telephone rang hears nothing, and does not count as told."""
    status, reason = ("canceled", "stopped") if is_opted_out else ("sent", delivery_status.parse_call_reason(form))
    if form.get("CallSid"):
        record_status_report(runtime, DeliveryReport(form["CallSid"][:34], status, row.id, reason=reason))


def _hang_up() -> VoiceResponse:
    document = VoiceResponse()
    document.hangup()
    return document


def _answer_key(call: CallState, inbound: InboundMessage) -> VoiceResponse:
    """The answer to a key, in the language that the family reads now."""
    try:
        reply = receive_call_message(call, inbound)
        return say_reply(replace(call, language=call.find_preferred_language() or call.language), reply)
    except (ServiceUnavailableError, SQLAlchemyError) as error:
        log.warning("call not served: call=%s reason=%s", call.sid, type(error).__name__)
        return say_unavailable(call)


def _leave_message(call: CallState, script: _OutgoingCallScript) -> VoiceResponse:
    """Once, whole, and no key; nothing, where nothing can say it.  What is for one family is for no machine, which
    anybody in the house may play: it keeps who rang, and where to call."""
    texts = script.texts if script.is_for_everyone else _list_caller_texts(call)
    speaker, document = call.build_speaker(texts), VoiceResponse()
    for text in texts if speaker.can_say(texts) else ():
        speaker.say_text(document, text)
    document.hangup()
    return document


def _list_caller_texts(call: CallState) -> tuple[str, ...]:
    return (
        call.runtime.library.district.name,
        *(piece.text for piece in call.list_utterances(call.render_text("ready_ask"))),
    )


def _read_script(call: CallState, row: _OutgoingCallRow, script: _OutgoingCallScript) -> VoiceResponse:
    """Twice, each time with the keys; put through where nothing can say it, or its words are gone with the call."""
    texts, goodbye = (
        (*script.texts, call.render_text("voice_keys" if script.has_choices else "voice_again")),
        call.render_text("voice_goodbye"),
    )
    speaker = call.build_speaker((*texts, goodbye), script.foreign_languages)
    if not script.texts or not speaker.can_say(texts):
        return connect_to_office(call)
    document = VoiceResponse()
    # Keys only: the "hello" of whoever picks up would be taken for an answer, and the reading would begin anew.
    gather = document.gather(
        action=f"{call.callback_base_url}?m={row.id}",
        **build_gather_options(call, script.reply, is_speech_allowed=False),
    )
    for text in texts * SCRIPT_READ_COUNT:
        speaker.say_text(gather, text)
    if speaker.can_say([goodbye]):
        speaker.say_text(document, goodbye)
    document.hangup()
    return document
