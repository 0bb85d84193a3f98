"""Train the models with scikit-learn: logistic regressions on words, parts of words, and concepts, and small nets."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bot.base.text_normalization import normalize_text
from bot.nlu.concepts import Lexicon
from bot.nlu.encoder import Encoder, FloatArray
from bot.nlu.ensemble import Ensemble
from bot.nlu.features import (
    build_concept_features,
    build_lexical_features,
    find_concepts,
    find_mark_concepts,
    split_tokens,
)
from bot.nlu.linear_model import MessageFeatures, Net, Vocabulary, Weights
from bot.nlu_training.labels import LabeledPhrase

MIN_PHRASES_PER_FEATURE: Final = (1, 2, 2)
"""The minimum number of phrases with a feature, for words, letters, and concepts. Training ignores rarer features."""
TOPIC_GAINS: Final = (1.5, 1.5, 2.0)
LANGUAGE_GAINS: Final = (3.0, 1.5)
TOPIC_STRENGTH: Final = 20.0
LANGUAGE_STRENGTH: Final = 50.0
HIDDEN_UNITS: Final = 160
EPOCHS: Final = 12
NET_DECAY: Final = 3e-3
VECTOR_GAIN: Final = 6.0
"""How much a vector counts beside the concepts in a net. Both have length one."""
ENCODER_BATCH_SIZE: Final = 32


@dataclass(frozen=True, slots=True)
class ExampleSet:
    """Hold messages with what the models read of them. All lists have the same order."""

    texts: Sequence[LabeledPhrase]
    features: Sequence[MessageFeatures]
    vectors: FloatArray
    """Rows of length one, with shape (messages, numbers)."""

    def select(self, rows: Sequence[int]) -> ExampleSet:
        """Return the messages of these rows."""
        chosen = list(rows)
        return ExampleSet(
            [self.texts[row] for row in chosen], [self.features[row] for row in chosen], self.vectors[chosen]
        )

    @property
    def concepts(self) -> list[list[str]]:
        """Return the concepts of each message, without pairs and sequences."""
        return [[name for name in row[2] if "+" not in name and ">" not in name] for row in self.features]


def build_example_set(
    labeled_phrases: Sequence[LabeledPhrase], lexicons: Mapping[str, Lexicon], encoder: Encoder
) -> ExampleSet:
    """Extract the features of all messages, and encode them."""
    features = [extract_features(phrase.text, phrase.lang, lexicons) for phrase in labeled_phrases]
    batches = [
        encoder.encode([phrase.text for phrase in labeled_phrases[start : start + ENCODER_BATCH_SIZE]])
        for start in range(0, len(labeled_phrases), ENCODER_BATCH_SIZE)
    ]
    return ExampleSet(labeled_phrases, features, np.concatenate(batches))


def train_ensemble(
    examples: ExampleSet, labels: Sequence[str], tuning: ExampleSet, tuning_labels: Sequence[str]
) -> Ensemble:
    """Train the three models of an ensemble, and choose their weights on the tuning messages."""
    linear = train_linear_weights(examples, labels)
    concept_net = train_net(examples, labels, with_vectors=False)
    vector_net = train_net(examples, labels, with_vectors=True)
    untuned = Ensemble(linear, concept_net, vector_net, (1.0, 1.0, 1.0), (1.0, 1.0))
    columns = np.array([untuned.classes.index(label) for label in tuning_labels])
    scores = np.array(
        [
            untuned.list_log_probabilities(features, tuple(concepts), vector)
            for features, concepts, vector in zip(tuning.features, tuning.concepts, tuning.vectors, strict=True)
        ]
    )
    first, second, third = fit_mix(scores, columns)
    plain_first, plain_second = fit_mix(scores[:, :2], columns)
    return replace(untuned, mix=(first, second, third), plain_mix=(plain_first, plain_second))


def fit_mix(scores: FloatArray, columns: npt.NDArray[np.intp]) -> list[float]:
    """Return the weights of the models that make the right classes likeliest.

    `scores` has the shape (messages, models, classes). The weights don't have to add up to one: their sum also corrects
    models that are too sure.
    """
    from scipy.optimize import minimize

    rows = np.arange(len(columns))

    def compute_loss(weights: FloatArray) -> float:
        mixed = np.tensordot(scores, np.abs(weights), axes=(1, 0))
        shifted = mixed - mixed.max(axis=1, keepdims=True)
        return float((np.log(np.exp(shifted).sum(axis=1)) - shifted[rows, columns]).mean())

    start = np.full(scores.shape[1], 1 / scores.shape[1])
    result = minimize(compute_loss, start, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-5})
    return [round(abs(float(weight)), 3) for weight in result.x]


def train_linear_weights(examples: ExampleSet, labels: Sequence[str], gains: Sequence[float] = TOPIC_GAINS) -> Weights:
    """Train a linear model on words, parts of words, and concepts."""
    rows: list[MessageFeatures] = list(examples.features)
    if all(gains):
        # Each message counts again with its concepts alone, so that the model also learns them without the words.
        rows += [((), (), row[2]) for row in rows]
    return fit_weights(rows, list(labels) * (len(rows) // len(labels)), TOPIC_STRENGTH, gains)


def train_net(examples: ExampleSet, labels: Sequence[str], with_vectors: bool) -> Net:
    """Train a net with one hidden layer on concepts, and on vectors if `with_vectors`."""
    from sklearn.neural_network import MLPClassifier

    concepts = [set(names) for names in examples.concepts]
    inputs = {name: row for row, name in enumerate(sorted(set().union(*concepts)))}
    matrix = np.zeros((len(concepts), len(inputs)), dtype=np.float32)
    for row, names in enumerate(concepts):
        if names:
            matrix[row, [inputs[name] for name in names]] = len(names) ** -0.5
    if with_vectors:
        matrix = np.concatenate([matrix, examples.vectors * VECTOR_GAIN], axis=1)
    model = MLPClassifier(
        (HIDDEN_UNITS,), alpha=NET_DECAY, max_iter=EPOCHS, batch_size=64, learning_rate_init=2e-3, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of the early stop, which prevents overfitting
        model.fit(matrix, list(labels))
    hidden, out = (layer.astype(np.float32) for layer in model.coefs_)
    hidden_bias, out_bias = (bias.astype(np.float32) for bias in model.intercepts_)
    concept_hidden, vector_hidden = hidden[: len(inputs)], hidden[len(inputs) :] * np.float32(VECTOR_GAIN)
    return Net(inputs, concept_hidden, hidden_bias, out, out_bias, vector_hidden)


def train_language_weights(labeled_phrases: Sequence[LabeledPhrase]) -> Weights:
    """Train the language of a message on its words and parts of words.

    Only the phrases teach it. Some languages have many more examples, and "no" would then count as Spanish.
    """
    rows = [build_lexical_features(split_tokens(normalize_text(phrase.text))) for phrase in labeled_phrases]
    return fit_weights(rows, [phrase.lang for phrase in labeled_phrases], LANGUAGE_STRENGTH, LANGUAGE_GAINS)


def extract_features(text: str, lang: str, lexicons: Mapping[str, Lexicon]) -> MessageFeatures:
    """Return the features of a text in a known language."""
    message_tokens = split_tokens(normalize_text(text))
    message_lexicons = [lexicons[code] for code in dict.fromkeys((lang, "en")) if code in lexicons]
    matches = find_concepts(message_tokens, message_lexicons) + find_mark_concepts(text)
    return (*build_lexical_features(message_tokens), build_concept_features(matches))


def fit_weights(
    rows: Sequence[MessageFeatures], labels: Sequence[str], strength: float, gains: Sequence[float]
) -> Weights:
    """Fit a linear model of `labels` over `rows`. The same rows give the same weights."""
    from sklearn.linear_model import LogisticRegression

    vocabularies = [
        _build_vocabulary((row[family] for row in rows), MIN_PHRASES_PER_FEATURE[family])
        for family in range(len(gains))
    ]
    model = LogisticRegression(C=strength, max_iter=150, tol=1e-3)
    model.fit(_build_matrix(rows, vocabularies, gains), labels)
    return _quantize_weights(model, vocabularies, gains)


def _build_vocabulary(rows: Iterable[Iterable[str]], min_count: int) -> list[str]:
    counts = Counter(feature for row in rows for feature in set(row))
    return sorted(feature for feature, count in counts.items() if count >= min_count)


def _build_matrix(rows: Sequence[MessageFeatures], vocabularies: Sequence[list[str]], gains: Sequence[float]) -> Any:
    from scipy.sparse import csr_matrix

    index: list[dict[str, int]] = []
    width = 0
    for names in vocabularies:
        index.append({feature: width + number for number, feature in enumerate(names)})
        width += len(names)
    columns: list[int] = []
    values: list[float] = []
    ends = [0]
    for row in rows:
        for feature_columns, gain, family in zip(index, gains, row, strict=False):
            family_columns = [feature_columns[feature] for feature in family if feature in feature_columns]
            columns += family_columns
            values += [gain / max(1, len(family)) ** 0.5] * len(family_columns)
        ends.append(len(columns))
    return csr_matrix((np.array(values, dtype=np.float32), columns, ends), shape=(len(rows), width))


def _quantize_weights(model: Any, vocabularies: Sequence[list[str]], gains: Sequence[float]) -> Weights:
    """Store weights as small integers, and drop features whose weights are all zero."""
    full_weights = model.coef_.T.astype(np.float32)
    full_weights -= full_weights.mean(axis=1, keepdims=True)
    scale = float(np.abs(full_weights).max() / 127)
    small_weights = np.round(full_weights / scale).astype(np.int8)
    quantized_vocabularies: list[Vocabulary] = []
    nonzero_rows: list[int] = []
    start = 0
    for names in vocabularies:
        used_rows = [start + number for number in range(len(names)) if small_weights[start + number].any()]
        quantized_vocabularies.append(Vocabulary([names[number - start] for number in used_rows], len(nonzero_rows)))
        nonzero_rows += used_rows
        start += len(names)
    bias = model.intercept_.astype(np.float32)
    return Weights(
        tuple(map(str, model.classes_)),
        tuple(quantized_vocabularies),
        small_weights[nonzero_rows],
        scale,
        bias - bias.mean(),
        tuple(gains),
    )
