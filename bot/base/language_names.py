"""Name languages in themselves, for the list that a family chooses from, and in English, for staff."""

from babel import Locale, localedata

OWN_LANGUAGE_NAMES = {
    "en": "English", "es": "Español", "pt": "Português", "fr": "Français", "ht": "Kreyòl ayisyen",
    "ar": "العربية", "uk": "Українська", "ru": "Русский", "zh": "中文", "vi": "Tiếng Việt", "fa": "فارسی",
    "ps": "پښتو", "so": "Soomaali", "am": "አማርኛ", "tl": "Tagalog", "ko": "한국어",
}  # fmt: skip
RIGHT_TO_LEFT_LANGUAGES = frozenset({"ar", "fa", "ps", "ur", "he", "ku", "sd", "ug", "yi"})


def get_own_name(code: str) -> str:
    """Return the language's name for itself, or its English name if CLDR has no other."""
    return OWN_LANGUAGE_NAMES.get(code) or _find_display_name(code) or get_english_name(code)


def get_english_name(code: str) -> str:
    """Return the language's name in English, for staff, or the code if CLDR does not know it."""
    return _ENGLISH_LOCALE.languages.get(code.replace("-", "_")) or code


def has_calendar(code: str) -> bool:
    """Return whether dates can be written in this language. Otherwise they are written in English."""
    return code == "ht" or localedata.exists(code.replace("-", "_"))


def _find_display_name(code: str) -> str:
    if not has_calendar(code):
        return ""
    return Locale.parse(code).get_display_name() or ""


_ENGLISH_LOCALE = Locale("en")
