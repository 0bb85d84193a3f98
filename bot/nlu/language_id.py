"""Detect the language of a message, with weights from the training phrases and with py3langid as a second vote.

The phrases show how families write: short, without accents, Arabic in Latin letters. The general model has more words
and more languages. The logarithms of both are added, so that neither decides alone if the other is sure.
"""

from __future__ import annotations

import copy
import math
import re
from array import array
from functools import lru_cache
from typing import Any, Final

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from bot.nlu.linear_model import MessageFeatures, Weights, softmax

LANGUAGE_CONFIDENCE_THRESHOLD: Final = 0.8
"""Below this confidence, the caller keeps the stored language or asks."""

_STORED_LANGUAGE_PRIOR, _STORED_LANGUAGE_PRIOR_FOR_SHORT_TEXT = 3.0, 10.0
_CERTAIN_PROBABILITY: Final = 0.99
_MIN_PROBABILITY: Final = 0.02
_GENERAL_MODEL_WEIGHT, _GENERAL_MODEL_WEIGHT_FOR_SHORT_TEXT = 0.6, 0.2
"""The weight of the general model's vote relative to the phrases (docs/understanding.md)."""
_MAX_SHORT_TEXT_WORDS: Final = 2
_CHAT_ARABIC_PATTERN: Final = re.compile(
    r"\b(?!(?:\d*1st|\d*2nd|\d*3rd|\d+(?:th|am|pm|h|hr|k|g|x))\b)(?=\w*[a-z])\w*[2357](?:\w*[a-z]|\b)"
)
"""A word with 2, 3, 5, or 7 as a letter, as in Arabic with Latin letters ("ijtima3", "7ada")."""
_CHAT_ARABIC_WEIGHT: Final = math.log(100)
_MAX_UNKNOWN_WORD_CONFIDENCE: Final = 0.5

_SCRIPT_RANGES: Final[tuple[tuple[str, str, str, int], ...]] = (
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
"""Script, first and last letter, and how many Latin letters one letter counts for in a text of two scripts."""

_SCRIPT_BY_LANGUAGE: Final = {
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


class _GeneralLanguageModel:
    """Hold the general model, limited to the languages in use. All 140 languages would take 25 MB more."""

    def __init__(self) -> None:
        self._labels: frozenset[str] = frozenset()
        self._model: Any = None

    def restrict_to_languages(self, languages: frozenset[str]) -> Any:
        """Return a model of these languages only, or None if it has fewer than two. The models share the big tables."""
        if self._model is None or not languages <= self._labels:
            self._load_model(languages | self._labels)
        available_languages = languages & set(self._model.labels)
        if len(available_languages) < 2:
            return None
        restricted_model = copy.copy(self._model)
        restricted_model.set_languages(sorted(available_languages))
        return restricted_model

    def _load_model(self, languages: frozenset[str]) -> None:
        full_model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        columns = [column for column, label in enumerate(full_model.nb_classes) if label in languages]
        self._labels = languages
        self._model = LanguageIdentifier(
            full_model.nb_ptc[:, columns],
            full_model.nb_pc[columns],
            [full_model.nb_classes[column] for column in columns],
            full_model.tk_nextmove,
            array("i", full_model.tk_output),
            norm_probs=True,
            tk_row=full_model.tk_row,
        )


_general_model = _GeneralLanguageModel()


@lru_cache(maxsize=64)
def _get_identifier(languages: tuple[str, ...]) -> Any:
    return _general_model.restrict_to_languages(frozenset(languages))


def preload_language_model(languages: tuple[str, ...]) -> None:
    """Load the model now, so that the first message of a family doesn't wait for it."""
    _rank_with_general_model("hello, this is a first message", languages)


def _group_by_script(languages: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    scripts: dict[str, tuple[str, ...]] = {}
    for lang in languages:
        script = _SCRIPT_BY_LANGUAGE.get(lang, "Latin")
        scripts[script] = (*scripts.get(script, ()), lang)
    return scripts


def _find_script(char: str) -> tuple[str, int] | None:
    for script, first, last, worth in _SCRIPT_RANGES:
        if first <= char <= last:
            return script, worth
    return None


def _find_main_script(letters: str) -> str | None:
    worth_by_script: dict[str, int] = {}
    for char in filter(str.isalpha, letters):
        script_and_worth = _find_script(char)
        if script_and_worth:
            script, worth = script_and_worth
            worth_by_script[script] = worth_by_script.get(script, 0) + worth
    return max(worth_by_script, key=worth_by_script.__getitem__, default=None)


def detect_language(
    text: str,
    message_features: MessageFeatures,
    weights: Weights,
    languages: tuple[str, ...],
    stored_language: str | None = None,
) -> tuple[str | None, float]:
    """Return the likeliest of `languages` and its probability.

    Return (None, 0.0) if the text has no letters of a script that these languages use. `message_features` are the words
    and letters of the text, and `weights` come from the phrases. `stored_language` gets a higher prior.
    """
    script = _find_main_script(text.casefold())
    candidates = _group_by_script(languages).get(script or "", ())
    if len(candidates) == 1 and script != "Latin":
        return candidates[0], _CERTAIN_PROBABILITY
    if not candidates:
        return None, 0.0
    # People write any language in Latin letters. Other scripts belong only to their languages.
    possible_languages = languages if script == "Latin" else candidates
    scores = _score_languages(text, message_features, weights, possible_languages, candidates)
    if "ar" in scores and script == "Latin":
        scores["ar"] += _CHAT_ARABIC_WEIGHT * len(_CHAT_ARABIC_PATTERN.findall(text.casefold()))
    if stored_language in scores:
        is_short = _is_short_text(message_features)
        prior = _STORED_LANGUAGE_PRIOR_FOR_SHORT_TEXT if is_short else _STORED_LANGUAGE_PRIOR
        scores[stored_language] += math.log(prior)
    best_language = max(scores, key=scores.__getitem__)
    confidence = 1 / sum(math.exp(score - scores[best_language]) for score in scores.values())
    # One word that is in no phrase (a name, a street) says almost nothing about the language.
    if len(message_features[0]) == 1 and message_features[0][0] not in weights.vocabularies[0]:
        confidence = min(confidence, _MAX_UNKNOWN_WORD_CONFIDENCE)
    return best_language, confidence


def _score_languages(
    text: str,
    message_features: MessageFeatures,
    weights: Weights,
    possible_languages: tuple[str, ...],
    candidates: tuple[str, ...],
) -> dict[str, float]:
    is_short = _is_short_text(message_features)
    general_weight = _GENERAL_MODEL_WEIGHT_FOR_SHORT_TEXT if is_short else _GENERAL_MODEL_WEIGHT
    phrase_probabilities = dict(
        zip(weights.classes, map(float, softmax(weights.compute_scores(message_features))), strict=True)
    )
    # If the phrases are sure, the slower vote changes nothing.
    is_certain = (
        max(phrase_probabilities.values()) >= _CERTAIN_PROBABILITY
        and not is_short
        and phrase_probabilities.keys() >= set(candidates)
    )
    general_probabilities = {} if is_certain else _rank_with_general_model(text, candidates)
    return {
        lang: math.log(max(phrase_probabilities.get(lang, _MIN_PROBABILITY), 1e-4))
        + general_weight * math.log(max(general_probabilities.get(lang, _MIN_PROBABILITY), 1e-4))
        for lang in possible_languages
    }


def _is_short_text(message_features: MessageFeatures) -> bool:
    """Return whether the text has one or two words. Each word is a feature, and so is the pair."""
    return len(message_features[0]) <= 2 * _MAX_SHORT_TEXT_WORDS - 1


def _rank_with_general_model(text: str, candidates: tuple[str, ...]) -> dict[str, float]:
    """Return the probabilities of the general model for its languages."""
    identifier = _get_identifier(candidates)
    if identifier is None:
        return {}
    return {lang: float(probability) for lang, probability in identifier.rank(text)}
