"""Languages as districts write them."""

import pytest

from bot.roster.language_mapping import LanguageFinder

SPOKEN = ("en", "es", "pt", "fr", "ht", "ar", "uk", "ru", "zh", "vi", "fa", "ps", "so", "am", "tl", "ko")

SPELLINGS = {
    "en": ["English", "en", "ENG", "en-US", "inglés", "anglais", "English (US)"],
    "es": ["Spanish", "es", "spa", "es_MX", "Spanish; Castilian", "español", "ESPAÑOL", "Espanol", "castellano", "es-419"],
    "pt": ["Portuguese", "pt", "por", "pt-BR", "Portuguese (Brazil)", "Português", "Brazilian Portuguese", "portugués"],
    "fr": ["French", "fra", "fre", "Français", "fr-CA", "francés"],
    "ht": ["Haitian Creole", "hat", "Haitian", "Kreyol", "Kreyòl ayisyen", "Haitian; Haitian Creole", "Creole, Haitian",
           "Creole (Haitian)", "criollo haitiano"],
    "ar": ["Arabic", "ara", "العربية", "Arabic (Egypt)", "arb", "árabe"],
    "uk": ["Ukrainian", "ukr", "Українська"],
    "ru": ["Russian", "rus", "русский", "ruso"],
    "zh": ["Chinese", "zho", "chi", "cmn", "Mandarin", "Chinese (Simplified)", "Chinese, Mandarin", "zh-Hans-CN", "zh_TW",
           "Cantonese", "yue", "中文", "chino", "Simplified Chinese", "Chinese (Cantonese)"],
    "vi": ["Vietnamese", "vie", "Tiếng Việt", "tieng viet", "vietnamita"],
    "fa": ["Persian", "Farsi", "fas", "per", "prs", "pes", "Dari", "Persian (Farsi)", "فارسی", "Farsi/Dari", "fa-AF"],
    "ps": ["Pashto", "pus", "Pushto; Pashto", "Pashtu", "پښتو", "pbu"],
    "so": ["Somali", "som", "Soomaali", "somalí"],
    "am": ["Amharic", "amh", "አማርኛ"],
    "tl": ["Tagalog", "Filipino", "tgl", "fil", "Filipino; Pilipino", "Filipino (Tagalog)", "tl-PH"],
    "ko": ["Korean", "kor", "한국어", "coreano"],
}  # fmt: skip


@pytest.fixture(scope="module")
def languages() -> LanguageFinder:
    return LanguageFinder(SPOKEN)


@pytest.mark.parametrize(("code", "cell"), [(code, cell) for code, cells in SPELLINGS.items() for cell in cells])
def test_language_formats_are_read(languages: LanguageFinder, code: str, cell: str) -> None:
    assert languages.find(cell) == code


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "Klingon",
        "qqq",
        "Spanish/English",
        "Other",
        "Creole",
        "K'iche'",
        "quc",
        "Swahili",
        "None",
        "12",
        "Spanich",
        "x" * 5000,
    ],
)
def test_unknown_or_unsupported_language_is_not_found(languages: LanguageFinder, cell: str) -> None:
    assert languages.find(cell) is None


def test_district_language_is_found() -> None:
    assert LanguageFinder(("en", "sw", "quc")).find("Kiswahili") == "sw"
    assert LanguageFinder(("en", "sw", "quc")).find("K'iche'") == "quc"
