"""A family that speaks is answered by voice beside the text: the reviewed recordings of that very text, nothing else.

Recordings are of the line's own texts, so that what is sent holds nothing about anybody.  A reply that holds anything
which nobody recorded (a day, a name) stays a text: half an answer by ear is worse than none.
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
from bot.speech.spoken_wording import render_spoken_reply as for_the_ear
from bot.speech.twilio_voices import TWILIO_VOICES
from bot.speech.utterances import compute_recording_key, split_utterances
from bot.store.announcements import recordings

CAN_CALL_NOTICE = "voice_can_call"
MAX_MESSAGES = 3
"""One answer, text and sound together: more is a wall on a small phone."""
MAX_UTTERANCES = 20
"""Two minutes each at 48 kbit/s stay below the 16 MB that WhatsApp takes (twilio.md, section 6)."""

log = logging.getLogger(__name__)


def add_recording(
    runtime: Runtime, inbound: InboundMessage, reply: str, language: str | None, shown_notices: list[str], now: datetime
) -> str:
    """The reply with the address of its sound as its last paragraph (WhatsApp), or once a conversation with the number
    at which a voice reads the answers; as it was where neither is there, or nothing is said.

    `noticed`: what this conversation was told, to which this adds.
    """
    if not reply or inbound.channel == "voice":  # a call says it anyway
        return reply
    recording_url = (
        find_recording_url(runtime, reply, language or SOURCE_LANGUAGE) if inbound.channel == "whatsapp" else ""
    )
    addition = recording_url or _build_call_notice(runtime, language or SOURCE_LANGUAGE, shown_notices, now)
    return f"{reply}\n\n{addition}" if addition else reply


def find_recording_url(runtime: Runtime, reply: str, language: str) -> str:
    """The address of the reply said aloud; empty unless every piece of it was recorded and reviewed, as it is now."""
    is_reachable = runtime.settings.public_url or not runtime.settings.is_live
    if not is_reachable or len(split_message(reply)) >= MAX_MESSAGES:
        return ""
    keys = [compute_recording_key(language, text) for text in _list_spoken_texts(runtime, reply, language)]
    if not 0 < len(keys) <= MAX_UTTERANCES:
        return ""
    try:
        with runtime.database.read() as db:
            usable_keys = recordings.find_usable_keys(db, language, keys)
    except SQLAlchemyError as error:  # the answer itself is kept: a text without its sound is better than none
        log.warning("recordings not looked up: %s", type(error).__name__)
        return ""
    name = f"{keys[0]}.ogg" if len(keys) == 1 else f"{'-'.join(keys)}.mp3"
    return f"{runtime.settings.public_base}/recordings/{name}" if usable_keys >= set(keys) else ""


def _list_spoken_texts(runtime: Runtime, reply: str, language: str) -> list[str]:
    """What is said one after the other; after each choice the words for its number, as in a call."""
    library = get_localized_library(runtime, language)
    press_text = library.catalogs.translate(language, library.texts["voice_press"])
    texts = []
    for piece in split_utterances(for_the_ear(library, language, reply)):
        texts += [piece.text, *([press_text.replace("{digit}", piece.key)] if piece.key else [])]
    return texts


def _build_call_notice(runtime: Runtime, language: str, shown_notices: list[str], now: datetime) -> str:
    """Where a voice reads this language, the number that can be called; a short code cannot be."""
    number = runtime.settings.twilio_sms_from
    if CAN_CALL_NOTICE in shown_notices or language not in TWILIO_VOICES or not number.startswith("+"):
        return ""
    shown_notices.append(CAN_CALL_NOTICE)
    composer = ReplyComposer(
        get_localized_library(runtime, language), language, now, shown_notices, {"number": format_phone(number)}
    )
    return composer.compose([Notice(CAN_CALL_NOTICE)])
