"""What is said in a call, as TwiML: one piece after the other, each by a recording or by the voice of its language.

Calls to families, calls to staff and the line that is rung all speak here, and nowhere else.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from twilio.twiml.voice_response import Gather, VoiceResponse

from bot.speech.twilio_voices import TWILIO_VOICES
from bot.speech.utterances import Utterance, prepare_machine_text

SLOW_RATE = "75%"
ANSWER_TIMEOUT_SECONDS = 7
"""So long a caller may think before the question is said again."""
MAX_SAY_BYTES, MAX_SAY_QUOTED_CHARACTERS = 3000, 4500
"""What one `<Say>` takes: bytes for Polly's voices (Google's take 5,000), and letters of the text as it stands in an
address: five hundred letters of Amharic (https://www.twilio.com/docs/api/errors/13521)."""
SENTENCE_BOUNDARY = re.compile(r"(?<=[.!?؟۔])(?=\s)|(?<=[。！？።])")
WORD_BOUNDARY, LETTER_BOUNDARY = re.compile(r"(?<=\s)"), re.compile(r"(?<=.)", re.DOTALL)
BOUNDARIES = (SENTENCE_BOUNDARY, WORD_BOUNDARY, LETTER_BOUNDARY)


@dataclass(frozen=True)
class Speaker:
    """Speaks one language.  `recorded`: the address of the recording of a text; `slowly`: somebody asked again;
    `foreign`: in which language a text is that is not in this one: its own voice reads it."""

    language: str
    recording_urls: Mapping[str, str] = field(default_factory=dict)
    is_slow: bool = False
    foreign_languages: Mapping[str, str] = field(default_factory=dict)

    def can_say(self, texts: Sequence[str]) -> bool:
        """Whether there is a voice or a recording for all of these; another language's voice never stands in."""
        return all(text in self.recording_urls or self._get_language(text) in TWILIO_VOICES for text in texts)

    def _get_language(self, text: str) -> str:
        return self.foreign_languages.get(text, self.language)

    def say_text(self, document: VoiceResponse | Gather, text: str) -> None:
        """Say one text; call only after `can_say`.  Slowly: a breath after each sentence, and slower words where the
        voice is one of Polly's (nothing of Twilio's that we could read says what Google's make of that mark)."""
        if text in self.recording_urls:
            document.play(self.recording_urls[text])
            return
        voice, spoken_text = TWILIO_VOICES[self._get_language(text)], prepare_machine_text(text)
        parts = split_sentences(spoken_text) if self.is_slow else split_into_parts(spoken_text)
        for number, part in enumerate(parts, 1):
            if self.is_slow and voice.name.startswith("Polly."):
                document.say(voice=voice.name, language=voice.locale).prosody(part, rate=SLOW_RATE)
            else:
                document.say(part, voice=voice.name, language=voice.locale)
            document.pause(length=2 if self.is_slow and number == len(parts) else 1)


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, each short enough for one `<Say>`."""
    return [part for sentence in SENTENCE_BOUNDARY.split(text) for part in split_into_parts(sentence.strip())]


def split_into_parts(text: str, boundaries: Sequence[re.Pattern[str]] = BOUNDARIES) -> list[str]:
    """A text in as few parts as one `<Say>` each can take, cut between sentences, else words, else letters."""
    if _is_within_say_limit(text):
        return [text] if re.search(r"\w", text) else []
    parts: list[str] = []
    for unit in boundaries[0].split(text):
        if parts and _is_within_say_limit(parts[-1] + unit):
            parts[-1] += unit
        else:
            parts += split_into_parts(unit, boundaries[1:])
    return parts


def _is_within_say_limit(text: str) -> bool:
    return len(text.encode()) <= MAX_SAY_BYTES and len(quote(text)) <= MAX_SAY_QUOTED_CHARACTERS


def add_key_prompts(utterances: Sequence[Utterance], build_key_prompt: Callable[[str], str]) -> tuple[str, ...]:
    """The pieces in order; after each choice the words for its key."""
    texts: list[str] = []
    for utterance in utterances:
        texts.append(utterance.text)
        if utterance.key:
            texts.append(build_key_prompt(utterance.key))
    return tuple(texts)
