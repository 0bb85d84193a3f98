"""What is said in a call, as TwiML: one piece after the other, each by a recording or by the voice of its language."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from twilio.twiml.voice_response import Gather, VoiceResponse

from bot.voice.ear import Piece, aloud
from bot.voice.voices import VOICES

SLOWLY = "75%"
SECONDS = 7
"""So long a caller may think before the question is said again."""


@dataclass(frozen=True)
class Speaker:
    """Speaks one language.  `recorded`: the address of the recording of a text; `slowly`: somebody asked again."""

    language: str
    recorded: Mapping[str, str] = field(default_factory=dict)
    slowly: bool = False

    def can_say(self, texts: Sequence[str]) -> bool:
        """Whether there is a voice or a recording for all of these; another language's voice never stands in."""
        return self.language in VOICES or all(text in self.recorded for text in texts)

    def say(self, document: VoiceResponse | Gather, text: str) -> None:
        """Say one text; call only after `can_say`."""
        if text in self.recorded:
            document.play(self.recorded[text])
            return
        voice = VOICES[self.language]
        if self.slowly and not voice.name.startswith("Google"):  # whose voices read the mark itself, not its meaning
            document.say(voice=voice.name, language=voice.locale).prosody(aloud(text), rate=SLOWLY)
        else:
            document.say(aloud(text), voice=voice.name, language=voice.locale)
        document.pause(length=2 if self.slowly else 1)


def with_keys(pieces: Sequence[Piece], press: Callable[[str], str]) -> tuple[str, ...]:
    """The pieces in order; after each choice the words for its key."""
    said: list[str] = []
    for piece in pieces:
        said.append(piece.text)
        if piece.key:
            said.append(press(piece.key))
    return tuple(said)
