"""Compare methods on messages outside the training data (`make measure`).

All methods learn from the same messages: the phrases and the training part of `flows/examples`. The scores are those of
the test part, which other authors wrote. docs/understanding.md explains the figures.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from bot.base.settings import ROOT
from bot.base.text_normalization import normalize_text, split_words
from bot.encoders.selection import open_encoder
from bot.nlu.concepts import Lexicon
from bot.nlu.encoder import FloatArray
from bot.nlu.ensemble import Ensemble
from bot.nlu_training import train
from bot.nlu_training.dataset import read_training_data
from bot.nlu_training.examples import EXAMPLES_FOLDER, read_examples
from bot.nlu_training.labels import LabeledPhrase
from bot.nlu_training.train import ExampleSet, build_example_set

NEAR_COPY_THRESHOLD: Final = 84
"""From this similarity (0 to 100, words in any order), a training message counts as a copy of a scored message."""

Ranker = Callable[[int], list[str]]
"""Return the topics of a scored message, by its row, best first."""


def list_near_copies(examples: Sequence[LabeledPhrase], messages: Sequence[LabeledPhrase]) -> set[int]:
    """Return the rows of `examples` that nearly copy a message in the same language."""
    from rapidfuzz import fuzz, process

    copies: set[int] = set()
    for lang in {example.lang for example in examples}:
        rows = [row for row, example in enumerate(examples) if example.lang == lang]
        texts = [_join_words(message.text) for message in messages if message.lang == lang]
        if not texts:
            continue
        similarity = process.cdist(
            [_join_words(examples[row].text) for row in rows], texts, scorer=fuzz.token_sort_ratio, workers=-1
        )
        copies |= {row for row, best in zip(rows, similarity.max(axis=1), strict=True) if best >= NEAR_COPY_THRESHOLD}
    return copies


def _join_words(text: str) -> str:
    return " ".join(split_words(normalize_text(text)))


def build_rankers(ensemble: Ensemble, messages: ExampleSet) -> dict[str, Ranker]:
    """Return a ranker for each part of the ensemble, and for combinations."""
    scores = [
        ensemble.list_log_probabilities(features, tuple(concepts), vector)
        for features, concepts, vector in zip(messages.features, messages.concepts, messages.vectors, strict=True)
    ]
    mixes = {
        "words, letters, concepts": (1.0, 0.0, 0.0),
        "net over concepts": (0.0, 1.0, 0.0),
        "without the encoder (shipped as fallback)": (*ensemble.plain_mix, 0.0),
        "net over vectors and concepts": (0.0, 0.0, 1.0),
        "all together (shipped)": ensemble.mix,
    }
    return {name: _build_mixed_ranker(scores, mix, ensemble.classes) for name, mix in mixes.items()}


def _build_mixed_ranker(scores: Sequence[Sequence[FloatArray]], mix: Sequence[float], classes: Sequence[str]) -> Ranker:
    def rank_topics(row: int) -> list[str]:
        total = np.tensordot(np.array(mix), np.array(scores[row]), axes=(0, 0))
        return [classes[column] for column in total.argsort()[::-1]]

    return rank_topics


def build_vector_ranker(examples: ExampleSet, labels: Sequence[str], messages: ExampleSet) -> Ranker:
    """Return a ranker for the encoder alone: a logistic regression on its vectors."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=10.0, max_iter=300)
    model.fit(examples.vectors, list(labels))
    scores = model.decision_function(messages.vectors)

    def rank_topics(row: int) -> list[str]:
        return [str(model.classes_[column]) for column in scores[row].argsort()[::-1]]

    return rank_topics


def compute_accuracy(rank_topics: Ranker, messages: Sequence[LabeledPhrase], top_count: int = 1) -> float:
    """Return the share of messages whose topic is among the first `top_count`."""
    right_count = sum(message.intent in rank_topics(row)[:top_count] for row, message in enumerate(messages))
    return right_count / max(1, len(messages))


def main() -> int:
    """Train every method on the same messages, and print its accuracy for ordinary messages."""
    flows = ROOT / "flows"
    training_data = read_training_data(flows)
    messages = [example for example in read_examples(flows / EXAMPLES_FOLDER, "test") if example.page_class == "topic"]
    labeled = [example for example in (*training_data.phrases, *training_data.examples) if example.intent]
    copies = list_near_copies(labeled, messages)
    used = [example for row, example in enumerate(labeled) if row not in copies]
    print(f"{len(labeled)} training messages, of which {len(copies)} near copies are not used")
    print(f"{len(messages)} ordinary messages in {len({message.lang for message in messages})} languages")
    lexicons = {lang: Lexicon.build(lang, words) for lang, words in training_data.concepts.items()}
    encoder = open_encoder("", flows)
    tuning = [example for example in training_data.tuning_examples if example.intent]
    examples, tuning_set, message_set = (
        build_example_set(group, lexicons, encoder) for group in (used, tuning, messages)
    )
    labels = [str(example.intent) for example in used]
    ensemble = train.train_ensemble(examples, labels, tuning_set, [str(example.intent) for example in tuning])
    rankers = {"encoder alone": build_vector_ranker(examples, labels, message_set)}
    for name, rank_topics in (rankers | build_rankers(ensemble, message_set)).items():
        first, top_three = (compute_accuracy(rank_topics, messages, count) for count in (1, 3))
        print(f"{name:44} first {first:6.1%}   among three {top_three:6.1%}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
