"""From a text to what it says: emergencies first, then the topic.  Pure: no input or output, no clock."""

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
"""Below this a topic is only offered as a choice, never taken for granted."""
PAGING_THRESHOLD: Final = 0.3
"""From this likelihood on somebody is paged, whatever the words."""
PATTERN_PAGING_THRESHOLD: Final = 0.06
"""A pattern of an emergency pages too, unless the model is sure that the message is about something else:
an emergency less likely than this, and another topic at least as likely as `_SURE`."""
_SURE_TOPIC_THRESHOLD: Final = 0.5
_MAX_CACHED_CHARACTERS: Final = 80
"""Characters of the longest text that is remembered."""
_MIN_KNOWN_CONCEPTS: Final = 2
"""A message of which fewer concepts are known was hardly understood: the patterns decide."""
_SECONDARY_TOPIC_THRESHOLD: Final = 0.6
"""A second topic is offered afterwards if its sentence is as likely as this."""
_HARMLESS_CONCEPTS: Final = frozenset({"PRETEND", "STUPID"})
_FISHING_CONCEPTS: Final = frozenset({"OTHER_FAMILY", "REPORT_SOMEONE", "LIST", "ADDRESS", "POLICE", "AGENT", "STATUS"})


def classify_message(text: NormalizedText, context: NluContext) -> Understanding:
    """What `text` says; never raises, whatever a phone sends.

    An emergency is looked for in all languages.  Where the language itself is unsure, the one in whose
    words the emergency was told is taken, because the answer must be read at once.
    """
    return _classify_cached(text, context) if _is_cacheable(text, context) else _classify_text(text, context)


def _is_cacheable(text: NormalizedText, context: NluContext) -> bool:
    """Whether these are words of ours (a number, a command, a phrase that was taught), which many send."""
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
    """Looked at once and remembered: it says nothing of who sent it.  What a family words itself never stays here."""
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
        return _build_emergency_understanding(
            analysis,
            [intent for intent, _ in emergencies],
            _choose_language(analysis, emergencies, context),
            ranked_topics,
            sentence_analyses,
        )
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
    """A number or a sign ("2", a thumb) answers a question; nothing at all says nothing."""
    intent = "short_reply" if text.strip() else None
    return Understanding(
        analysis.lang, analysis.lang_confidence, intent, 1.0 if intent else 0.0, "info", (), (intent,) if intent else ()
    )


def get_severity(intent: str | None, analysis: TextAnalysis) -> Severity:
    """How soon a person must see it; of attacks only those that are after a family or a pupil."""
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
    """The emergencies with the language of the words that told (None where the model did), the leading one first."""
    if exact_intent is not None:
        return [(exact_intent, None)] if exact_intent in EMERGENCY_INTENTS else []
    analyses = (analysis, *sentence_analyses)
    most_urgent = max(analyses, key=lambda candidate: candidate.emergency_score)
    is_other_topic_sure = (
        most_urgent.emergency_score < PATTERN_PAGING_THRESHOLD
        and max(analysis.topic_probabilities.values()) >= _SURE_TOPIC_THRESHOLD
        and len(analysis.concept_matches) >= _MIN_KNOWN_CONCEPTS
    )
    pattern_languages = (
        {} if is_other_topic_sure else dict(match_emergency_patterns(analysis.normalized_text, context.phrasebook))
    )
    if most_urgent.emergency_score < PAGING_THRESHOLD and not pattern_languages:
        return []
    leading_intent = max(EMERGENCY_INTENTS, key=lambda intent: most_urgent.topic_probabilities[intent])
    paging_intents = {
        intent
        for candidate in analyses
        for intent in EMERGENCY_INTENTS
        if candidate.topic_probabilities[intent] >= PAGING_THRESHOLD
    }
    emergency_intents = (
        {leading_intent, *paging_intents, *pattern_languages}
        if most_urgent.emergency_score >= PAGING_THRESHOLD
        else set(pattern_languages)
    )
    return [(intent, pattern_languages.get(intent)) for intent in EMERGENCY_INTENTS if intent in emergency_intents]


def _choose_language(
    analysis: TextAnalysis, emergencies: list[tuple[str, str | None]], context: NluContext
) -> str | None:
    lang = emergencies[0][1]
    return (
        lang
        if analysis.lang_confidence < LANGUAGE_CONFIDENCE_THRESHOLD and lang in context.languages
        else analysis.lang
    )


def _build_emergency_understanding(
    analysis: TextAnalysis,
    emergency_intents: list[str],
    lang: str | None,
    ranked_topics: list[tuple[str, float]],
    sentence_analyses: tuple[TextAnalysis, ...],
) -> Understanding:
    secondary_intents = (
        tuple(emergency_intents[1:]) or tuple(_list_secondary_topics(sentence_analyses, emergency_intents[0]))[:1]
    )
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
    """Ordinary topics of single sentences, besides the main one."""
    for analysis in sentence_analyses:
        intent = max(analysis.topic_probabilities, key=analysis.topic_probabilities.__getitem__)
        is_small_talk = intent in ("short_reply", "greeting_identity", "out_of_scope", *EMERGENCY_INTENTS)
        if (
            analysis.topic_probabilities[intent] >= _SECONDARY_TOPIC_THRESHOLD
            and intent != main_intent
            and not is_small_talk
        ):
            yield intent
