"""In which of the district's languages is a message?  Statistics for sentences, phrase files for words."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from bot.understanding.text import normalise

SURE: Final = 0.8
"""Below this the caller keeps the stored language or asks (measured: design/dependencies.md)."""

_PRIOR: Final = 3.0
_CERTAIN: Final = 0.99
_FLOOR: Final = 0.01
_CHAT_ARABIC: Final = re.compile(
    r"\b(?!(?:\d*1st|\d*2nd|\d*3rd|\d+(?:th|am|pm|h|hr|k|g|x))\b)(?=\w*[a-z])\w*[2357](?:\w*[a-z]|\b)"
)
"""A word with 2, 3, 5 or 7 for a letter, as Arabic is typed in Latin letters ("ijtima3", "7ada")."""

_SCRIPTS: Final[tuple[tuple[str, str, str, int], ...]] = (
    ("Latin", "a", "\u024f", 1),
    ("Latin", "\u1e00", "\u1eff", 1),
    ("Greek", "\u0370", "\u03ff", 1),
    ("Cyrillic", "\u0400", "\u052f", 1),
    ("Hebrew", "\u0590", "\u05ff", 1),
    ("Arabic", "\u0600", "\u077f", 1),
    ("Devanagari", "\u0900", "\u097f", 1),
    ("Ethiopic", "\u1200", "\u139f", 2),
    ("Hangul", "\uac00", "\ud7a3", 2),
    ("Kana", "\u3040", "\u30ff", 2),
    ("Han", "\u3400", "\u9fff", 3),
)
"""Script, first and last letter, and how many Latin letters one is worth when two scripts are mixed."""

_SCRIPT_OF: Final = {
    **dict.fromkeys(("ar", "fa", "ps", "ur", "ku"), "Arabic"),
    **dict.fromkeys(("uk", "ru", "bg", "kk", "ky", "mn"), "Cyrillic"),
    **dict.fromkeys(("am", "ti"), "Ethiopic"),
    **dict.fromkeys(("hi", "ne", "mr"), "Devanagari"),
    "zh": "Han",
    "ja": "Kana",
    "ko": "Hangul",
    "el": "Greek",
    "he": "Hebrew",
}


@lru_cache(maxsize=1)
def _model() -> Any:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@lru_cache(maxsize=64)
def _identifier(languages: tuple[str, ...]) -> Any:
    """The model restricted to `languages` (None if it knows fewer than two); the big tables are shared."""
    known = set(languages) & set(_model().labels)
    if len(known) < 2:
        return None
    restricted = copy.copy(_model())
    restricted.set_languages(sorted(known))
    return restricted


def warm(languages: tuple[str, ...]) -> None:
    """Load the model now: it takes part of a second that the first family's message must not wait for."""
    detect("hello, this is a first message", languages)
    _by_script(languages)


@lru_cache(maxsize=64)
def _by_script(languages: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    scripts: dict[str, tuple[str, ...]] = {}
    for lang in languages:
        script = _SCRIPT_OF.get(lang, "Latin")
        scripts[script] = (*scripts.get(script, ()), lang)
    return scripts


@lru_cache(maxsize=4096)
def _script(char: str) -> tuple[str, int] | None:
    for script, first, last, worth in _SCRIPTS:
        if first <= char <= last:
            return script, worth
    return None


def _main_script(normal: str) -> str | None:
    worths: dict[str, int] = {}
    for char in normal:
        known = _script(char) if char.isalpha() else None
        if known:
            worths[known[0]] = worths.get(known[0], 0) + known[1]
    return max(worths, key=worths.__getitem__) if worths else None


def detect(
    text: str,
    languages: tuple[str, ...],
    stored: str | None = None,
    vocabulary: Mapping[str, frozenset[str]] | None = None,
) -> tuple[str | None, float]:
    """The likeliest of `languages` and its probability; (None, 0.0) without letters of a script they use.

    `stored` is the family's language so far and counts three times.  `vocabulary` (of the phrasebook) says
    which languages use a word: for one or two words ("hola", "bonjou") it decides, for a sentence it only
    helps.
    """
    normal = normalise(text)
    script = _main_script(normal)
    candidates = _by_script(languages).get(script or "", ())
    if len(candidates) == 1 and script != "Latin":
        return candidates[0], _CERTAIN
    if not candidates:
        return None, 0.0
    scores = _statistics(text, languages, candidates)
    told = _vote(scores, normal.split(), vocabulary or {})
    if "ar" in scores and script == "Latin":
        scores["ar"] *= 100.0 ** len(_CHAT_ARABIC.findall(normal))
    if stored in scores:
        scores[stored] *= _PRIOR
    best = max(scores, key=scores.__getitem__)
    confidence = scores[best] / sum(scores.values())
    # One word that no phrase file has (a name, a street) tells next to nothing about the language.
    return best, confidence if told or " " in normal else min(confidence, 0.5)


def _statistics(text: str, languages: tuple[str, ...], candidates: tuple[str, ...]) -> dict[str, float]:
    """A probability for each candidate, next to nothing for the rest (Arabic in Latin letters)."""
    scores = dict.fromkeys(languages, _FLOOR)
    identifier = _identifier(candidates)
    if identifier is None:
        return scores | dict.fromkeys(candidates, 1.0)
    return scores | dict.fromkeys(candidates, _FLOOR) | {lang: max(p, 1e-6) for lang, p in identifier.rank(text)}


def _vote(scores: dict[str, float], words: list[str], vocabulary: Mapping[str, frozenset[str]]) -> bool:
    """Raise the languages whose phrase files have the words; True if any word told languages apart."""
    factor = 60.0 if len(words) <= 2 else 4.0
    votes = [langs for word in words[:12] if (langs := vocabulary.get(word)) and not langs.issuperset(scores)]
    for lang in _each(votes, scores):
        scores[lang] *= factor
    return bool(votes)


def _each(votes: Iterable[frozenset[str]], scores: Mapping[str, float]) -> Iterable[str]:
    return (lang for langs in votes for lang in langs if lang in scores)
