"""Measure how well the classifier understands messages outside its training data (`make measure`).

`tests/routing/<lang>.yaml` holds the messages. Other people wrote them than the phrases. Before training, the
measurement removes every phrase that is nearly the same as a message, so that memory doesn't raise the score.
docs/understanding.md explains the figures.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.base.settings import ROOT
from bot.base.text_normalization import normalize_text, split_words
from bot.nlu.concepts import Lexicon
from bot.nlu.intents import EMERGENCY_INTENTS
from bot.nlu.linear_model import softmax
from bot.nlu.model import NluModel
from bot.nlu_training import train
from bot.nlu_training.dataset import LabeledPhrase, PhraseFile, TrainingData, load_yaml_file, read_training_data

NEAR_COPY_THRESHOLD: Final = 84
"""From this similarity (0 to 100, words in any order), a phrase counts as a copy of a message."""
SMALL_TRAINING_SIZE: Final = 120
"""The number of training phrases for the first, small method."""

Ranker = Callable[[LabeledPhrase], list[str]]
"""Return the topics of a message, best first."""


@dataclass(frozen=True, slots=True)
class EvaluationMessages:
    """Hold the messages to score: ordinary messages, emergencies, and near misses that only sound like emergencies."""

    messages: tuple[LabeledPhrase, ...]
    near_misses: tuple[LabeledPhrase, ...]


def read_evaluation_messages(folder: Path) -> EvaluationMessages:
    """Read the messages of `tests/routing`. Raises ValueError that names the file and the problem."""
    messages: list[LabeledPhrase] = []
    near_misses: list[LabeledPhrase] = []
    for path in sorted(folder.glob("*.yaml")):
        file = load_yaml_file(path, PhraseFile)
        for target, group in ((messages, file.topics), (near_misses, file.near_misses)):
            target += [LabeledPhrase(text, path.stem, intent) for intent, texts in group.items() for text in texts]
    return EvaluationMessages(tuple(messages), tuple(near_misses))


def drop_near_copies(training_data: TrainingData, evaluation_messages: EvaluationMessages) -> tuple[LabeledPhrase, ...]:
    """Return the phrases that are no near copy of a message in their language."""
    from rapidfuzz import fuzz, process  # only training needs it

    remaining_phrases: list[LabeledPhrase] = []
    for lang in {phrase.lang for phrase in training_data.phrases}:
        message_texts = [
            _join_words(message.text)
            for message in (*evaluation_messages.messages, *evaluation_messages.near_misses)
            if message.lang == lang
        ]
        phrases = [phrase for phrase in training_data.phrases if phrase.lang == lang]
        phrase_texts = [_join_words(phrase.text) for phrase in phrases]
        if not message_texts:
            remaining_phrases += phrases
            continue
        similarity = process.cdist(phrase_texts, message_texts, scorer=fuzz.token_sort_ratio, workers=-1)
        best_similarities = similarity.max(axis=1)
        remaining_phrases += [
            phrase
            for phrase, best_similarity in zip(phrases, best_similarities, strict=True)
            if best_similarity < NEAR_COPY_THRESHOLD
        ]
    return tuple(remaining_phrases)


def train_methods(labeled_phrases: Sequence[LabeledPhrase], lexicons: Mapping[str, Lexicon]) -> dict[str, Ranker]:
    """Train all methods of the comparison on the same phrases."""
    small_sample = _sample_evenly(labeled_phrases, SMALL_TRAINING_SIZE)
    return {
        "fuzzy, 120 phrases": _build_fuzzy_ranker(small_sample),
        "letters, 120 phrases": _train_linear_ranker(small_sample, lexicons, (0.0, 1.5, 0.0)),
        "fuzzy": _build_fuzzy_ranker(labeled_phrases),
        "letters": _train_linear_ranker(labeled_phrases, lexicons, (0.0, 1.5, 0.0)),
        "words and letters": _train_linear_ranker(labeled_phrases, lexicons, (1.5, 1.5, 0.0)),
        "concepts": _train_linear_ranker(labeled_phrases, lexicons, (0.0, 0.0, 2.0)),
        "words, letters, concepts": _train_linear_ranker(labeled_phrases, lexicons, train.TOPIC_GAINS),
        "net over concepts": _train_net_ranker(labeled_phrases, lexicons),
        "all together": _train_combined_ranker(labeled_phrases, lexicons),
    }


def compute_accuracy(rank_topics: Ranker, messages: Sequence[LabeledPhrase], top_count: int = 1) -> float:
    """Return the share of messages whose topic is among the first `top_count`."""
    return sum(message.intent in rank_topics(message)[:top_count] for message in messages) / max(1, len(messages))


def _join_words(text: str) -> str:
    return " ".join(split_words(normalize_text(text)))


def _sample_evenly(labeled_phrases: Sequence[LabeledPhrase], count: int) -> list[LabeledPhrase]:
    return [labeled_phrases[number * len(labeled_phrases) // count] for number in range(count)]


def _train_linear_ranker(
    labeled_phrases: Sequence[LabeledPhrase], lexicons: Mapping[str, Lexicon], gains: Sequence[float]
) -> Ranker:
    weights = train.train_topic_weights(labeled_phrases, lexicons, gains)

    def rank_topics(message: LabeledPhrase) -> list[str]:
        scores = softmax(weights.compute_scores(train.extract_features(message.text, message.lang, lexicons)))
        return [weights.classes[column] for column in scores.argsort()[::-1]]

    return rank_topics


def _train_net_ranker(labeled_phrases: Sequence[LabeledPhrase], lexicons: Mapping[str, Lexicon]) -> Ranker:
    net = train.train_topic_net(labeled_phrases, lexicons)
    classes = sorted({phrase.intent for phrase in labeled_phrases})

    def rank_topics(message: LabeledPhrase) -> list[str]:
        scores = net.compute_scores(train.extract_features(message.text, message.lang, lexicons)[2])
        return [classes[column] for column in scores.argsort()[::-1]]

    return rank_topics


def _train_combined_ranker(labeled_phrases: Sequence[LabeledPhrase], lexicons: Mapping[str, Lexicon]) -> Ranker:
    nlu_model = NluModel(
        train.train_topic_weights(labeled_phrases, lexicons),
        train.train_topic_net(labeled_phrases, lexicons),
        train.train_language_weights(labeled_phrases),
        lexicons,
        {},
        "",
    )

    def rank_topics(message: LabeledPhrase) -> list[str]:
        message_features = train.extract_features(message.text, message.lang, lexicons)
        probabilities = nlu_model.compute_topic_probabilities(message_features, message_features[2])
        return sorted(probabilities, key=lambda intent: -probabilities[intent])

    return rank_topics


def _build_fuzzy_ranker(labeled_phrases: Sequence[LabeledPhrase]) -> Ranker:
    from rapidfuzz import fuzz, process

    phrases_by_language: dict[str, list[LabeledPhrase]] = {}
    for phrase in labeled_phrases:
        phrases_by_language.setdefault(phrase.lang, []).append(phrase)
    texts_by_language = {
        lang: [_join_words(phrase.text) for phrase in group] for lang, group in phrases_by_language.items()
    }

    def rank_topics(message: LabeledPhrase) -> list[str]:
        phrase_texts = texts_by_language.get(message.lang, [])
        closest_texts = process.extract(_join_words(message.text), phrase_texts, scorer=fuzz.token_sort_ratio, limit=10)
        return list(dict.fromkeys(phrases_by_language[message.lang][number].intent for _, _, number in closest_texts))

    return rank_topics


SEPARATELY_SCORED_INTENTS: Final = frozenset({"out_of_scope", "restricted_request", *EMERGENCY_INTENTS})
"""Topics that don't count as ordinary messages, because bot.nlu_training.routing_score scores them separately."""


def main() -> int:
    """Train every method on the same phrases, and print its accuracy for ordinary messages."""
    training_data = read_training_data(ROOT / "flows")
    evaluation_messages = read_evaluation_messages(ROOT / "tests/routing")
    lexicons = {lang: Lexicon.build(lang, words) for lang, words in training_data.concepts.items()}
    remaining_phrases = drop_near_copies(training_data, evaluation_messages)
    ordinary_messages = [
        message for message in evaluation_messages.messages if message.intent not in SEPARATELY_SCORED_INTENTS
    ]
    near_copy_count = len(training_data.phrases) - len(remaining_phrases)
    print(f"{len(training_data.phrases)} phrases, of which {near_copy_count} near copies are not used")
    languages = {message.lang for message in ordinary_messages}
    print(f"{len(ordinary_messages)} ordinary messages in {len(languages)} languages")
    for name, rank_topics in train_methods(remaining_phrases, lexicons).items():
        first, top_three = (compute_accuracy(rank_topics, ordinary_messages, count) for count in (1, 3))
        print(f"{name:24} first {first:6.1%}   top three {top_three:6.1%}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
