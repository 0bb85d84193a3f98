"""Map languages to Twilio's voices and to the locales of its speech recognition.

The names come from the lists in Twilio's library (npm twilio 6.2.0: `SayVoice`, `SayLanguage`, `GatherLanguage`), read
in November 2026. Haitian Creole, Somali, Persian, and Pashto have no voice. Only recordings by people speak these
languages, and no voice of another language replaces them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class TwilioVoice:
    """Hold `name` and `locale` for `<Say>`, and `recognition_locale` for `<Gather input="speech">` ("" for none)."""

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
"""Languages that the speech recognition understands but no voice reads."""


def find_recognition_locale(language: str) -> str:
    """Return the locale of this language for the speech recognition, or "" if it has none."""
    voice = TWILIO_VOICES.get(language)
    return voice.recognition_locale if voice else RECOGNITION_ONLY_LOCALES.get(language, "")
