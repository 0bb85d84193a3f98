"""Classify a text: emergencies first, then the topic. Pure: no input or output, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from bot.base.text_normalization import NormalizedText
from bot.nlu.classification import TextAnalysis, analyze_sentences, analyze_text
from bot.nlu.emergencies import match_emergency_patterns
from bot.nlu.intents import EMERGENCY_INTENTS, SEVERITY_BY_INTENT, Severity
from bot.nlu.language_id import LANGUAGE_CONFIDENCE_THRESHOLD
from bot.nlu.types import NluContext, Understanding

INTENT_CONFIDENCE_THRESHOLD: Final = 0.3
"""Below this confidence, a topic is only a choice in a question."""
PAGING_THRESHOLD: Final = 0.3
"""From this probability of an emergency, Puente pages staff, whatever the words of the message are."""
PATTERN_PAGING_THRESHOLD: Final = 0.06
"""Below this probability, patterns don't page if another topic has at least `_SURE_TOPIC_THRESHOLD`. Otherwise they do.
"""
_SURE_TOPIC_THRESHOLD: Final = 0.5
_MAX_CACHED_CHARACTERS: Final = 80
"""The maximum length of a text in the cache."""
_MIN_KNOWN_CONCEPTS: Final = 2
"""With fewer known concepts, the model hardly understood the message, so the patterns decide."""
_SECONDARY_TOPIC_THRESHOLD: Final = 0.6
"""From this probability of a topic in one sentence, Puente offers it as a second topic."""
_PRIMARY_ONLY_INTENTS: Final = ("short_reply", "greeting_identity", "out_of_scope", *EMERGENCY_INTENTS)
_HARMLESS_CONCEPTS: Final = frozenset({"PRETEND", "STUPID"})
_FISHING_CONCEPTS: Final = frozenset({"OTHER_FAMILY", "REPORT_SOMEONE", "LIST", "ADDRESS", "POLICE", "AGENT", "STATUS"})


def classify_message(text: NormalizedText, context: NluContext) -> Understanding:
    """Classify `text`. Never raises, whatever a phone sends.

    The search for emergencies covers all languages. If the language is unsure, the result has the language of the
    emergency's words, because the family must be able to read the answer at once.
    """
    if _is_cacheable(text, context):
        return _classify_cached(text, context)
    return _classify_text(text, context)


def _is_cacheable(text: NormalizedText, context: NluContext) -> bool:
    """Return whether many families send this text: a number, a command, or a training phrase."""
    if len(text.raw) > _MAX_CACHED_CHARACTERS:
        return False
    normalized_text, phrasebook = text.plain, context.phrasebook
    return (
        normalized_text in phrasebook.nlu_model.intent_by_phrase
        or normalized_text in phrasebook.commands
        or _is_choice_number(normalized_text)
    )


@lru_cache(maxsize=4096)
def _classify_cached(text: NormalizedText, context: NluContext) -> Understanding:
    """Classify a text and cache the result. The cache never holds texts in a family's own words."""
    return _classify_text(text, context)


def _is_choice_number(normalized_text: str) -> bool:
    return normalized_text.isdigit() and len(normalized_text) <= 2


def _classify_text(text: NormalizedText, context: NluContext) -> Understanding:
    analysis = analyze_text(text, context)
    exact_intent = context.phrasebook.nlu_model.intent_by_phrase.get(analysis.normalized_text)
    if not analysis.normalized_text or _is_choice_number(analysis.normalized_text):
        return _build_wordless_understanding(text.raw, analysis)
    sentence_analyses = () if exact_intent else analyze_sentences(text.raw, analysis, context)
    ranked_topics = _rank_topics(analysis, exact_intent)
    emergencies = _find_emergencies(analysis, sentence_analyses, exact_intent, context)
    if emergencies:
        intents = [intent for intent, _ in emergencies]
        lang = _choose_language(analysis, emergencies, context)
        return _build_emergency_understanding(analysis, intents, lang, ranked_topics, sentence_analyses)
    intent, confidence = ranked_topics[0]
    accepted_intent = intent if confidence >= INTENT_CONFIDENCE_THRESHOLD else None
    secondary_intents = tuple(_list_secondary_topics(sentence_analyses, accepted_intent))[:1]
    choices = tuple(topic for topic, _ in ranked_topics[:3])
    return Understanding(
        analysis.lang,
        analysis.lang_confidence,
        accepted_intent,
        confidence,
        get_severity(accepted_intent, analysis),
        secondary_intents,
        choices,
    )


def _build_wordless_understanding(text: str, analysis: TextAnalysis) -> Understanding:
    """Classify a text without words.

    A number or a sign ("2", a thumb) is a short reply, and an empty text is nothing.
    """
    language = (analysis.lang, analysis.lang_confidence)
    if not text.strip():
        return Understanding(*language, None, 0.0, "info")
    return Understanding(*language, "short_reply", 1.0, "info", choices=("short_reply",))


def get_severity(intent: str | None, analysis: TextAnalysis) -> Severity:
    """Return how soon a person must see the message.

    A restricted request that only plays or insults is `info`, unless it also asks about families or agents.
    """
    if intent is None:
        return "info"
    concept_names = {concept for concept, _ in analysis.concept_matches}
    if intent == "restricted_request" and concept_names & _HARMLESS_CONCEPTS and not concept_names & _FISHING_CONCEPTS:
        return "info"
    return SEVERITY_BY_INTENT[intent]


def _rank_topics(analysis: TextAnalysis, exact_intent: str | None) -> list[tuple[str, float]]:
    ranked_topics = sorted(analysis.topic_probabilities.items(), key=lambda pair: -pair[1])
    if exact_intent is None:
        return ranked_topics
    return [(exact_intent, 1.0), *((intent, 0.0) for intent, _ in ranked_topics if intent != exact_intent)]


def _find_emergencies(
    analysis: TextAnalysis, sentence_analyses: Iterable[TextAnalysis], exact_intent: str | None, context: NluContext
) -> list[tuple[str, str | None]]:
    """List the emergencies, the leading one first, with the language of the matching pattern (None if none matches)."""
    if exact_intent is not None:
        return [(exact_intent, None)] if exact_intent in EMERGENCY_INTENTS else []
    analyses = (analysis, *sentence_analyses)
    most_urgent = max(analyses, key=lambda candidate: candidate.emergency_score)
    is_other_topic_sure = (
        most_urgent.emergency_score < PATTERN_PAGING_THRESHOLD
        and max(analysis.topic_probabilities.values()) >= _SURE_TOPIC_THRESHOLD
        and len(analysis.concept_matches) >= _MIN_KNOWN_CONCEPTS
    )
    pattern_languages: dict[str, str] = {}
    if not is_other_topic_sure:
        pattern_languages = dict(match_emergency_patterns(analysis.normalized_text, context.phrasebook))
    found_intents = set(pattern_languages)
    if most_urgent.emergency_score >= PAGING_THRESHOLD:
        found_intents.add(max(EMERGENCY_INTENTS, key=lambda intent: most_urgent.topic_probabilities[intent]))
        found_intents |= {
            intent
            for candidate in analyses
            for intent in EMERGENCY_INTENTS
            if candidate.topic_probabilities[intent] >= PAGING_THRESHOLD
        }
    return [(intent, pattern_languages.get(intent)) for intent in EMERGENCY_INTENTS if intent in found_intents]


def _choose_language(
    analysis: TextAnalysis, emergencies: list[tuple[str, str | None]], context: NluContext
) -> str | None:
    pattern_language = emergencies[0][1]
    if analysis.lang_confidence < LANGUAGE_CONFIDENCE_THRESHOLD and pattern_language in context.languages:
        return pattern_language
    return analysis.lang


def _build_emergency_understanding(
    analysis: TextAnalysis,
    emergency_intents: list[str],
    lang: str | None,
    ranked_topics: list[tuple[str, float]],
    sentence_analyses: tuple[TextAnalysis, ...],
) -> Understanding:
    secondary_intents = tuple(emergency_intents[1:])
    if not secondary_intents:
        secondary_intents = tuple(_list_secondary_topics(sentence_analyses, emergency_intents[0]))[:1]
    choices = tuple(dict.fromkeys((*emergency_intents, *(topic for topic, _ in ranked_topics))))[:3]
    confidence = max(0.5, analysis.emergency_score)
    return Understanding(
        lang,
        analysis.lang_confidence,
        emergency_intents[0],
        min(1.0, confidence),
        SEVERITY_BY_INTENT[emergency_intents[0]],
        secondary_intents,
        choices,
    )


def _list_secondary_topics(sentence_analyses: Iterable[TextAnalysis], main_intent: str | None) -> Iterable[str]:
    """Yield ordinary topics of single sentences other than the main topic."""
    for analysis in sentence_analyses:
        intent = max(analysis.topic_probabilities, key=analysis.topic_probabilities.__getitem__)
        is_likely = analysis.topic_probabilities[intent] >= _SECONDARY_TOPIC_THRESHOLD
        if is_likely and intent not in (main_intent, *_PRIMARY_ONLY_INTENTS):
            yield intent
