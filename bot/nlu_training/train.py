"""Train two logistic regressions (scikit-learn) on words, parts of words, and concepts, and a small net on concepts."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from bot.base.text_normalization import normalize_text
from bot.nlu.concepts import Lexicon
from bot.nlu.features import (
    build_concept_features,
    build_lexical_features,
    find_concepts,
    find_mark_concepts,
    split_tokens,
)
from bot.nlu.linear_model import MessageFeatures, Net, Vocabulary, Weights
from bot.nlu_training.dataset import LabeledPhrase

MIN_PHRASES_PER_FEATURE: Final = (1, 2, 2)
"""The minimum number of phrases with a feature, for words, letters, and concepts. Training ignores rarer features."""
TOPIC_GAINS: Final = (1.5, 1.5, 2.0)
LANGUAGE_GAINS: Final = (3.0, 1.5)
TOPIC_STRENGTH: Final = 20.0
LANGUAGE_STRENGTH: Final = 50.0
HIDDEN_UNITS: Final = 160
EPOCHS: Final = 25


def train_topic_weights(
    labeled_phrases: Sequence[LabeledPhrase], lexicons: Mapping[str, Lexicon], gains: Sequence[float] = TOPIC_GAINS
) -> Weights:
    """Train the topic of a message on all its features."""
    rows = [extract_features(phrase.text, phrase.lang, lexicons) for phrase in labeled_phrases]
    if all(gains):
        # Each phrase counts again with its concepts alone, so that the model also learns them without the words.
        rows += [((), (), row[2]) for row in rows]
    labels = [phrase.intent for phrase in labeled_phrases]
    return fit_weights(rows, labels * (len(rows) // len(labels)), TOPIC_STRENGTH, gains)


def train_topic_net(labeled_phrases: Sequence[LabeledPhrase], lexicons: Mapping[str, Lexicon]) -> Net:
    """Train the topic of a message on its concepts alone, with a net with one hidden layer."""
    from sklearn.neural_network import MLPClassifier

    examples = [(_extract_concepts(phrase, lexicons), phrase.intent) for phrase in labeled_phrases]
    examples = [(concept_names, intent) for concept_names, intent in examples if concept_names]
    all_names = sorted({name for concept_names, _ in examples for name in concept_names})
    inputs = {name: row for row, name in enumerate(all_names)}
    matrix = np.zeros((len(examples), len(inputs)), dtype=np.float32)
    for row, (concept_names, _) in enumerate(examples):
        matrix[row, [inputs[name] for name in concept_names]] = len(concept_names) ** -0.5
    model = MLPClassifier(
        (HIDDEN_UNITS,), alpha=3e-3, max_iter=EPOCHS, batch_size=64, learning_rate_init=2e-3, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of the early stop, which prevents overfitting
        model.fit(matrix, [intent for _, intent in examples])
    hidden, out = (layer.astype(np.float32) for layer in model.coefs_)
    hidden_bias, out_bias = (bias.astype(np.float32) for bias in model.intercepts_)
    return Net(inputs, hidden, hidden_bias, out, out_bias)


def _extract_concepts(phrase: LabeledPhrase, lexicons: Mapping[str, Lexicon]) -> set[str]:
    concept_features = extract_features(phrase.text, phrase.lang, lexicons)[2]
    return {name for name in concept_features if "+" not in name and ">" not in name}


def train_language_weights(labeled_phrases: Sequence[LabeledPhrase]) -> Weights:
    """Train the language of a message on its words and parts of words."""
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
