"""Explain a classification, for staff and for people who correct the phrases."""

from __future__ import annotations

from typing import Any

from bot.base.text_normalization import NormalizedText
from bot.nlu.classification import analyze_text
from bot.nlu.emergencies import match_emergency_patterns
from bot.nlu.types import NluContext, Understanding

_MAX_REASONS = 8


def explain_understanding(text: NormalizedText, understanding: Understanding, context: NluContext) -> dict[str, Any]:
    """Return the reasons as plain data: concepts, features with their weights, patterns, and the likeliest topics.

    Weights are logits: how much a feature adds for the topic, relative to the mean of all topics. Features with "+" are
    two concepts together, and features with ">" are two concepts in this order.
    """
    analysis = analyze_text(text, context)
    nlu_model = context.phrasebook.nlu_model
    topic = understanding.intent or max(analysis.topic_probabilities, key=analysis.topic_probabilities.__getitem__)
    reasons = nlu_model.topics.linear.list_reasons(analysis.features, topic, _MAX_REASONS)
    top_topics = sorted(analysis.topic_probabilities.items(), key=lambda pair: -pair[1])[:3]
    return {
        "phrase": nlu_model.intent_by_phrase.get(analysis.normalized_text),
        "patterns": [intent for intent, _ in match_emergency_patterns(analysis.normalized_text, context.phrasebook)],
        "concepts": [f"{concept}: {words}" for concept, words in analysis.concept_matches],
        "for": topic,
        "weights": [[piece, round(weight, 2)] for piece, weight in reasons if weight > 0],
        "likely": {intent: round(probability, 3) for intent, probability in top_topics},
        "emergency": round(analysis.emergency_score, 3),
        "page": understanding.page,
        "suspected": understanding.suspected_intent,
        "has_vector": analysis.has_vector,
    }
