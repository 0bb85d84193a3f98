"""Languages as districts write them: ISO 639-1, -2 and -3 codes, BCP 47 tags, names in English, their own names.

The names and codes are Unicode's (CLDR, through Babel); what lists of schools write beside them stands here.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from babel import Locale
from babel.core import get_global

from bot.base.language_names import own_name
from bot.base.text_normalization import normalise

ALSO = {
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
SAME = {
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
NAMED_IN = ("en", "es", "fr", "pt")
"""Languages in which American school lists name languages."""
_CODE = re.compile(r"[a-z]{2,3}(?:[-_][a-z0-9]{2,8})*", re.IGNORECASE)
_PARTS = re.compile(r"[;,/()\[\]&|]|\s-\s|\bor\b|\band\b", re.IGNORECASE)
MOST_REMEMBERED, LONGEST_NAME = 2000, 200


class Languages:
    """Finds the language of a cell among those that the district writes."""

    def __init__(self, spoken: Iterable[str]) -> None:
        self._spoken = {_canonical(code): code for code in reversed(tuple(spoken))}
        self._names = _table(tuple(self._spoken.values()))
        self._known: dict[str, str | None] = {}

    def find(self, cell: str) -> str | None:
        """The district's code for what a cell names; None for what is not known, not spoken here, or two at once."""
        if len(cell) > LONGEST_NAME:
            return None
        if cell not in self._known:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[cell] = self._find(cell)
        return self._known[cell]

    def _find(self, cell: str) -> str | None:
        found = self._one(cell)
        if found is None:
            parts = {code for part in _PARTS.split(cell) if (code := self._names.get(normalise(part)))}
            found = parts.pop() if len(parts) == 1 else None
        return self._spoken.get(found) if found else None

    def _one(self, text: str) -> str | None:
        """The canonical code of one name or code."""
        text = text.strip()
        if named := self._names.get(normalise(text)):
            return named
        if not _CODE.fullmatch(text):
            return None
        return _canonical(text)


def _canonical(code: str) -> str:
    """One code for all that ISO 639 has for a language: spa, es → es."""
    base = re.split("[-_]", code)[0].casefold()
    found = str(get_global("language_aliases").get(base, base)).split("_")[0]
    return SAME.get(found, found)


@cache
def _table(spoken: tuple[str, ...]) -> dict[str, str]:
    return dict(_names(spoken))


def _names(spoken: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name (normalised) and canonical code; what is said last counts."""
    for named_in in reversed(NAMED_IN):
        for code, name in Locale(named_in).languages.items():
            yield normalise(name), _canonical(code)
    for code in spoken:
        yield normalise(own_name(code)), _canonical(code)
    for name, code in ALSO.items():
        yield name, _canonical(code)
