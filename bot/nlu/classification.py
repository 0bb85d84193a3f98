"""Analyze a text once: its features, its language, its topics, and how likely an emergency is. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bot.base.text_normalization import NormalizedText
from bot.nlu.concepts import ConceptMatch
from bot.nlu.encoder import FloatArray
from bot.nlu.features import (
    build_concept_features,
    build_lexical_features,
    find_concepts,
    find_mark_concepts,
    split_tokens,
)
from bot.nlu.intents import EMERGENCY_INTENTS
from bot.nlu.language_id import LANGUAGE_CONFIDENCE_THRESHOLD, detect_language
from bot.nlu.linear_model import MessageFeatures
from bot.nlu.types import NluContext

_SENTENCE_END_PATTERN: Final = re.compile(r"[.!?;\n。！？؟؛።፧…]+")
_MIN_SENTENCE_WORDS: Final = 3
_MAX_SENTENCES: Final = 6


@dataclass(frozen=True, slots=True)
class TextAnalysis:
    """Hold the analysis of a text, or of one of its sentences."""

    normalized_text: str
    lang: str | None
    lang_confidence: float
    features: MessageFeatures
    concept_matches: tuple[ConceptMatch, ...]
    """The concepts in order, each with the words of the message that mean it."""
    topic_probabilities: dict[str, float]
    """The probability of each topic. The values add up to one."""
    page_probabilities: dict[str, float]
    """The probability of each emergency, and of each kind of message that needs no page. They add up to one."""
    has_vector: bool

    @property
    def emergency_score(self) -> float:
        """Return the probability that a person needs help now, for all emergencies together."""
        return sum(self.page_probabilities[intent] for intent in EMERGENCY_INTENTS)


@dataclass(frozen=True, slots=True)
class _TextFeatures:
    text: NormalizedText
    tokens: list[str]
    lexical_features: tuple[list[str], list[str]]


def analyze_text(text: NormalizedText, context: NluContext) -> TextAnalysis:
    """Analyze the whole text, without its sentences."""
    return _analyze([_extract_features(text)], context)[0]


def analyze_with_sentences(text: NormalizedText, context: NluContext) -> tuple[TextAnalysis, ...]:
    """Analyze the whole text, and then each sentence of a text with several sentences.

    In a whole text, ordinary sentences can hide an emergency. The encoder reads all of them at once.
    """
    sentences = [_extract_features(NormalizedText(sentence)) for sentence in _split_sentences(text.raw)]
    long_sentences = [sentence for sentence in sentences if len(sentence.tokens) >= _MIN_SENTENCE_WORDS]
    if len(long_sentences) < 2:
        long_sentences = []
    return _analyze([_extract_features(text), *long_sentences], context)


def find_language(text: NormalizedText, context: NluContext) -> tuple[str | None, float]:
    """Return the language of a text and how likely it is, without the other models."""
    return _detect_language(_extract_features(text), context)


def _detect_language(features: _TextFeatures, context: NluContext) -> tuple[str | None, float]:
    nlu_model = context.phrasebook.nlu_model
    candidate_languages = tuple(dict.fromkeys((*context.languages, *nlu_model.lexicons)))
    return detect_language(
        features.text.raw,
        features.lexical_features,
        nlu_model.language_weights,
        candidate_languages,
        context.stored_language,
    )


def _split_sentences(text: str) -> Sequence[str]:
    sentences = [sentence for sentence in _SENTENCE_END_PATTERN.split(text) if sentence.strip()]
    return sentences[:_MAX_SENTENCES] if len(sentences) > 1 else ()


def _extract_features(text: NormalizedText) -> _TextFeatures:
    tokens = split_tokens(text.plain)
    return _TextFeatures(text, tokens, build_lexical_features(tokens))


def _analyze(texts: Sequence[_TextFeatures], context: NluContext) -> tuple[TextAnalysis, ...]:
    """Analyze texts in the language of the first one."""
    nlu_model = context.phrasebook.nlu_model
    language = _detect_language(texts[0], context)
    vectors = nlu_model.encode([features.text.raw for features in texts])
    return tuple(
        _build_analysis(features, language, vector, context) for features, vector in zip(texts, vectors, strict=True)
    )


def _build_analysis(
    text_features: _TextFeatures,
    language: tuple[str | None, float],
    vector: FloatArray | None,
    context: NluContext,
) -> TextAnalysis:
    nlu_model, text = context.phrasebook.nlu_model, text_features.text
    lexicons = [
        nlu_model.lexicons[lang] for lang in _choose_lexicon_languages(*language, context) if lang in nlu_model.lexicons
    ]
    concept_matches = (*find_concepts(text_features.tokens, lexicons), *find_mark_concepts(text.raw))
    features = (*text_features.lexical_features, build_concept_features(concept_matches))
    concepts = [concept for concept, _ in concept_matches]
    return TextAnalysis(
        text.plain,
        *language,
        features,
        concept_matches,
        nlu_model.topics.compute_probabilities(features, concepts, vector),
        nlu_model.pages.compute_probabilities(features, concepts, vector),
        vector is not None,
    )


def _choose_lexicon_languages(lang: str | None, lang_confidence: float, context: NluContext) -> Iterable[str]:
    """Choose the languages to look up words in.

    These are the language of the message and English, which many families mix in. If the language is unsure, add the
    stored language.
    """
    is_unsure = lang_confidence < LANGUAGE_CONFIDENCE_THRESHOLD
    candidates = (lang, context.stored_language, "en") if is_unsure else (lang, "en")
    return tuple(dict.fromkeys(candidate for candidate in candidates if candidate))
