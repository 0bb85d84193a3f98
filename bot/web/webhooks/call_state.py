"""The state of a call: the caller, and the fields in the URL of the next callback. Puente stores nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from urllib.parse import urlencode

from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.texts import TextId
from bot.flows.commands import match_command
from bot.messaging.inbound_handler import receive_message
from bot.messaging.inbound_message import InboundMessage
from bot.runtime import Runtime
from bot.speech.spoken_wording import is_check_date, is_english, render_spoken_reply
from bot.speech.twilio_voices import TWILIO_VOICES
from bot.speech.utterances import Utterance, compute_recording_key, split_utterances
from bot.store.announcements import recordings
from bot.store.families import contacts
from bot.web.webhooks.twiml_speech import Speaker

WITHHELD_NUMBERS = frozenset({"266696687", "7378742833", "86282452253"})
"""The value of `From`, also after a 1, for a hidden number: ANONYMOUS, RESTRICTED, and UNAVAILABLE on a keypad.

If these counted as numbers, all hidden callers would be one family and hear each other's answers.
"""
NO_FOREIGN_TEXTS: Mapping[str, str] = MappingProxyType({})
MIN_NUMBER_DIGITS = 10
"""The fewest digits of a number that staff can call back."""


@dataclass(frozen=True)
class CallState:
    """One callback of a call.

    Attributes:
        address: `voice:` and the caller's number, or the call's SID if the number is hidden.
        turn: The turn of the conversation, from 0.
        language: The caller's language; "" until it is known.
        silences: How many times in a row the caller gave no answer.
        is_slow: Whether the caller asked to hear the text again.
    """

    runtime: Runtime
    sid: str
    address: str
    turn: int = 0
    language: str = ""
    silences: int = 0
    is_slow: bool = False

    def build_message_id(self, part: int | str) -> str:
        """Return the message ID of a turn or another part, in the length of Twilio's. Repeats get the same ID."""
        return "CV" + sha256(f"{self.sid}:{part}".encode()).hexdigest()[:32]

    @property
    def callback_base_url(self) -> str:
        """Return the URL of all callbacks of calls, without a query."""
        return f"{self.runtime.settings.public_base}/webhooks/twilio/voice"

    def build_next_url(self) -> str:
        """Return the URL to which Twilio posts the next key."""
        query = {"turn": self.turn + 1, "l": self.language}
        if self.silences:
            query["silent"] = self.silences
        return f"{self.callback_base_url}?{urlencode(query)}"

    @property
    def number(self) -> str:
        """Return the caller's number, or the call's SID if the number is hidden."""
        return self.address.removeprefix("voice:")

    @property
    def is_number_hidden(self) -> bool:
        """Return whether there is no number to call back."""
        return not self.number.startswith("+")

    def render_text(self, text_id: TextId, **values: str) -> str:
        """Return one of Puente's own texts in the caller's language."""
        library = self.runtime.library
        wording = library.catalogs.translate(self.language or SOURCE_LANGUAGE, library.texts[text_id])
        return wording.format_map({"office_phone": library.district.office_phone, **values})

    def list_utterances(self, reply: str) -> tuple[Utterance, ...]:
        """Return the utterances of a reply, in the wording for calls.

        Where the language has no voice, the check date of a fact is left out unless there is a recording of it.
        """
        library, language = self.runtime.library, self.language or SOURCE_LANGUAGE
        utterances = tuple(split_utterances(render_spoken_reply(library, language, reply)))
        if language in TWILIO_VOICES:
            return utterances
        date_texts = [utterance.text for utterance in utterances if is_check_date(library, language, utterance.text)]
        if not date_texts:
            return utterances
        recording_urls = self.build_speaker(date_texts).recording_urls
        return tuple(
            utterance
            for utterance in utterances
            if utterance.text not in date_texts or utterance.text in recording_urls
        )

    def render_key_prompt(self, digit: str) -> str:
        """Return the text that names a key."""
        return self.render_text("voice_press", digit=digit)

    def find_spoken_language(self) -> str:
        """Return the preferred language of this number if the district offers it in calls, or ""."""
        language = self.find_preferred_language()
        if language not in self.runtime.library.district.languages:
            return ""
        return language

    def find_preferred_language(self) -> str:
        """Return the language that this number chose, or that its family reads on another channel, or ""."""
        with self.runtime.database.read() as db:
            return contacts.find_language(db, self.address) or ""

    def build_speaker(self, texts: Sequence[str], foreign_languages: Mapping[str, str] = NO_FOREIGN_TEXTS) -> Speaker:
        """Return the speaker of these texts: reviewed recordings, or else the voice of the language.

        Args:
            texts: All texts that the speaker will say.
            foreign_languages: The language of each text that isn't in the caller's language. A text without a
                translation is English.
        """
        language = self.language or SOURCE_LANGUAGE
        keys = {text: compute_recording_key(language, text) for text in texts}
        with self.runtime.database.read() as db:
            usable_keys = recordings.find_usable_keys(db, language, keys.values())
        base_url = f"{self.runtime.settings.public_base}/recordings"
        recording_urls = {text: f"{base_url}/{key}.mp3" for text, key in keys.items() if key in usable_keys}
        library = self.runtime.library
        english_texts = [text for text in texts if language in TWILIO_VOICES and is_english(library, language, text)]
        return Speaker(
            language,
            recording_urls,
            self.is_slow,
            {**dict.fromkeys(english_texts, SOURCE_LANGUAGE), **foreign_languages},
        )

    def build_machine_speaker(self) -> Speaker:
        """Return a speaker that uses only the voice of the language, and no database."""
        return Speaker(self.language or SOURCE_LANGUAGE)


def parse_call(runtime: Runtime, form: Mapping[str, str], args: Mapping[str, str]) -> CallState:
    """Return the call of this callback. A caller without a number is a new family each time."""
    is_outgoing = form.get("Direction", "").startswith("outbound")
    sid, number = form.get("CallSid", "")[:34], form.get("To" if is_outgoing else "From", "")
    if not _is_number(number):
        number = sid
    language = args.get("l", "")
    if language not in runtime.library.district.languages:
        language = ""
    return CallState(
        runtime,
        sid,
        address=f"voice:{number}",
        turn=_parse_number(args.get("turn")),
        language=language,
        silences=_parse_number(args.get("silent")),
    )


def _is_number(number: str) -> bool:
    digits = number[1:]
    is_well_formed = number.startswith("+") and digits.isdecimal() and len(digits) >= MIN_NUMBER_DIGITS
    return is_well_formed and digits.removeprefix("1") not in WITHHELD_NUMBERS


def _parse_number(text: str | None) -> int:
    if text and text.isdecimal() and len(text) < 5:
        return int(text)
    return 0


def receive_call_message(call: CallState, message: InboundMessage) -> str:
    """Return the reply to a key or to speech, as to a text message."""
    command = match_command(message.normalized_text, call.runtime.library.phrasebook)
    return receive_message(call.runtime, message, command)
