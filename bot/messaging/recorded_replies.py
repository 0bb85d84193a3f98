"""Add reviewed recordings to the reply for a family that sends voice notes.

Recordings are of Puente's own texts, so they say nothing about a person. If any part of the reply has no recording (a
date, a name), the reply stays a text: half an answer is worse than none.
"""

import logging
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from bot.channels.message_parts import split_message
from bot.content.catalog import SOURCE_LANGUAGE
from bot.flows.effects import Notice
from bot.messaging.catalog_drafts import get_localized_library
from bot.messaging.inbound_message import InboundMessage
from bot.messaging.placeholder_values import format_phone
from bot.messaging.reply_composer import ReplyComposer
from bot.runtime import Runtime
from bot.speech.spoken_wording import render_spoken_reply
from bot.speech.twilio_voices import TWILIO_VOICES
from bot.speech.utterances import compute_recording_key, split_utterances
from bot.store.announcements import recordings

CAN_CALL_NOTICE = "voice_can_call"
MAX_MESSAGES = 3
"""The limit of one answer, text and sound together. More messages are hard to read on a small phone."""
MAX_UTTERANCES = 20
"""Two minutes each at 48 kbit/s stay below WhatsApp's limit of 16 MB (twilio.md, section 6)."""

log = logging.getLogger(__name__)


def add_recording(
    runtime: Runtime, inbound: InboundMessage, reply: str, language: str | None, shown_notices: list[str], now: datetime
) -> str:
    """Add a last paragraph to the reply, if one fits: the URL of its recording, or the number to call.

    A recording needs WhatsApp. The number is shown once per conversation, and then added to `shown_notices`.
    """
    if not reply or inbound.channel == "voice":  # a call speaks the reply anyway
        return reply
    language = language or SOURCE_LANGUAGE
    addition = find_recording_url(runtime, reply, language) if inbound.channel == "whatsapp" else ""
    addition = addition or _build_call_notice(runtime, language, shown_notices, now)
    return f"{reply}\n\n{addition}" if addition else reply


def find_recording_url(runtime: Runtime, reply: str, language: str) -> str:
    """Return the URL of the recorded reply, or "" unless every part has a reviewed, current recording."""
    is_reachable = runtime.settings.public_url or not runtime.settings.is_live
    if not is_reachable or len(split_message(reply)) >= MAX_MESSAGES:
        return ""
    keys = [compute_recording_key(language, text) for text in _list_spoken_texts(runtime, reply, language)]
    if not 0 < len(keys) <= MAX_UTTERANCES:
        return ""
    try:
        with runtime.database.read() as db:
            usable_keys = recordings.find_usable_keys(db, language, keys)
    except SQLAlchemyError as error:  # a text without a recording is better than none
        log.warning("recordings not looked up: %s", type(error).__name__)
        return ""
    if not usable_keys >= set(keys):
        return ""
    name = f"{keys[0]}.ogg" if len(keys) == 1 else f"{'-'.join(keys)}.mp3"
    return f"{runtime.settings.public_base}/recordings/{name}"


def _list_spoken_texts(runtime: Runtime, reply: str, language: str) -> list[str]:
    """Return the spoken parts in order. Each choice is followed by the words for its number, as in a call."""
    library = get_localized_library(runtime, language)
    press_text = library.catalogs.translate(language, library.texts["voice_press"])
    texts = []
    for utterance in split_utterances(render_spoken_reply(library, language, reply)):
        texts.append(utterance.text)
        if utterance.key:
            texts.append(press_text.replace("{digit}", utterance.key))
    return texts


def _build_call_notice(runtime: Runtime, language: str, shown_notices: list[str], now: datetime) -> str:
    """Return the number to call, if a voice speaks this language. A short code can't be called."""
    number = runtime.settings.twilio_sms_from
    if CAN_CALL_NOTICE in shown_notices or language not in TWILIO_VOICES or not number.startswith("+"):
        return ""
    shown_notices.append(CAN_CALL_NOTICE)
    composer = ReplyComposer(
        get_localized_library(runtime, language), language, now, shown_notices, {"number": format_phone(number)}
    )
    return composer.compose([Notice(CAN_CALL_NOTICE)])
