"""In which language is a message?  What the phrases taught, and py3langid as a second vote.

The phrases know how families write (short, without accents, Arabic in Latin letters), the general model knows
more words and more languages.  Their logarithms are added, so that neither decides alone when the other is sure
of the opposite.
"""

from __future__ import annotations

import copy
import math
import re
from array import array
from functools import lru_cache
from typing import Any, Final

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from bot.nlu.linear_model import Rows, Weights, softmax

SURE: Final = 0.8
"""Below this the caller keeps the stored language or asks (measured: design/dependencies.md)."""

_PRIOR, _PRIOR_OF_A_WORD = 3.0, 10.0
_CERTAIN: Final = 0.99
_FLOOR: Final = 0.02
_GENERAL, _GENERAL_OF_A_WORD = 0.6, 0.2
"""How much the general model's vote counts beside the phrases' (docs/understanding.md)."""
_FEW_WORDS: Final = 2
_CHAT_ARABIC: Final = re.compile(
    r"\b(?!(?:\d*1st|\d*2nd|\d*3rd|\d+(?:th|am|pm|h|hr|k|g|x))\b)(?=\w*[a-z])\w*[2357](?:\w*[a-z]|\b)"
)
"""A word with 2, 3, 5 or 7 for a letter, as Arabic is typed in Latin letters ("ijtima3", "7ada")."""
_CHAT_ARABIC_WEIGHT: Final = math.log(100)
_UNKNOWN_WORD: Final = 0.5

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


class _General:
    """The general model with the languages that were asked for so far: with all of its 140 it takes 25 MB more."""

    def __init__(self) -> None:
        self._labels: frozenset[str] = frozenset()
        self._model: Any = None

    def restricted(self, languages: frozenset[str]) -> Any:
        """A model of these languages only (None if it knows fewer than two); the big tables are shared."""
        if self._model is None or not languages <= self._labels:
            self._load(languages | self._labels)
        known = languages & set(self._model.labels)
        if len(known) < 2:
            return None
        found = copy.copy(self._model)
        found.set_languages(sorted(known))
        return found

    def _load(self, languages: frozenset[str]) -> None:
        whole = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        kept = [column for column, label in enumerate(whole.nb_classes) if label in languages]
        self._labels, self._model = languages, LanguageIdentifier(
            whole.nb_ptc[:, kept], whole.nb_pc[kept], [whole.nb_classes[column] for column in kept],
            whole.tk_nextmove, array("i", whole.tk_output), norm_probs=True, tk_row=whole.tk_row,
        )  # fmt: skip


_general_model = _General()


@lru_cache(maxsize=64)
def _identifier(languages: tuple[str, ...]) -> Any:
    return _general_model.restricted(frozenset(languages))


def warm(languages: tuple[str, ...]) -> None:
    """Load the model now: it takes part of a second that the first family's message must not wait for."""
    _general("hello, this is a first message", languages)
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
    text: str, rows: Rows, weights: Weights, languages: tuple[str, ...], stored: str | None = None
) -> tuple[str | None, float]:
    """The likeliest of `languages` and its probability; (None, 0.0) without letters of a script they use.

    `rows` are the words and letters of the text (features.lexical), `weights` what the phrases taught of them;
    `stored` is the family's language so far and counts three times.
    """
    script = _main_script(text.casefold())
    candidates = _by_script(languages).get(script or "", ())
    if len(candidates) == 1 and script != "Latin":
        return candidates[0], _CERTAIN
    if not candidates:
        return None, 0.0
    # Any language may be typed in Latin letters; no language but those of the script in another.
    possible = languages if script == "Latin" else candidates
    scores = _votes(text, rows, weights, possible, candidates)
    if "ar" in scores and script == "Latin":
        scores["ar"] += _CHAT_ARABIC_WEIGHT * len(_CHAT_ARABIC.findall(text.casefold()))
    if stored in scores:
        scores[stored] += math.log(_PRIOR_OF_A_WORD if _few(rows) else _PRIOR)
    best = max(scores, key=scores.__getitem__)
    confidence = 1 / sum(math.exp(score - scores[best]) for score in scores.values())
    unknown = len(rows[0]) == 1 and rows[0][0] not in weights.rows[0]
    # One word that nobody taught (a name, a street) tells next to nothing about the language.
    return best, min(confidence, _UNKNOWN_WORD) if unknown else confidence


def _votes(
    text: str, rows: Rows, weights: Weights, possible: tuple[str, ...], candidates: tuple[str, ...]
) -> dict[str, float]:
    weight = _GENERAL_OF_A_WORD if _few(rows) else _GENERAL
    own = dict(zip(weights.classes, map(float, softmax(weights.scores(rows))), strict=True))
    # Where the phrases are sure, the slower vote would change nothing.
    sure = max(own.values()) >= _CERTAIN and not _few(rows) and own.keys() >= set(candidates)
    general = {} if sure else _general(text, candidates)
    return {
        lang: math.log(max(own.get(lang, _FLOOR), 1e-4)) + weight * math.log(max(general.get(lang, _FLOOR), 1e-4))
        for lang in possible
    }


def _few(rows: Rows) -> bool:
    """One or two words (each is a feature, and so is the pair)."""
    return len(rows[0]) <= 2 * _FEW_WORDS - 1


def _general(text: str, candidates: tuple[str, ...]) -> dict[str, float]:
    """What the general model says of the languages that it knows."""
    identifier = _identifier(candidates)
    return {} if identifier is None else {lang: float(p) for lang, p in identifier.rank(text)}
