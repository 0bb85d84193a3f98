"""Classify a text: emergencies first, then the topic. Pure: no input or output, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from bot.base.text_normalization import NormalizedText
from bot.nlu.classification import TextAnalysis, analyze_with_sentences, find_language
from bot.nlu.intents import EMERGENCY_INTENTS, SEVERITY_BY_INTENT, Severity
from bot.nlu.language_id import LANGUAGE_CONFIDENCE_THRESHOLD
from bot.nlu.own_texts import remove_own_sentences
from bot.nlu.paging import PageDecision, decide_page
from bot.nlu.types import NluContext, Page, Understanding

INTENT_CONFIDENCE_THRESHOLD: Final = 0.6
"""Below this confidence, a topic is only a choice in a question."""
ACCUSING_CONFIDENCE_THRESHOLD: Final = 0.8
"""`restricted_request` refuses a family's message, so Puente must be surer of it. A parent who wants to enroll a child
must never be refused."""
_MAX_CACHED_CHARACTERS: Final = 80
"""The maximum length of a text in the cache."""
_SECONDARY_TOPIC_THRESHOLD: Final = 0.6
"""From this probability of a topic in one sentence, Puente offers it as a second topic."""
_ACCUSING_INTENT: Final = "restricted_request"
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
    exact_intent = context.phrasebook.nlu_model.intent_by_phrase.get(text.plain)
    if not text.plain or _is_choice_number(text.plain):
        return _build_wordless_understanding(text, context)
    if exact_intent is not None:
        return _build_exact_understanding(text, exact_intent, context)
    own_words = remove_own_sentences(text, context.phrasebook.own_sentences)
    if not own_words.plain:
        return Understanding(*find_language(text, context), None, 0.0, "info")
    analysis, *sentence_analyses = analyze_with_sentences(own_words, context)
    decision = decide_page((analysis, *sentence_analyses), context)
    ranked_topics = _rank_topics(analysis)
    if decision.page == "now":
        return _build_emergency_understanding(analysis, decision, ranked_topics, sentence_analyses, context)
    return _build_topic_understanding(analysis, decision, ranked_topics, sentence_analyses)


def _build_topic_understanding(
    analysis: TextAnalysis,
    decision: PageDecision,
    ranked_topics: list[tuple[str, float]],
    sentence_analyses: list[TextAnalysis],
) -> Understanding:
    """Build the result for a message that pages no staff now. Its topic is never an emergency."""
    ordinary_topics = [(intent, share) for intent, share in ranked_topics if intent not in EMERGENCY_INTENTS]
    intent, confidence = ordinary_topics[0]
    accepted_intent = intent if confidence >= _get_confidence_threshold(intent) else None
    secondary_intents = tuple(_list_secondary_topics(sentence_analyses, accepted_intent))[:1]
    return Understanding(
        analysis.lang,
        analysis.lang_confidence,
        accepted_intent,
        confidence,
        get_severity(accepted_intent, analysis),
        secondary_intents,
        tuple(topic for topic, _ in ordinary_topics[:3]),
        decision.page,
        decision.intents[0] if decision.page == "ask" else None,
    )


def _get_confidence_threshold(intent: str) -> float:
    return ACCUSING_CONFIDENCE_THRESHOLD if intent == _ACCUSING_INTENT else INTENT_CONFIDENCE_THRESHOLD


def _build_exact_understanding(text: NormalizedText, intent: str, context: NluContext) -> Understanding:
    """Build the result for a phrase of the training files. The models aren't needed."""
    lang, lang_confidence = find_language(text, context)
    severity = SEVERITY_BY_INTENT[intent]
    page: Page = "now" if intent in EMERGENCY_INTENTS else "no"
    return Understanding(lang, lang_confidence, intent, 1.0, severity, choices=(intent,), page=page)


def _build_wordless_understanding(text: NormalizedText, context: NluContext) -> Understanding:
    """Classify a text without words.

    A number or a sign ("2", a thumb) is a short reply, and an empty text is nothing.
    """
    language = find_language(text, context)
    if not text.raw.strip():
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


def _rank_topics(analysis: TextAnalysis) -> list[tuple[str, float]]:
    return sorted(analysis.topic_probabilities.items(), key=lambda pair: -pair[1])


def _build_emergency_understanding(
    analysis: TextAnalysis,
    decision: PageDecision,
    ranked_topics: list[tuple[str, float]],
    sentence_analyses: list[TextAnalysis],
    context: NluContext,
) -> Understanding:
    secondary_intents = decision.intents[1:]
    if not secondary_intents:
        secondary_intents = tuple(_list_secondary_topics(sentence_analyses, decision.intents[0]))[:1]
    choices = tuple(dict.fromkeys((*decision.intents, *(topic for topic, _ in ranked_topics))))[:3]
    lang = analysis.lang
    if analysis.lang_confidence < LANGUAGE_CONFIDENCE_THRESHOLD and decision.pattern_language in context.languages:
        lang = decision.pattern_language
    return Understanding(
        lang,
        analysis.lang_confidence,
        decision.intents[0],
        min(1.0, max(0.5, decision.score)),
        SEVERITY_BY_INTENT[decision.intents[0]],
        secondary_intents,
        choices,
        "now",
    )


def _list_secondary_topics(sentence_analyses: Iterable[TextAnalysis], main_intent: str | None) -> Iterable[str]:
    """Yield ordinary topics of single sentences other than the main topic."""
    for analysis in sentence_analyses:
        intent = max(analysis.topic_probabilities, key=analysis.topic_probabilities.__getitem__)
        is_likely = analysis.topic_probabilities[intent] >= _SECONDARY_TOPIC_THRESHOLD
        if is_likely and intent not in (main_intent, *_PRIMARY_ONLY_INTENTS):
            yield intent
