"""What each language calls itself, for the list that a family chooses from."""

from babel import Locale

OWN_NAMES = {
    "en": "English", "es": "Español", "pt": "Português", "fr": "Français", "ht": "Kreyòl ayisyen",
    "ar": "العربية", "uk": "Українська", "ru": "Русский", "zh": "中文", "vi": "Tiếng Việt", "fa": "فارسی",
    "ps": "پښتو", "so": "Soomaali", "am": "አማርኛ", "tl": "Tagalog", "ko": "한국어",
}  # fmt: skip
RIGHT_TO_LEFT = frozenset({"ar", "fa", "ps", "ur", "he", "ku", "sd", "ug", "yi"})


def own_name(code: str) -> str:
    """The language's name for itself."""
    return OWN_NAMES.get(code) or (Locale.parse(code).get_display_name() or code)


def english_name(code: str) -> str:
    """The language's name in English, for staff."""
    return Locale.parse(code).get_display_name("en") or code
