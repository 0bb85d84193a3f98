"""A written answer, cut into the pieces that are said one after the other.

A piece is a paragraph, the question, or one choice with its number.  A recording is of one piece in one language, and
is found by what the piece says: where the text changes, the old recording is not found any more.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from bot.documents.html_page import LINK
from bot.speech.text_to_speech import spoken

OPTION = re.compile(r"^(\d{1,2})\. (.+)$")
ADDRESS = re.compile(r"https?://\S+|\bwww\.\S+")
ISOLATES = re.compile("[\u2066-\u2069\u200e\u200f]")


SHORT = re.compile(r"(?<![\d.,:/$€-])(?:[2-9]11|988)(?![\d%]|[.,:/-]\d)")
"""911, 211 and the like, and 988."""
UNSAID = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff\u2600-\u27bf\ufe0e\ufe0f\u200d\U0001f000-\U0001faff]+")


@dataclass(frozen=True)
class Piece:
    """What is said at one go; `key` is the number that a caller presses for it, if it is a choice."""

    text: str
    key: str = ""


def pieces(reply: str) -> tuple[Piece, ...]:
    """The pieces of a reply, in order.  Addresses of pages are left out: nobody can write them down by ear."""
    lines = [line.strip() for line in ISOLATES.sub("", reply).split("\n")]
    found = (_piece(line) for line in lines)
    return tuple(one for one in found if re.search(r"\w", one.text))


def _piece(line: str) -> Piece:
    option = OPTION.match(line)
    text, key = (option[2], option[1]) if option else (line, "")
    return Piece(re.sub(r"\s+", " ", ADDRESS.sub(" ", text)).strip(" -"), key)


def has_more(reply: str) -> bool:
    """Whether something in it is for the eye: an address, or more than one remembers after hearing it once."""
    return bool(LINK.search(reply)) or len(reply) > LONG


LONG = 500
"""Letters; half a minute of speech."""


def recording_key(language: str, text: str) -> str:
    """Under which a recording of this piece in this language stands: 32 hex letters, other ones for other words."""
    return sha256(f"{language}\n{' '.join(text.split())}".encode()).hexdigest()[:32]


def aloud(text: str) -> str:
    """The piece as a machine's voice should read it: telephone numbers digit by digit, the short ones too, which would
    else be hundreds (nobody calls 九百一十一); no little pictures, and nothing that is no letter of XML."""
    plain = UNSAID.sub(" ", text)
    return SHORT.sub(lambda number: " ".join(number[0]), spoken(plain))
