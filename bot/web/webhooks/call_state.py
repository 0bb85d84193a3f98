"""Who is on the line, and what stands in the address of the next callback: nothing else is kept of a call."""

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
"""What stands in `From`, also after a 1, where a caller hides the number: ANONYMOUS, RESTRICTED and UNAVAILABLE, as one
spells them on a keypad (other such words are too short for a number).  Taken for numbers, all who hide theirs would be
one family and hear each other's answers."""
NO_FOREIGN_TEXTS: Mapping[str, str] = MappingProxyType({})
MIN_NUMBER_DIGITS = 10
"""Digits of a number that can be called back."""


@dataclass(frozen=True)
class CallState:
    """One callback of a call: who is on the line, at which turn, in which language (empty: not known yet).

    `silences`: so often the line has waited in vain for this turn; `slowly`: somebody asked to hear it again.
    """

    runtime: Runtime
    sid: str
    address: str
    turn: int = 0
    language: str = ""
    silences: int = 0
    is_slow: bool = False

    def build_message_id(self, part: int | str) -> str:
        """The id of the message of a turn (or another part): as long as Twilio's, the same for the same turn."""
        return "CV" + sha256(f"{self.sid}:{part}".encode()).hexdigest()[:32]

    @property
    def callback_base_url(self) -> str:
        """Where all callbacks of calls go."""
        return f"{self.runtime.settings.public_base}/webhooks/twilio/voice"

    def build_next_url(self) -> str:
        """Where Twilio goes with the next key."""
        silence_fields = {"silent": self.silences} if self.silences else {}
        return f"{self.callback_base_url}?{urlencode({'turn': self.turn + 1, 'l': self.language, **silence_fields})}"

    @property
    def number(self) -> str:
        """The caller's number; something without a plus where it is hidden."""
        return self.address.removeprefix("voice:")

    @property
    def is_number_hidden(self) -> bool:
        """Whether there is no number to call back."""
        return not self.number.startswith("+")

    def render_text(self, text_id: TextId, **values: str) -> str:
        """One of the program's own texts in the caller's language."""
        library = self.runtime.library
        wording = library.catalogs.translate(self.language or SOURCE_LANGUAGE, library.texts[text_id])
        return wording.format_map({"office_phone": library.district.office_phone, **values})

    def list_utterances(self, reply: str) -> tuple[Utterance, ...]:
        """A reply in the pieces that are said, with the words for the ear.

        Where no machine speaks, the day on which a fact was checked is said if somebody has recorded it, else left out.
        """
        library, language = self.runtime.library, self.language or SOURCE_LANGUAGE
        utterances = split_utterances(render_spoken_reply(library, language, reply))
        date_texts = (
            []
            if language in TWILIO_VOICES
            else [utterance.text for utterance in utterances if is_check_date(library, language, utterance.text)]
        )
        recording_urls = self.build_speaker(date_texts).recording_urls if date_texts else {}
        return tuple(
            utterance
            for utterance in utterances
            if utterance.text not in date_texts or utterance.text in recording_urls
        )

    def render_key_prompt(self, digit: str) -> str:
        """The words for a key."""
        return self.render_text("voice_press", digit=digit)

    def find_spoken_language(self) -> str:
        """The language of this number, if the line has it in calls; "" if not, or if none is known."""
        language = self.find_preferred_language()
        return language if language in self.runtime.library.district.languages else ""

    def find_preferred_language(self) -> str:
        """The language of this number now: the caller's own word, or what it reads by another channel; "" if none."""
        with self.runtime.database.read() as db:
            return contacts.find_language(db, self.address) or ""

    def build_speaker(self, texts: Sequence[str], foreign_languages: Mapping[str, str] = NO_FOREIGN_TEXTS) -> Speaker:
        """Who says these texts: people's recordings, where they have been reviewed, else the language's voice, or that
        of the language in which a text is (`foreign`; English for what has no translation)."""
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
        """The language's voice alone, which needs no database."""
        return Speaker(self.language or SOURCE_LANGUAGE)


def parse_call(runtime: Runtime, form: Mapping[str, str], args: Mapping[str, str]) -> CallState:
    """The call of this callback.  A caller without a number is somebody new each time."""
    is_outgoing = form.get("Direction", "").startswith("outbound")
    sid, number = form.get("CallSid", "")[:34], form.get("To" if is_outgoing else "From", "")
    address = number if _is_number(number) else sid
    language = args.get("l", "")
    known_language = language if language in runtime.library.district.languages else ""
    return CallState(
        runtime,
        sid,
        f"voice:{address}",
        _parse_number(args.get("turn")),
        known_language,
        _parse_number(args.get("silent")),
    )


def _is_number(number: str) -> bool:
    digits = number[1:]
    is_well_formed = number.startswith("+") and digits.isdecimal() and len(digits) >= MIN_NUMBER_DIGITS
    return is_well_formed and digits.removeprefix("1") not in WITHHELD_NUMBERS


def _parse_number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 5 else 0


def receive_call_message(call: CallState, message: InboundMessage) -> str:
    """Return the reply to what the caller pressed or said, as to a text."""
    command = match_command(message.normalized_text, call.runtime.library.phrasebook)
    return receive_message(call.runtime, message, command)
