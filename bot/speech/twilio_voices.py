"""Which of Twilio's voices reads a language aloud, and by which name its speech recognition knows it.

Names as in the lists of Twilio's own library (npm twilio 6.2.0: `SayVoice`, `SayLanguage`, `GatherLanguage`), read in
November 2026.  For Haitian Creole, Somali, Persian and Pashto there is no voice: only people's recordings speak these,
and no other language's voice stands in for them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class TwilioVoice:
    """`name` and `locale` for `<Say>`; `hears`: for `<Gather input="speech">`; empty if it knows none."""

    name: str
    locale: str
    recognition_locale: str = ""


TWILIO_VOICES = {
    "en": TwilioVoice("Polly.Joanna", "en-US", "en-US"),
    "es": TwilioVoice("Polly.Mia", "es-MX", "es-MX"),
    "pt": TwilioVoice("Polly.Camila", "pt-BR", "pt-BR"),
    "fr": TwilioVoice("Polly.Chantal", "fr-CA", "fr-CA"),
    "ar": TwilioVoice("Google.ar-XA-Standard-A", "ar-XA", "ar-EG"),
    "uk": TwilioVoice("Google.uk-UA-Standard-A", "uk-UA", "uk-UA"),
    "ru": TwilioVoice("Polly.Tatyana", "ru-RU", "ru-RU"),
    "zh": TwilioVoice("Polly.Zhiyu", "cmn-CN", "cmn-Hans-CN"),
    "vi": TwilioVoice("Google.vi-VN-Standard-A", "vi-VN", "vi-VN"),
    "am": TwilioVoice("Google.am-ET-Standard-A", "am-ET", "am-ET"),
    "tl": TwilioVoice("Google.fil-PH-Standard-A", "fil-PH", "fil-PH"),
    "ko": TwilioVoice("Polly.Seoyeon", "ko-KR", "ko-KR"),
}
RECOGNITION_ONLY_LOCALES = {"fa": "fa-IR"}
"""Persian is understood by the recognition, though no voice reads it."""


def find_recognition_locale(language: str) -> str:
    """The name of this language for the speech recognition; empty if it knows none."""
    voice = TWILIO_VOICES.get(language)
    return voice.recognition_locale if voice else RECOGNITION_ONLY_LOCALES.get(language, "")
