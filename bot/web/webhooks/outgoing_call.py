"""Answer Twilio's callbacks of a call to a family: read a message or an announcement, and handle the keys."""

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
    """The texts that a call reads.

    Attributes:
        texts: The texts, in order.
        reply: The reply that the texts come from.
        has_choices: Whether the reply has choices. If so, the keys answer them, as in an incoming call.
        foreign_languages: The language of each text that isn't in the family's language.
        is_for_everyone: Whether the texts are the same for all families, so that voicemail may record them.
    """

    texts: tuple[str, ...]
    reply: str = ""
    has_choices: bool = False
    foreign_languages: Mapping[str, str] = field(default_factory=dict)
    is_for_everyone: bool = False


@dataclass(frozen=True)
class _OutgoingCallRow:
    """The row of an outgoing call: a delivery or a recipient of an announcement."""

    id: str
    contact_id: int
    build_script: Callable[[CallState], _OutgoingCallScript]
    language: str | None = None


def answer_message_call(
    runtime: Runtime, form: Mapping[str, str], delivery: Delivery, contact_id: int
) -> VoiceResponse:
    """Answer a callback of a call that reads one message. The same request has the same effect."""

    with runtime.database.read() as db:
        case_message = case_messages.find_by_delivery(db, delivery.id)

    def build_script(call: CallState) -> _OutgoingCallScript:
        family_text, original, original_language = _split_message_text(call, delivery, case_message)
        utterances = call.list_utterances(family_text)
        foreign_languages = {utterance.text: original_language for utterance in split_utterances(original)}
        texts = (*add_key_prompts(utterances, call.render_key_prompt), *foreign_languages)
        if texts:
            texts = (runtime.library.district.name, *texts)
        has_choices = any(utterance.key for utterance in utterances)
        return _OutgoingCallScript(texts, family_text, has_choices, foreign_languages)

    # If the family chose another language while the phone rang, this text is still in the previous one.
    language = case_message.to_language if case_message else None
    return _answer_call(runtime, form, _OutgoingCallRow(delivery.id, contact_id, build_script, language))


def _split_message_text(call: CallState, delivery: Delivery, case_message: CaseMessage | None) -> tuple[str, str, str]:
    """Return the text in the family's language, and the original and its language if there is no translation."""
    if case_message is None:
        return delivery.body, "", ""
    family_text, original = split_spoken_text(call.runtime, case_message, delivery.body, call.language)
    return family_text, original, case_message.language


def answer_announcement_call(runtime: Runtime, form: Mapping[str, str], row: Recipient) -> VoiceResponse:
    """Answer a callback of a call that reads an announcement. A stopped announcement is not read."""
    return _answer_call(
        runtime,
        form,
        _OutgoingCallRow(row.id, row.contact_id, lambda call: _build_announcement_script(call, row), row.language),
    )


def answer_erased_call(call: CallState, form: Mapping[str, str]) -> VoiceResponse:
    """Answer a callback of a call without a row, because the family was erased while the phone rang.

    If the family pressed a key, connect the call to the office.
    """
    return connect_to_office(call) if form.get("Digits") else _hang_up()


def _build_announcement_script(call: CallState, row: Recipient) -> _OutgoingCallScript:
    with call.runtime.database.read() as db:
        announcement = announcements.find(db, row.announcement_id)
        if announcement is None or announcement.state == "stopped":
            return _OutgoingCallScript(())
        translation = find_current_translation(db, announcement, row.language)
    library = get_localized_library(call.runtime, row.language)
    texts = build_call_script(library, announcement, row.language, translation)
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
    text = TEXTS_BY_KEY.get(digits)
    if script.has_choices and digits[:1] not in (REPEAT_KEY, SEND_TEXT_KEY):
        text = digits
    if not text:
        return _read_script(replace(call, is_slow=digits == REPEAT_KEY), row, script)
    # Each request is a separate message with its own turn, so that the star key repeats the right reply.
    call = replace(call, turn=int(text == STOP_TEXT))
    message_id = call.build_message_id(call.turn)
    return _answer_key(call, InboundMessage(message_id, contact.address, text, call_language=language))


def _record_pickup(runtime: Runtime, form: Mapping[str, str], row: _OutgoingCallRow, is_opted_out: bool) -> None:
    """Record that the family picked up. If it opted out while the phone rang, the delivery counts as canceled."""
    if not form.get("CallSid"):
        return
    status, reason = "sent", delivery_status.parse_call_reason(form)
    if is_opted_out:
        status, reason = "canceled", "stopped"
    record_status_report(runtime, DeliveryReport(form["CallSid"][:34], status, row.id, reason=reason))


def _hang_up() -> VoiceResponse:
    document = VoiceResponse()
    document.hangup()
    return document


def _answer_key(call: CallState, inbound: InboundMessage) -> VoiceResponse:
    """Answer a key in the language that the family reads now."""
    try:
        reply = receive_call_message(call, inbound)
        return say_reply(replace(call, language=call.find_preferred_language() or call.language), reply)
    except (ServiceUnavailableError, SQLAlchemyError) as error:
        log.warning("call not served: call=%s reason=%s", call.sid, type(error).__name__)
        return say_unavailable(call)


def _leave_message(call: CallState, script: _OutgoingCallScript) -> VoiceResponse:
    """Leave a voicemail once, without keys, or hang up if nothing can say it.

    Anyone in the house can play a voicemail. So a text for one family is not left, only who called and the number.
    """
    texts = script.texts
    if not script.is_for_everyone:
        utterances = call.list_utterances(call.render_text("ready_ask"))
        texts = (call.runtime.library.district.name, *(utterance.text for utterance in utterances))
    speaker, document = call.build_speaker(texts), VoiceResponse()
    if speaker.can_say(texts):
        for text in texts:
            speaker.say_text(document, text)
    document.hangup()
    return document


def _read_script(call: CallState, row: _OutgoingCallRow, script: _OutgoingCallScript) -> VoiceResponse:
    """Read the texts twice, each time with the keys. If nothing can say them, connect the call to the office."""
    instruction = call.render_text("voice_keys" if script.has_choices else "voice_again")
    texts, goodbye = (*script.texts, instruction), call.render_text("voice_goodbye")
    speaker = call.build_speaker((*texts, goodbye), script.foreign_languages)
    if not script.texts or not speaker.can_say(texts):
        return connect_to_office(call)
    document = VoiceResponse()
    # Keys only: the "hello" at pickup would count as an answer, and the reading would start again.
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
