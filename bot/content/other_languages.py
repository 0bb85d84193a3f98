"""Languages beyond the catalogs: families choose one by its name, and a machine drafts it (docs/decisions).

The codes are those that Google Translate knows and Unicode's CLDR has an English name for, written down in a table so
that nothing is asked of the network to understand "Swahili".  Mam, K'iche' and Q'anjob'al are left out on purpose: few
of their speakers read them, and a machine's Mam has been checked by nobody; who names them is offered an interpreter.
"""

from pathlib import Path

from bot.base.text_normalization import normalize_text

_TABLE_PATH = Path(__file__).with_suffix(".tsv")
"""Code, English name and own name, as CLDR has them: to ask Babel at each start would load 142 calendars (80 MB)."""
OTHER_LANGUAGE_NAMES = {
    code: (english_name, own_name)
    for code, english_name, own_name in (
        line.split("\t") for line in _TABLE_PATH.read_text(encoding="utf-8").splitlines()
    )
}
OTHER_LANGUAGE_CODES = tuple(OTHER_LANGUAGE_NAMES)
MIN_LANGUAGE_NAME_LENGTH = 4
"""Shorter names ("Fon", "Ga") are words of other languages: they count only after "language"."""
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
    """Name as a family may type it (normalised) → code, for every language that has no catalog in `known`."""
    codes: dict[str, str] = {}
    for code, names in OTHER_LANGUAGE_NAMES.items():
        if code not in catalog_languages:
            for name in names:
                if len(normalize_text(name)) >= MIN_LANGUAGE_NAME_LENGTH:
                    codes.setdefault(normalize_text(name), code)
    return {**codes, **{name: code for name, code in EXTRA_LANGUAGE_NAMES.items() if code not in catalog_languages}}
