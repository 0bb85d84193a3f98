"""Name languages beyond the catalogs, which a family can choose and a machine translates (docs/decisions).

The table has the codes that Google Translate supports and that have an English name in CLDR, so that understanding
"Swahili" needs no network. Mam, K'iche', and Q'anjob'al are omitted on purpose: few of their speakers read them, and no
person has checked a machine translation into Mam. Families who name them get an interpreter.
"""

from pathlib import Path

from bot.base.text_normalization import normalize_text

_TABLE_PATH = Path(__file__).with_suffix(".tsv")
"""Code, English name, and own name from CLDR. Asking Babel at each start would load 142 calendars (80 MB)."""
_TABLE_ROWS = [line.split("\t") for line in _TABLE_PATH.read_text(encoding="utf-8").splitlines()]
OTHER_LANGUAGE_NAMES = {code: (english_name, own_name) for code, english_name, own_name in _TABLE_ROWS}
OTHER_LANGUAGE_CODES = tuple(OTHER_LANGUAGE_NAMES)
MIN_LANGUAGE_NAME_LENGTH = 4
"""Shorter names ("Fon", "Ga") are words of other languages, so they count only after "language"."""
EXTRA_LANGUAGE_NAMES = {
    "burmese": "my",
    "tigrigna": "ti",
    "hmoob": "hmn",
    "kinyarwanda": "rw",
    "kirundi": "rn",
    "wolof": "wo",
    "kiswahili": "sw",
}


def map_names_to_codes(catalog_languages: frozenset[str]) -> dict[str, str]:
    """Map the normalized names that a family can type to codes, for every language without a catalog."""
    codes: dict[str, str] = {}
    for code, names in OTHER_LANGUAGE_NAMES.items():
        for name in map(normalize_text, names):
            if code not in catalog_languages and len(name) >= MIN_LANGUAGE_NAME_LENGTH:
                codes.setdefault(name, code)
    for name, code in EXTRA_LANGUAGE_NAMES.items():
        if code not in catalog_languages:
            codes[name] = code
    return codes
