"""Which voice of Twilio's reads a language aloud; a language that is not here has none."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Voice:
    """`name` and `locale` as `<Say>` wants them; `hears` the locale in which Twilio understands speech, if it does."""

    name: str
    locale: str
    hears: str = ""


VOICES: dict[str, Voice] = {
    "en": Voice("Polly.Joanna", "en-US", "en-US"),
    "es": Voice("Polly.Mia", "es-MX", "es-MX"),
    "pt": Voice("Polly.Camila", "pt-BR", "pt-BR"),
    "fr": Voice("Polly.Lea", "fr-FR", "fr-FR"),
    "ar": Voice("Polly.Zeina", "arb"),
    "uk": Voice("Google.uk-UA-Standard-A", "uk-UA"),
    "ru": Voice("Polly.Tatyana", "ru-RU", "ru-RU"),
    "zh": Voice("Polly.Zhiyu", "cmn-CN"),
    "vi": Voice("Google.vi-VN-Standard-A", "vi-VN"),
    "am": Voice("Google.am-ET-Standard-A", "am-ET"),
    "tl": Voice("Google.fil-PH-Standard-A", "fil-PH"),
    "ko": Voice("Polly.Seoyeon", "ko-KR", "ko-KR"),
}
