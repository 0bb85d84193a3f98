"""Why a message was understood as it was: for staff who wonder, and for whoever mends the phrases."""

from __future__ import annotations

from typing import Any

from bot.nlu.classification import read
from bot.nlu.emergencies import find_normal
from bot.nlu.types import Context, Understanding

_MOST = 8


def explain(text: str, understood: Understanding, context: Context) -> dict[str, Any]:
    """What decided, as plain data: the concepts heard, the pieces with their weights, patterns, likeliest topics.

    Weights are logits: what a piece added for the topic, against the mean of all topics.  Pieces with "+" are two
    concepts together, with ">" one after the other.
    """
    whole = read(text, context)
    taught = context.phrasebook.taught
    topic = understood.intent or max(whole.topics, key=whole.topics.__getitem__)
    reasons = taught.topics.reasons(whole.rows, topic, _MOST)
    likeliest = sorted(whole.topics.items(), key=lambda pair: -pair[1])[:3]
    return {
        "phrase": taught.exact.get(whole.normal),
        "patterns": [intent for intent, _ in find_normal(whole.normal, context.phrasebook)],
        "concepts": [f"{concept}: {words}" for concept, words in whole.found],
        "for": topic,
        "weights": [[piece, round(weight, 2)] for piece, weight in reasons if weight > 0],
        "likely": {intent: round(likely, 3) for intent, likely in likeliest},
        "emergency": round(whole.emergency, 3),
    }
