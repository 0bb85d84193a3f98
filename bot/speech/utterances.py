"""Split a written reply into utterances, which a call speaks one after another.

An utterance is a paragraph, the question, or one choice with its number. A recording belongs to one utterance in one
language. Its key depends on the text, so that a changed text no longer has the old recording.
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
"""Numbers such as 911, 211, and 988."""
UNSPOKEN_CHARACTERS_PATTERN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff\u2600-\u27bf\ufe0e\ufe0f\u200d\U0001f000-\U0001faff]+"
)


@dataclass(frozen=True)
class Utterance:
    """Hold one utterance. `key` is the number that a caller presses for a choice."""

    text: str
    key: str = ""


def split_utterances(reply: str) -> tuple[Utterance, ...]:
    """Return the utterances of a reply in order, without web addresses, which no caller can write down."""
    lines = [line.strip() for line in DIRECTION_MARK_PATTERN.sub("", reply).split("\n")]
    utterances = (_parse_utterance(line) for line in lines)
    return tuple(utterance for utterance in utterances if re.search(r"\w", utterance.text))


def _parse_utterance(line: str) -> Utterance:
    choice = CHOICE_PATTERN.match(line)
    key, text = choice.groups() if choice else ("", line)
    return Utterance(re.sub(r"\s+", " ", WEB_ADDRESS_PATTERN.sub(" ", text)).strip(" -"), key)


def has_visual_content(reply: str) -> bool:
    """Return whether the reply needs a text too: it has a link, or it's too long to remember."""
    return bool(LINK_PATTERN.search(reply)) or len(reply) > LONG_REPLY_CHARACTERS


LONG_REPLY_CHARACTERS = 500
"""The maximum length without a text: half a minute of speech."""


def compute_recording_key(language: str, text: str) -> str:
    """Return the key of a recording of this utterance: 32 hex digits of a hash of language and text."""
    return sha256(f"{language}\n{' '.join(text.split())}".encode()).hexdigest()[:32]


def prepare_machine_text(text: str) -> str:
    """Return the utterance for a machine voice, with phone numbers digit by digit.

    Without this, a voice reads 911 as nine hundred eleven. Emoji and characters that XML doesn't allow are removed.
    """
    cleaned_text = UNSPOKEN_CHARACTERS_PATTERN.sub(" ", text)
    return SHORT_NUMBER_PATTERN.sub(lambda number: " ".join(number[0]), prepare_spoken_text(cleaned_text))
