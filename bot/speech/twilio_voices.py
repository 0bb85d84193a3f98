"""Which of Twilio's voices reads a language aloud, and by which name its speech recognition knows it.

Names as in the lists of Twilio's own library (npm twilio 6.2.0: `SayVoice`, `SayLanguage`, `GatherLanguage`), read in
November 2026.  For Haitian Creole, Somali, Persian and Pashto there is no voice: only people's recordings speak these,
and no other language's voice stands in for them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Voice:
    """`name` and `locale` for `<Say>`; `hears`: for `<Gather input="speech">`; empty if it knows none."""

    name: str
    locale: str
    hears: str = ""


VOICES = {
    "en": Voice("Polly.Joanna", "en-US", "en-US"),
    "es": Voice("Polly.Mia", "es-MX", "es-MX"),
    "pt": Voice("Polly.Camila", "pt-BR", "pt-BR"),
    "fr": Voice("Polly.Chantal", "fr-CA", "fr-CA"),
    "ar": Voice("Google.ar-XA-Standard-A", "ar-XA", "ar-EG"),
    "uk": Voice("Google.uk-UA-Standard-A", "uk-UA", "uk-UA"),
    "ru": Voice("Polly.Tatyana", "ru-RU", "ru-RU"),
    "zh": Voice("Polly.Zhiyu", "cmn-CN", "cmn-Hans-CN"),
    "vi": Voice("Google.vi-VN-Standard-A", "vi-VN", "vi-VN"),
    "am": Voice("Google.am-ET-Standard-A", "am-ET", "am-ET"),
    "tl": Voice("Google.fil-PH-Standard-A", "fil-PH", "fil-PH"),
    "ko": Voice("Polly.Seoyeon", "ko-KR", "ko-KR"),
}
HEARS_WITHOUT_A_VOICE = {"fa": "fa-IR"}
"""Persian is understood by the recognition, though no voice reads it."""


def hears(language: str) -> str:
    """The name of this language for the speech recognition; empty if it knows none."""
    voice = VOICES.get(language)
    return voice.hears if voice else HEARS_WITHOUT_A_VOICE.get(language, "")
