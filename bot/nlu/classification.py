"""Analyze a text once: its features, its language, and the probability of each topic. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bot.base.text_normalization import NormalizedText, normalize_text
from bot.nlu.concepts import ConceptMatch
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
_HARM_CONCEPTS: Final = ("KILL", "DIE", "HURT", "GUN", "KNIFE", "CUT", "POISON")
_EMERGENCY_CONCEPTS: Final = {
    "self_harm_now": frozenset((*_HARM_CONCEPTS, "SUICIDE", "NO_MORE", "PILLS", "JUMP", "LIVE", "SELF", "GOODBYE")),
    "abuse_violence_home": frozenset(
        (
            *_HARM_CONCEPTS,
            "HIT",
            "CHOKE",
            "THREATEN",
            "TOUCH",
            "FORCE",
            "BRUISE",
            "SECRET_PHONE",
            "DRUNK",
            "LOCKED",
            "AFRAID",
            "PUNISH",
            "ATTACK",
            "KNOCK",
            "BREAK_IN",
            "EX",
        )
    ),
    "danger_now": frozenset(
        (
            *_HARM_CONCEPTS,
            "SHOOT",
            "BOMB",
            "FIRE",
            "GAS",
            "ACCIDENT",
            "BLEED",
            "BREATHE",
            "FAINT",
            "AMBULANCE",
            "ATTACK",
            "KIDNAP",
            "HIT",
            "THREATEN",
            "STRANGER",
            "PILLS",
            "BREAK_IN",
            "FORCE",
            "HIDE",
            "TAKEN",
        )
    ),
    "child_alone_now": frozenset(
        (
            "ALONE",
            "LOST",
            "NOBODY",
            "TAKEN",
            "LEAVE_ALONE",
            "LOCKED",
            "KIDNAP",
            "DETENTION",
            "HUNGRY_BABY",
            "LOOK_FOR",
            "CRY",
            "STILL",
            "STOP_BUS",
            "AFRAID",
            "SEE",
        )
    ),
    "enforcement_now": frozenset(
        (
            "AGENT",
            "POLICE",
            "MASKED",
            "RAID",
            "VEHICLE_UNMARKED",
            "KNOCK",
            "BREAK_IN",
            "TAKEN",
            "WARRANT",
            "HIDE",
            "IMMIGRATION",
            "DOCUMENTS",
            "HELP",
        )
    ),
}
"""The concepts for each emergency. A message about the emergency holds at least one of them."""
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

    @property
    def emergency_score(self) -> float:
        """Return the probability that a person needs help now, for all emergencies together.

        An emergency counts half if the message holds none of its concepts, because the message then only resembles it.
        """
        concept_names = {concept for concept, _ in self.concept_matches}
        return sum(
            self.topic_probabilities[intent] * (1.0 if concept_names & _EMERGENCY_CONCEPTS[intent] else 0.5)
            for intent in EMERGENCY_INTENTS
        )


def analyze_text(text: NormalizedText, context: NluContext) -> TextAnalysis:
    """Analyze the whole text."""
    nlu_model = context.phrasebook.nlu_model
    message_tokens = split_tokens(text.plain)
    lexical_features = build_lexical_features(message_tokens)
    candidate_languages = tuple(dict.fromkeys((*context.languages, *nlu_model.lexicons)))
    lang, lang_confidence = detect_language(
        text.raw, lexical_features, nlu_model.language_weights, candidate_languages, context.stored_language
    )
    return _build_analysis(text.raw, text.plain, message_tokens, lexical_features, (lang, lang_confidence), context)


def analyze_sentences(text: str, analysis: TextAnalysis, context: NluContext) -> tuple[TextAnalysis, ...]:
    """Analyze each sentence of a text with several sentences.

    In a whole text, ordinary sentences can hide an emergency.
    """
    sentence_texts = [sentence for sentence in _SENTENCE_END_PATTERN.split(text) if sentence.strip()]
    if len(sentence_texts) < 2:
        return ()
    sentence_analyses = []
    language = (analysis.lang, analysis.lang_confidence)
    for sentence in sentence_texts[:_MAX_SENTENCES]:
        normalized_text = normalize_text(sentence)
        tokens = split_tokens(normalized_text)
        if len(tokens) >= _MIN_SENTENCE_WORDS:
            features = build_lexical_features(tokens)
            sentence_analyses.append(_build_analysis(sentence, normalized_text, tokens, features, language, context))
    return tuple(sentence_analyses) if len(sentence_analyses) > 1 else ()


def _build_analysis(
    text: str,
    normalized_text: str,
    message_tokens: list[str],
    lexical_features: tuple[list[str], list[str]],
    detected_language: tuple[str | None, float],
    context: NluContext,
) -> TextAnalysis:
    nlu_model = context.phrasebook.nlu_model
    lexicons = [
        nlu_model.lexicons[lang]
        for lang in _choose_lexicon_languages(*detected_language, context)
        if lang in nlu_model.lexicons
    ]
    concept_matches = (*find_concepts(message_tokens, lexicons), *find_mark_concepts(text))
    message_features = (*lexical_features, build_concept_features(concept_matches))
    concept_names = [concept for concept, _ in concept_matches]
    probabilities = nlu_model.compute_topic_probabilities(message_features, concept_names)
    return TextAnalysis(normalized_text, *detected_language, message_features, concept_matches, probabilities)


def _choose_lexicon_languages(lang: str | None, lang_confidence: float, context: NluContext) -> tuple[str, ...]:
    """Choose the languages to look up words in.

    These are the language of the message and English, which many families mix in. If the language is unsure, add the
    stored language.
    """
    is_unsure = lang_confidence < LANGUAGE_CONFIDENCE_THRESHOLD
    candidates = (lang, context.stored_language, "en") if is_unsure else (lang, "en")
    return tuple(dict.fromkeys(candidate for candidate in candidates if candidate))
