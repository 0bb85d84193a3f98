"""Languages as districts write them: ISO 639-1, -2 and -3 codes, BCP 47 tags, names in English, their own names.

The names and codes are Unicode's (CLDR, through Babel); what lists of schools write beside them stands here.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from babel import Locale
from babel.core import get_global

from bot.base.language_names import get_own_name
from bot.base.text_normalization import normalize_text

LANGUAGE_ALIASES = {
    "castilian": "es", "castellano": "es", "span": "es", "mexican spanish": "es",
    "port": "pt", "brazilian": "pt", "portugues": "pt",
    "kreyol": "ht", "haitian kreyol": "ht", "kreyol ayisyen": "ht", "creole haitian": "ht",
    "haitian": "ht", "haitian creole french": "ht", "haitian french creole": "ht",
    "farsi": "fa", "dari": "fa", "dari persian": "fa", "afghan persian": "fa", "afghan farsi": "fa",
    "pushto": "ps", "pashtu": "ps", "pukhto": "ps",
    "mandarin": "zh", "mandarin chinese": "zh", "putonghua": "zh", "cantonese": "zh", "cantonese chinese": "zh",
    "traditional chinese": "zh", "simplified chinese": "zh", "taishanese": "zh", "toisanese": "zh",
    "filipino": "tl", "pilipino": "tl",
    "soomaali": "so", "somalian": "so", "amarigna": "am", "amarinya": "am", "ethiopian": "am",
    "viet": "vi", "ukranian": "uk", "ukrainien": "uk", "rus": "ru", "russain": "ru", "arab": "ar", "korean": "ko",
    "hangul": "ko", "kiche": "quc", "quiche": "quc", "mam": "mam", "qanjobal": "kjb", "kanjobal": "kjb",
    "khmer": "km", "cambodian": "km", "burmese": "my", "panjabi": "pa", "flemish": "nl", "moldovan": "ro",
    "kinyarwanda": "rw", "kirundi": "rn", "kiswahili": "sw", "tigrigna": "ti", "hmoob": "hmn", "cape verdean": "kea",
    "cape verdean creole": "kea", "myanmar": "my", "american sign language": "ase",
}  # fmt: skip
"""Written languages: who speaks Cantonese or Dari reads what we write in Chinese or Persian."""
CODE_ALIASES = {
    "tl": "fil",
    "iw": "he",
    "yue": "zh",
    "cmn": "zh",
    "prs": "fa",
    "pes": "fa",
    "in": "id",
    "mo": "ro",
    "hat": "ht",
}
NAME_LANGUAGES = ("en", "es", "fr", "pt")
"""Languages in which American school lists name languages."""
_CODE_PATTERN = re.compile(r"[a-z]{2,3}(?:[-_][a-z0-9]{2,8})*", re.IGNORECASE)
_PART_SEPARATOR_PATTERN = re.compile(r"[;,/()\[\]&|]|\s-\s|\bor\b|\band\b", re.IGNORECASE)
MAX_LANGUAGE_CELL_LENGTH = 200


class LanguageFinder:
    """Finds the language of a cell among those that the district writes."""

    def __init__(self, spoken: Iterable[str]) -> None:
        self._spoken = {_get_canonical_code(code): code for code in reversed(tuple(spoken))}
        self._names = _build_table(tuple(self._spoken.values()))

    def find(self, cell: str) -> str | None:
        """The district's code for what a cell names; None for what is not known, not spoken here, or two at once."""
        if len(cell) > MAX_LANGUAGE_CELL_LENGTH:
            return None
        found = self._find_code(cell)
        if found is None:
            parts = {
                code for part in _PART_SEPARATOR_PATTERN.split(cell) if (code := self._names.get(normalize_text(part)))
            }
            found = parts.pop() if len(parts) == 1 else None
        return self._spoken.get(found) if found else None

    def _find_code(self, text: str) -> str | None:
        """The canonical code of one name or code."""
        text = text.strip()
        if named := self._names.get(normalize_text(text)):
            return named
        if not _CODE_PATTERN.fullmatch(text):
            return None
        return _get_canonical_code(text)


def _get_canonical_code(code: str) -> str:
    """One code for all that ISO 639 has for a language: spa, es → es."""
    base = re.split("[-_]", code)[0].casefold()
    found = str(get_global("language_aliases").get(base, base)).split("_")[0]
    return CODE_ALIASES.get(found, found)


@cache
def _build_table(spoken: tuple[str, ...]) -> dict[str, str]:
    return dict(_list_names(spoken))


def _list_names(spoken: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name (normalised) and canonical code; what is said last counts."""
    for named_in in reversed(NAME_LANGUAGES):
        for code, name in Locale(named_in).languages.items():
            yield normalize_text(name), _get_canonical_code(code)
    for code in spoken:
        yield normalize_text(get_own_name(code)), _get_canonical_code(code)
    for name, code in LANGUAGE_ALIASES.items():
        yield name, _get_canonical_code(code)
