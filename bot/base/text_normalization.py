"""One spelling for the many ways in which people type the same words, so that they can be compared."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

HAN: Final = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Chinese characters, for use inside a `[...]` of a regular expression."""

HAN_OR_HANGUL: Final = re.compile(rf"[{HAN}\uac00-\ud7a3]")
_IN_HAN = re.compile(rf"(?<=[{HAN}]) (?=[{HAN}])")
_HAN_EDGE = re.compile(rf"(?<=[{HAN}])(?=[^\s{HAN}])|(?<=[^\s{HAN}])(?=[{HAN}])")
_DRAWN_OUT = re.compile(r"([^\W\d_])\1{2,}")
_ONE_HAN = re.compile(rf"[{HAN}]")
_NO_BREAK = "'’‘ʼʹ`´′\u02bb\u05f3"

# What Unicode does not take apart, or families do not tell apart: Arabic carriers, Persian letters, ё.
_LETTERS: Final = dict(zip("đøłıðþأإآٱىئؤةکیېۍھہۀёґ", "doliddااااييوهكيييهههег", strict=True)) | {
    "æ": "ae",
    "œ": "oe",
    "ß": "ss",
}


def _is_mark(char: str) -> bool:
    """Marks that people leave out: Latin accents, Arabic vowels, emoji selectors; not Hindi vowels."""
    if "\u0300" <= char <= "\u036f" or "\u20d0" <= char <= "\u20ff" or "\ufe00" <= char <= "\ufe0f":
        return True
    return unicodedata.category(char) == "Mn" and "\u0610" <= char <= "\u06ed"


def fold(char: str) -> str:
    """The plain letters that stand for one (lower-case) character, a space for what is no letter or digit."""
    if char in _LETTERS:
        return _LETTERS[char]
    category = unicodedata.category(char)
    if char in _NO_BREAK or category == "Cf" or char == "ـ" or _is_mark(char):
        return ""
    if category == "Nd":
        return str(unicodedata.digit(char))
    if category[0] not in "LMN":
        return " "
    base = unicodedata.normalize("NFD", char)[0]
    return _LETTERS.get(base, base) if "a" <= base <= "z" or base in _LETTERS else char


class _Table(dict[int, str]):
    """`fold` for `str.translate`, worked out once a character (beyond the basic plane: each time)."""

    def __missing__(self, code: int) -> str:
        plain = fold(chr(code))
        if code < 0x10000:
            self[code] = plain
        return plain


_TABLE: Final = _Table()


def _lower(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def normalise(text: str) -> str:
    """`text` in lower case, no accents or punctuation, ASCII digits, single spaces: to compare, not to show.

    Latin and Vietnamese accents go (đ is d), Arabic alef, ya and ta marbuta become one letter each,
    apostrophes close up ("don't" is "dont"), a letter drawn out ("ayudaaaa") is written once, and Chinese
    stands without spaces but apart from other scripts ("ICE在这里" is "ice 在这里").  Cyrillic й and ї stay
    letters of their own.
    """
    if text.isascii() and text.isdigit():
        return text
    plain = " ".join(_lower(text).translate(_TABLE).split())
    if _ONE_HAN.search(plain):
        plain = _HAN_EDGE.sub(" ", _IN_HAN.sub("", plain))
    return _DRAWN_OUT.sub(r"\1", plain)


def with_accents(text: str) -> str:
    """As `normalise`, but accents stay: for the few words that differ from another word by nothing else."""
    kept = (char if unicodedata.category(char)[0] in "LMN" else " " for char in _lower(text))
    return " ".join("".join(kept).split())


def words(normal: str) -> list[str]:
    """The words of a normalised text; in Chinese each character counts as one."""
    return _ONE_HAN.sub(r" \g<0> ", normal).split()
