"""Choose the thresholds for paging on the tuning examples (`make teach`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bot.base.text_normalization import NormalizedText
from bot.nlu.classification import analyze_with_sentences
from bot.nlu.emergencies import match_emergency_patterns
from bot.nlu.intents import EMERGENCY_INTENTS
from bot.nlu.model import PageThresholds
from bot.nlu.types import NluContext
from bot.nlu_training.labels import LabeledPhrase

MAX_PAGED_SHARES: Final = {"near_miss": 0.08, "everyday": 0.03, "topic": 0.03, "attack": 0.07, "out_of_scope": 0.05}
"""The largest share of each class that may page at once by the model alone. The tuning messages are hard on purpose, so
these shares are higher than those of all messages. A missed emergency does more harm than a wrong page."""
MAX_PATTERN_PAGED_SHARES: Final = {
    "near_miss": 0.1,
    "everyday": 0.04,
    "topic": 0.035,
    "attack": 0.08,
    "out_of_scope": 0.06,
}
"""The same, together with patterns."""
MAX_ASKED_SHARES: Final = {"near_miss": 0.1, "everyday": 0.1, "topic": 0.06, "attack": 0.11, "out_of_scope": 0.1}
"""The largest share of each class that may get the question."""
STEPS: Final = tuple(step / 200 for step in range(1, 200))


@dataclass(frozen=True, slots=True)
class ScoredExample:
    """Hold what decides on paging for one example."""

    page_class: str
    score: float
    has_pattern: bool


def score_examples(examples: Iterable[LabeledPhrase], context: NluContext) -> list[ScoredExample]:
    """Score the examples as the program does, with their sentences."""
    scored_examples = []
    for example in examples:
        text = NormalizedText(example.text)
        score = max(analysis.emergency_score for analysis in analyze_with_sentences(text, context))
        has_pattern = bool(match_emergency_patterns(text.plain, context.phrasebook))
        scored_examples.append(ScoredExample(example.page_class, score, has_pattern))
    return scored_examples


def choose_thresholds(examples: Sequence[ScoredExample]) -> PageThresholds:
    """Return the lowest thresholds that keep every share of quiet messages within its limit."""
    quiet = [example for example in examples if example.page_class not in EMERGENCY_INTENTS]
    now = _find_lowest(quiet, MAX_PAGED_SHARES, lambda example, step: example.score >= step)
    possible = _find_lowest(
        quiet,
        MAX_PATTERN_PAGED_SHARES,
        lambda example, step: example.score >= now or (example.has_pattern and example.score >= step),
    )
    ask = _find_lowest(quiet, MAX_ASKED_SHARES, lambda example, step: step <= example.score < now)
    return PageThresholds(now, min(possible, now), min(ask, now))


def _find_lowest(
    examples: Sequence[ScoredExample],
    max_shares: dict[str, float],
    is_counted: Callable[[ScoredExample, float], bool],
) -> float:
    by_class = {name: [example for example in examples if example.page_class == name] for name in max_shares}
    for step in STEPS:
        if all(
            sum(is_counted(example, step) for example in group) <= max_shares[name] * len(group)
            for name, group in by_class.items()
        ):
            return step
    return STEPS[-1]
