"""What each language calls itself, for the list that a family chooses from."""

from babel import Locale, localedata

OWN_LANGUAGE_NAMES = {
    "en": "English", "es": "Español", "pt": "Português", "fr": "Français", "ht": "Kreyòl ayisyen",
    "ar": "العربية", "uk": "Українська", "ru": "Русский", "zh": "中文", "vi": "Tiếng Việt", "fa": "فارسی",
    "ps": "پښتو", "so": "Soomaali", "am": "አማርኛ", "tl": "Tagalog", "ko": "한국어",
}  # fmt: skip
RIGHT_TO_LEFT_LANGUAGES = frozenset({"ar", "fa", "ps", "ur", "he", "ku", "sd", "ug", "yi"})


def get_own_name(code: str) -> str:
    """The language's name for itself; the English one where Unicode's CLDR has no other."""
    return OWN_LANGUAGE_NAMES.get(code) or _find_display_name(code) or get_english_name(code)


def get_english_name(code: str) -> str:
    """The language's name in English, for staff; the code itself for one that nobody knows."""
    return _ENGLISH_LOCALE.languages.get(code.replace("-", "_")) or code


def has_calendar(code: str) -> bool:
    """Whether days can be written in this language; else they are written in English."""
    return code == "ht" or localedata.exists(code.replace("-", "_"))


def _find_display_name(code: str) -> str:
    return (Locale.parse(code).get_display_name() or "") if has_calendar(code) else ""


_ENGLISH_LOCALE = Locale("en")
