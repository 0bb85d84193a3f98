"""Recognize languages as districts write them: ISO 639-1, -2, and -3 codes, BCP 47 tags, and names.

Names and codes come from CLDR through Babel. This module adds the other names that school lists use.
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
"""These are written languages: people who speak Cantonese or Dari read Chinese or Persian."""
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
"""The languages that American school lists use for language names."""
_CODE_PATTERN = re.compile(r"[a-z]{2,3}(?:[-_][a-z0-9]{2,8})*", re.IGNORECASE)
_PART_SEPARATOR_PATTERN = re.compile(r"[;,/()\[\]&|]|\s-\s|\bor\b|\band\b", re.IGNORECASE)
MAX_LANGUAGE_CELL_LENGTH = 200


class LanguageFinder:
    """Finds the language of a cell among the languages of the district."""

    def __init__(self, spoken: Iterable[str]) -> None:
        self._spoken = {_get_canonical_code(code): code for code in reversed(tuple(spoken))}
        self._names = _build_table(tuple(self._spoken.values()))

    def find(self, cell: str) -> str | None:
        """Return the district's code for a cell. None if it is unknown, not a district language, or ambiguous."""
        if len(cell) > MAX_LANGUAGE_CELL_LENGTH:
            return None
        if code := self._find_code(cell):
            return self._spoken.get(code)
        part_codes = {self._names.get(normalize_text(part)) for part in _PART_SEPARATOR_PATTERN.split(cell)} - {None}
        if len(part_codes) != 1:
            return None
        return self._spoken.get(part_codes.pop() or "")

    def _find_code(self, text: str) -> str | None:
        """Return the canonical code of one name or code."""
        text = text.strip()
        if code := self._names.get(normalize_text(text)):
            return code
        if not _CODE_PATTERN.fullmatch(text):
            return None
        return _get_canonical_code(text)


def _get_canonical_code(code: str) -> str:
    """Return one code for all ISO 639 codes of a language: spa and es become es."""
    base = re.split("[-_]", code)[0].casefold()
    canonical = str(get_global("language_aliases").get(base, base)).split("_")[0]
    return CODE_ALIASES.get(canonical, canonical)


@cache
def _build_table(spoken: tuple[str, ...]) -> dict[str, str]:
    return dict(_list_names(spoken))


def _list_names(spoken: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield normalized names with canonical codes. A later pair overrides an earlier one."""
    for name_language in reversed(NAME_LANGUAGES):
        for code, name in Locale(name_language).languages.items():
            yield normalize_text(name), _get_canonical_code(code)
    for code in spoken:
        yield normalize_text(get_own_name(code)), _get_canonical_code(code)
    for name, code in LANGUAGE_ALIASES.items():
        yield name, _get_canonical_code(code)
