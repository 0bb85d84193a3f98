"""Add the texts of a call to TwiML, each as a recording or in the voice of its language.

All calls use this module: calls to families, calls to staff, and incoming calls.
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
"""How long a call waits for an answer before it repeats the question."""
MAX_SAY_BYTES, MAX_SAY_QUOTED_CHARACTERS = 3000, 4500
"""The limits of one `<Say>`: bytes for Polly's voices (Google's allow 5,000), and characters of the URL-encoded text.

The second limit is about 500 letters of Amharic. Source: https://www.twilio.com/docs/api/errors/13521.
"""
SENTENCE_BOUNDARY = re.compile(r"(?<=[.!?؟۔])(?=\s)|(?<=[。！？።])")
WORD_BOUNDARY, LETTER_BOUNDARY = re.compile(r"(?<=\s)"), re.compile(r"(?<=.)", re.DOTALL)
BOUNDARIES = (SENTENCE_BOUNDARY, WORD_BOUNDARY, LETTER_BOUNDARY)


@dataclass(frozen=True)
class Speaker:
    """The speaker of one language.

    Attributes:
        language: The language of the texts.
        recording_urls: The URL of the recording of each recorded text.
        is_slow: Whether the caller asked to hear the text again.
        foreign_languages: The language of each text that isn't in `language`. The voice of that language says it.
    """

    language: str
    recording_urls: Mapping[str, str] = field(default_factory=dict)
    is_slow: bool = False
    foreign_languages: Mapping[str, str] = field(default_factory=dict)

    def can_say(self, texts: Sequence[str]) -> bool:
        """Return whether each text has a recording or a voice of its own language."""
        return all(text in self.recording_urls or self._get_language(text) in TWILIO_VOICES for text in texts)

    def _get_language(self, text: str) -> str:
        return self.foreign_languages.get(text, self.language)

    def say_text(self, document: VoiceResponse | Gather, text: str) -> None:
        """Say one text. Call `can_say` first.

        A slow speaker pauses after each sentence. Polly's voices also speak slower. Twilio's pages don't say whether
        Google's voices support that option.
        """
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
            is_slow_end = self.is_slow and number == len(parts)
            document.pause(length=2 if is_slow_end else 1)


def split_sentences(text: str) -> list[str]:
    """Split a text into sentences, each short enough for one `<Say>`."""
    return [part for sentence in SENTENCE_BOUNDARY.split(text) for part in split_into_parts(sentence.strip())]


def split_into_parts(text: str, boundaries: Sequence[re.Pattern[str]] = BOUNDARIES) -> list[str]:
    """Split a text into as few parts as possible, each short enough for one `<Say>`.

    The text is split between sentences if possible, else between words, else between letters.
    """
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
    """Return the texts of the utterances in order, with a prompt for the key after each choice."""
    texts: list[str] = []
    for utterance in utterances:
        texts.append(utterance.text)
        if utterance.key:
            texts.append(build_key_prompt(utterance.key))
    return tuple(texts)
