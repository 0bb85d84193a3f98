"""Decide whether a message pages staff at once, asks the family one question, or does neither. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.nlu.classification import TextAnalysis
from bot.nlu.emergencies import match_emergency_patterns
from bot.nlu.intents import EMERGENCY_INTENTS
from bot.nlu.model import PageThresholds
from bot.nlu.types import NluContext, Page


@dataclass(frozen=True, slots=True)
class PageDecision:
    """Hold the decision, and the emergencies that it is about, the leading one first."""

    page: Page
    intents: tuple[str, ...] = ()
    score: float = 0.0
    """The probability of an emergency in the most urgent part of the message."""
    pattern_language: str | None = None
    """The language of the pattern that matches the leading emergency."""


def decide_page(analyses: Sequence[TextAnalysis], context: NluContext) -> PageDecision:
    """Decide for a message, given the analyses of the whole text and of its sentences.

    The model pages alone if it is sure. A pattern pages if the model finds an emergency possible, because the model
    also knows everyday sentences with the same words. Otherwise, a pattern asks: one question costs a family little.
    """
    most_urgent = max(analyses, key=lambda analysis: analysis.emergency_score)
    thresholds = _choose_thresholds(most_urgent, context)
    patterns = dict(match_emergency_patterns(analyses[0].normalized_text, context.phrasebook))
    page = choose_page(most_urgent.emergency_score, bool(patterns), thresholds)
    if page == "no":
        return PageDecision("no", score=most_urgent.emergency_score)
    intents = _order_emergencies(analyses, most_urgent, patterns, thresholds)
    return PageDecision(page, intents, most_urgent.emergency_score, patterns.get(intents[0]))


def choose_page(score: float, has_pattern: bool, thresholds: PageThresholds) -> Page:
    """Apply the thresholds to the probability of an emergency."""
    if score >= thresholds.now or (has_pattern and score >= thresholds.possible):
        return "now"
    return "ask" if has_pattern or score >= thresholds.ask else "no"


def _choose_thresholds(analysis: TextAnalysis, context: NluContext) -> PageThresholds:
    nlu_model = context.phrasebook.nlu_model
    return nlu_model.thresholds if analysis.has_vector else nlu_model.plain_thresholds


def _order_emergencies(
    analyses: Sequence[TextAnalysis],
    most_urgent: TextAnalysis,
    patterns: dict[str, str],
    thresholds: PageThresholds,
) -> tuple[str, ...]:
    """List the likeliest emergency, those of patterns, and other sure ones, in the order of `EMERGENCY_INTENTS`."""
    found = {max(EMERGENCY_INTENTS, key=most_urgent.page_probabilities.__getitem__), *patterns}
    found |= {
        intent
        for analysis in analyses
        for intent in EMERGENCY_INTENTS
        if analysis.page_probabilities[intent] >= thresholds.now
    }
    return tuple(intent for intent in EMERGENCY_INTENTS if intent in found)
