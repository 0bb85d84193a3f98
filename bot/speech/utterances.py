"""A written answer, cut into the pieces that are said one after the other.

A piece is a paragraph, the question, or one choice with its number.  A recording is of one piece in one language, and
is found by what the piece says: where the text changes, the old recording is not found any more.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from bot.documents.html_page import LINK_PATTERN
from bot.speech.text_to_speech import prepare_spoken_text

CHOICE_PATTERN = re.compile(r"^(\d{1,2})\. (.+)$")
WEB_ADDRESS_PATTERN = re.compile(r"https?://\S+|\bwww\.\S+")
DIRECTION_MARK_PATTERN = re.compile("[\u2066-\u2069\u200e\u200f]")


SHORT_NUMBER_PATTERN = re.compile(r"(?<![\d.,:/$€-])(?:[2-9]11|988)(?![\d%]|[.,:/-]\d)")
"""911, 211 and the like, and 988."""
UNSPOKEN_CHARACTERS_PATTERN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff\u2600-\u27bf\ufe0e\ufe0f\u200d\U0001f000-\U0001faff]+"
)


@dataclass(frozen=True)
class Utterance:
    """What is said at one go; `key` is the number that a caller presses for it, if it is a choice."""

    text: str
    key: str = ""


def split_utterances(reply: str) -> tuple[Utterance, ...]:
    """The pieces of a reply, in order.  Addresses of pages are left out: nobody can write them down by ear."""
    lines = [line.strip() for line in DIRECTION_MARK_PATTERN.sub("", reply).split("\n")]
    utterances = (_parse_utterance(line) for line in lines)
    return tuple(utterance for utterance in utterances if re.search(r"\w", utterance.text))


def _parse_utterance(line: str) -> Utterance:
    choice = CHOICE_PATTERN.match(line)
    text, key = (choice[2], choice[1]) if choice else (line, "")
    return Utterance(re.sub(r"\s+", " ", WEB_ADDRESS_PATTERN.sub(" ", text)).strip(" -"), key)


def has_visual_content(reply: str) -> bool:
    """Whether something in it is for the eye: an address, or more than one remembers after hearing it once."""
    return bool(LINK_PATTERN.search(reply)) or len(reply) > LONG_REPLY_CHARACTERS


LONG_REPLY_CHARACTERS = 500
"""Letters; half a minute of speech."""


def compute_recording_key(language: str, text: str) -> str:
    """Under which a recording of this piece in this language stands: 32 hex letters, other ones for other words."""
    return sha256(f"{language}\n{' '.join(text.split())}".encode()).hexdigest()[:32]


def prepare_machine_text(text: str) -> str:
    """The piece as a machine's voice should read it: telephone numbers digit by digit, the short ones too, which would
    else be hundreds (nobody calls 九百一十一); no little pictures, and nothing that is no letter of XML."""
    cleaned_text = UNSPOKEN_CHARACTERS_PATTERN.sub(" ", text)
    return SHORT_NUMBER_PATTERN.sub(lambda number: " ".join(number[0]), prepare_spoken_text(cleaned_text))
