"""What is said in a call, as TwiML: one piece after the other, each by a recording or by the voice of its language.

Calls to families, calls to staff and the line that is rung all speak here, and nowhere else.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from twilio.twiml.voice_response import Gather, VoiceResponse

from bot.speech.twilio_voices import VOICES
from bot.speech.utterances import Piece, aloud

SLOWLY = "75%"
SECONDS = 7
"""So long a caller may think before the question is said again."""
BYTES, QUOTED = 3000, 4500
"""What one `<Say>` takes: bytes for Polly's voices (Google's take 5,000), and letters of the text as it stands in an
address: five hundred letters of Amharic (https://www.twilio.com/docs/api/errors/13521)."""
SENTENCE = re.compile(r"(?<=[.!?؟۔])(?=\s)|(?<=[。！？።])")
WORD, LETTER = re.compile(r"(?<=\s)"), re.compile(r"(?<=.)", re.DOTALL)
CUTS = (SENTENCE, WORD, LETTER)


@dataclass(frozen=True)
class Speaker:
    """Speaks one language.  `recorded`: the address of the recording of a text; `slowly`: somebody asked again;
    `foreign`: in which language a text is that is not in this one: its own voice reads it."""

    language: str
    recorded: Mapping[str, str] = field(default_factory=dict)
    slowly: bool = False
    foreign: Mapping[str, str] = field(default_factory=dict)

    def can_say(self, texts: Sequence[str]) -> bool:
        """Whether there is a voice or a recording for all of these; another language's voice never stands in."""
        return all(text in self.recorded or self._of(text) in VOICES for text in texts)

    def _of(self, text: str) -> str:
        return self.foreign.get(text, self.language)

    def say(self, document: VoiceResponse | Gather, text: str) -> None:
        """Say one text; call only after `can_say`.  Slowly: a breath after each sentence, and slower words where the
        voice is one of Polly's (nothing of Twilio's that we could read says what Google's make of that mark)."""
        if text in self.recorded:
            document.play(self.recorded[text])
            return
        voice, said = VOICES[self._of(text)], aloud(text)
        parts = sentences(said) if self.slowly else in_parts(said)
        for number, part in enumerate(parts, 1):
            if self.slowly and voice.name.startswith("Polly."):
                document.say(voice=voice.name, language=voice.locale).prosody(part, rate=SLOWLY)
            else:
                document.say(part, voice=voice.name, language=voice.locale)
            document.pause(length=2 if self.slowly and number == len(parts) else 1)


def sentences(text: str) -> list[str]:
    """The sentences of a text, each short enough for one `<Say>`."""
    return [part for sentence in SENTENCE.split(text) for part in in_parts(sentence.strip())]


def in_parts(text: str, cuts: Sequence[re.Pattern[str]] = CUTS) -> list[str]:
    """A text in as few parts as one `<Say>` each can take, cut between sentences, else words, else letters."""
    if _fits(text):
        return [text] if re.search(r"\w", text) else []
    parts: list[str] = []
    for unit in cuts[0].split(text):
        if parts and _fits(parts[-1] + unit):
            parts[-1] += unit
        else:
            parts += in_parts(unit, cuts[1:])
    return parts


def _fits(text: str) -> bool:
    return len(text.encode()) <= BYTES and len(quote(text)) <= QUOTED


def with_keys(pieces: Sequence[Piece], press: Callable[[str], str]) -> tuple[str, ...]:
    """The pieces in order; after each choice the words for its key."""
    said: list[str] = []
    for piece in pieces:
        said.append(piece.text)
        if piece.key:
            said.append(press(piece.key))
    return tuple(said)
