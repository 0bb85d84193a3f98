"""Who is on the line, and what stands in the address of the next callback: nothing else is kept of a call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from urllib.parse import urlencode

from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.texts import TextId
from bot.runtime import Services
from bot.speech.spoken_wording import is_day, is_english, said
from bot.speech.twilio_voices import VOICES
from bot.speech.utterances import Piece, pieces, recording_key
from bot.store.announcements import recordings
from bot.store.families import contacts
from bot.web.webhooks.twiml_speech import Speaker

WITHHELD = frozenset({"266696687", "7378742833", "86282452253"})
"""What stands in `From`, also after a 1, where a caller hides the number: ANONYMOUS, RESTRICTED and UNAVAILABLE, as one
spells them on a keypad (other such words are too short for a number).  Taken for numbers, all who hide theirs would be
one family and hear each other's answers."""
NONE: Mapping[str, str] = MappingProxyType({})
SHORTEST = 10
"""Digits of a number that can be called back."""


@dataclass(frozen=True)
class Call:
    """One callback of a call: who is on the line, at which turn, in which language (empty: not known yet).

    `silences`: so often the line has waited in vain for this turn; `slowly`: somebody asked to hear it again.
    """

    services: Services
    sid: str
    address: str
    turn: int = 0
    language: str = ""
    silences: int = 0
    slowly: bool = False

    def message_id(self, part: int | str) -> str:
        """The id of the message of a turn (or another part): as long as Twilio's, the same for the same turn."""
        return "CV" + sha256(f"{self.sid}:{part}".encode()).hexdigest()[:32]

    @property
    def base(self) -> str:
        """Where all callbacks of calls go."""
        return f"{self.services.settings.public_base}/webhooks/twilio/voice"

    def next(self) -> str:
        """Where Twilio goes with the next key."""
        silent = {"silent": self.silences} if self.silences else {}
        return f"{self.base}?{urlencode({'turn': self.turn + 1, 'l': self.language, **silent})}"

    @property
    def number(self) -> str:
        """The caller's number; something without a plus where it is hidden."""
        return self.address.removeprefix("voice:")

    @property
    def hidden(self) -> bool:
        """Whether there is no number to call back."""
        return not self.number.startswith("+")

    def text(self, name: TextId, **values: str) -> str:
        """One of the program's own texts in the caller's language."""
        library = self.services.library
        wording = library.catalogs.translate(self.language or SOURCE_LANGUAGE, library.texts[name])
        return wording.format_map({"office_phone": library.district.office_phone, **values})

    def pieces(self, reply: str) -> tuple[Piece, ...]:
        """A reply in the pieces that are said, with the words for the ear.

        Where no machine speaks, the day on which a fact was checked is said if somebody has recorded it, else left out.
        """
        library, language = self.services.library, self.language or SOURCE_LANGUAGE
        cut = pieces(said(library, language, reply))
        days = [] if language in VOICES else [one.text for one in cut if is_day(library, language, one.text)]
        recorded = self.speaker(days).recorded if days else {}
        return tuple(one for one in cut if one.text not in days or one.text in recorded)

    def press(self, digit: str) -> str:
        """The words for a key."""
        return self.text("voice_press", digit=digit)

    def reads(self) -> str:
        """The language of this number, if the line has it in calls; "" if not, or if none is known."""
        known = self.wants()
        return known if known in self.services.library.district.languages else ""

    def wants(self) -> str:
        """The language of this number now: the caller's own word, or what it reads by another channel; "" if none."""
        with self.services.database.read() as db:
            return contacts.find_language(db, self.services.database.vault, self.address) or ""

    def speaker(self, texts: Sequence[str], foreign: Mapping[str, str] = NONE) -> Speaker:
        """Who says these texts: people's recordings, where they have been reviewed, else the language's voice, or that
        of the language in which a text is (`foreign`; English for what has no translation)."""
        language = self.language or SOURCE_LANGUAGE
        keys = {text: recording_key(language, text) for text in texts}
        with self.services.database.read() as db:
            found = recordings.find_usable_keys(db, language, keys.values())
        base = f"{self.services.settings.public_base}/recordings"
        recorded = {text: f"{base}/{key}.mp3" for text, key in keys.items() if key in found}
        library = self.services.library
        english = [text for text in texts if language in VOICES and is_english(library, language, text)]
        return Speaker(language, recorded, self.slowly, {**dict.fromkeys(english, SOURCE_LANGUAGE), **foreign})

    def machine(self) -> Speaker:
        """The language's voice alone, which needs no database."""
        return Speaker(self.language or SOURCE_LANGUAGE)


def opened(services: Services, form: Mapping[str, str], args: Mapping[str, str]) -> Call:
    """The call of this callback.  A caller without a number is somebody new each time."""
    ours = form.get("Direction", "").startswith("outbound")
    sid, other = form.get("CallSid", "")[:34], form.get("To" if ours else "From", "")
    address = other if _is_number(other) else sid
    language = args.get("l", "")
    known = language if language in services.library.district.languages else ""
    return Call(services, sid, f"voice:{address}", _number(args.get("turn")), known, _number(args.get("silent")))


def _is_number(other: str) -> bool:
    digits = other[1:]
    plain = other.startswith("+") and digits.isdecimal() and len(digits) >= SHORTEST
    return plain and digits.removeprefix("1") not in WITHHELD


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 5 else 0
