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
from bot.messaging.catalog_drafts import library_for
from bot.messaging.inbound_message import Inbound
from bot.messaging.placeholder_values import readable
from bot.messaging.reply_composer import Composer
from bot.runtime import Services
from bot.speech.spoken_wording import said as for_the_ear
from bot.speech.twilio_voices import VOICES
from bot.speech.utterances import pieces, recording_key
from bot.store.announcements import recordings

CAN_CALL = "voice_can_call"
MOST_MESSAGES = 3
"""One answer, text and sound together: more is a wall on a small phone."""
MOST_PIECES = 20
"""Two minutes each at 48 kbit/s stay below the 16 MB that WhatsApp takes (twilio.md, section 6)."""

log = logging.getLogger(__name__)


def speaks(before: bool, inbound: Inbound) -> bool:
    """Whether this family speaks rather than writes, as far as its conversation of the day knows.

    A voice note says so, and words that were written say the opposite; a number or a button is no sign of either.
    """
    if inbound.sounds:
        return True
    return before and (inbound.payload is not None or not any(letter.isalpha() for letter in inbound.text))


def beside(
    services: Services, inbound: Inbound, reply: str, language: str | None, noticed: list[str], at: datetime
) -> str:
    """The reply with the address of its sound as its last paragraph (WhatsApp), or once a conversation with the number
    at which a voice reads the answers; as it was where neither is there, or nothing is said.

    `noticed`: what this conversation was told, to which this adds.
    """
    if not reply or inbound.channel == "voice":  # a call says it anyway
        return reply
    sound = sound_of(services, reply, language or SOURCE_LANGUAGE) if inbound.channel == "whatsapp" else ""
    added = sound or _number_to_call(services, language or SOURCE_LANGUAGE, noticed, at)
    return f"{reply}\n\n{added}" if added else reply


def sound_of(services: Services, reply: str, language: str) -> str:
    """The address of the reply said aloud; empty unless every piece of it was recorded and reviewed, as it is now."""
    reachable = services.settings.public_url or not services.settings.live
    if not reachable or len(split_message(reply)) >= MOST_MESSAGES:
        return ""
    keys = [recording_key(language, text) for text in _texts(services, reply, language)]
    if not 0 < len(keys) <= MOST_PIECES:
        return ""
    try:
        with services.database.read() as db:
            there = recordings.find_usable_keys(db, language, keys)
    except SQLAlchemyError as error:  # the answer itself is kept: a text without its sound is better than none
        log.warning("recordings not looked up: %s", type(error).__name__)
        return ""
    name = f"{keys[0]}.ogg" if len(keys) == 1 else f"{'-'.join(keys)}.mp3"
    return f"{services.settings.public_base}/recordings/{name}" if there >= set(keys) else ""


def _texts(services: Services, reply: str, language: str) -> list[str]:
    """What is said one after the other; after each choice the words for its number, as in a call."""
    library = library_for(services, language)
    press = library.catalogs.translate(language, library.texts["voice_press"])
    said = []
    for piece in pieces(for_the_ear(library, language, reply)):
        said += [piece.text, *([press.replace("{digit}", piece.key)] if piece.key else [])]
    return said


def _number_to_call(services: Services, language: str, noticed: list[str], at: datetime) -> str:
    """Where a voice reads this language, the number that can be called; a short code cannot be."""
    number = services.settings.twilio_sms_from
    if CAN_CALL in noticed or language not in VOICES or not number.startswith("+"):
        return ""
    noticed.append(CAN_CALL)
    composer = Composer(library_for(services, language), language, at, noticed, {"number": readable(number)})
    return composer.compose([Notice(CAN_CALL)])
