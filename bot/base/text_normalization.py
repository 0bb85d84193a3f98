"""Normalize the many ways in which people type the same words, so that they can be compared."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Final

HAN_RANGES: Final = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Chinese characters, for use inside a `[...]` of a regular expression."""

HAN_OR_HANGUL_PATTERN: Final = re.compile(rf"[{HAN_RANGES}\uac00-\ud7a3]")
_SPACE_IN_HAN_PATTERN = re.compile(rf"(?<=[{HAN_RANGES}]) (?=[{HAN_RANGES}])")
_HAN_EDGE_PATTERN = re.compile(rf"(?<=[{HAN_RANGES}])(?=[^\s{HAN_RANGES}])|(?<=[^\s{HAN_RANGES}])(?=[{HAN_RANGES}])")
_REPEATED_LETTER_PATTERN = re.compile(r"([^\W\d_])\1{2,}")
_HAN_PATTERN = re.compile(rf"[{HAN_RANGES}]")
_APOSTROPHES = "'’‘ʼʹ`´′\u02bb\u05f3"

# Letters that Unicode does not decompose, or that families do not distinguish: Arabic carriers, Persian letters, ё.
_LETTER_REPLACEMENTS: Final = dict(zip("đøłıðþأإآٱىئؤةکیېۍھہۀёґ", "doliddااااييوهكيييهههег", strict=True)) | {
    "æ": "ae",
    "œ": "oe",
    "ß": "ss",
}


def _is_mark(char: str) -> bool:
    """Return whether people leave this mark out: Latin accents, Arabic vowels, emoji selectors; not Hindi vowels."""
    if "\u0300" <= char <= "\u036f" or "\u20d0" <= char <= "\u20ff" or "\ufe00" <= char <= "\ufe0f":
        return True
    return unicodedata.category(char) == "Mn" and "\u0610" <= char <= "\u06ed"


def fold_character(char: str) -> str:
    """Return the plain letters for one lowercase character, or a space if it is neither letter nor digit."""
    if char in _LETTER_REPLACEMENTS:
        return _LETTER_REPLACEMENTS[char]
    category = unicodedata.category(char)
    if char in _APOSTROPHES or category == "Cf" or char == "ـ" or _is_mark(char):
        return ""
    if category == "Nd":
        return str(unicodedata.digit(char))
    if category[0] not in "LMN":
        return " "
    base = unicodedata.normalize("NFD", char)[0]
    if "a" <= base <= "z" or base in _LETTER_REPLACEMENTS:
        return _LETTER_REPLACEMENTS.get(base, base)
    return char


class _FoldTable(dict[int, str]):
    """A table for `str.translate` that calls `fold_character` once per character of the basic plane."""

    def __missing__(self, code: int) -> str:
        plain = fold_character(chr(code))
        if code < 0x10000:
            self[code] = plain
        return plain


_FOLD_TABLE: Final = _FoldTable()


def _lowercase_text(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def normalize_text(text: str) -> str:
    """Return `text` in lowercase, without accents and punctuation, with ASCII digits and single spaces.

    The result is for comparison, not for display. Latin and Vietnamese accents are removed (đ is d). Arabic alef, ya,
    and ta marbuta become one letter each. Apostrophes are removed ("don't" is "dont"). A repeated letter ("ayudaaaa")
    is written once. Chinese has no spaces inside but a space before other scripts ("ICE在这里" is "ice 在这里").
    Cyrillic й and ї remain separate letters.
    """
    if text.isascii() and text.isdigit():
        return text
    plain = " ".join(_lowercase_text(text).translate(_FOLD_TABLE).split())
    if _HAN_PATTERN.search(plain):
        plain = _HAN_EDGE_PATTERN.sub(" ", _SPACE_IN_HAN_PATTERN.sub("", plain))
    return _REPEATED_LETTER_PATTERN.sub(r"\1", plain)


@dataclass(frozen=True)
class NormalizedText:
    """A text as it arrived, with its normalized form. A message is normalized once and passed on."""

    raw: str = ""

    @cached_property
    def plain(self) -> str:
        """The text as `normalize_text` returns it."""
        return normalize_text(self.raw)


NO_TEXT = NormalizedText()


def normalize_keeping_accents(text: str) -> str:
    """Normalize as `normalize_text` does but keep accents, for words that differ only by an accent."""
    letters = (char if unicodedata.category(char)[0] in "LMN" else " " for char in _lowercase_text(text))
    return " ".join("".join(letters).split())


def split_words(normal: str) -> list[str]:
    """Return the words of a normalized text. Each Chinese character counts as a word."""
    return _HAN_PATTERN.sub(r" \g<0> ", normal).split()
