"""From phrases to weights: two logistic regressions (scikit-learn) over words, pieces of words and concepts."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from bot.base.text_normalization import normalise
from bot.nlu.concepts import Lexicon
from bot.nlu.features import concepts, conceptual, lexical, marks, tokens
from bot.nlu.linear_model import Net, Rows, Vocabulary, Weights
from bot.nlu_training.dataset import Lesson

SEEN: Final = (1, 2, 2)
"""A feature that fewer phrases have is not learnt from: words, letters, concepts."""
GAINS: Final = (1.5, 1.5, 2.0)
LANGUAGE_GAINS: Final = (3.0, 1.5)
TOPIC_STRENGTH: Final = 20.0
LANGUAGE_STRENGTH: Final = 50.0
HIDDEN: Final = 160
EPOCHS: Final = 25


def topics(lessons: Sequence[Lesson], lexicons: Mapping[str, Lexicon], gains: Sequence[float] = GAINS) -> Weights:
    """The topic of a message from all its features."""
    rows = [features(lesson.text, lesson.lang, lexicons) for lesson in lessons]
    # Each phrase teaches a second time by its concepts alone: so that they are learnt although its words tell, too.
    rows += [((), (), row[2]) for row in rows] if all(gains) else []
    labels = [lesson.intent for lesson in lessons]
    return fit(rows, labels * (len(rows) // len(labels)), TOPIC_STRENGTH, gains)


def net(lessons: Sequence[Lesson], lexicons: Mapping[str, Lexicon]) -> Net:
    """The topic of a message from its concepts alone, by a net with one hidden layer."""
    from sklearn.neural_network import MLPClassifier

    told = [(_told(lesson, lexicons), lesson.intent) for lesson in lessons]
    told = [(found, intent) for found, intent in told if found]
    inputs = {name: row for row, name in enumerate(sorted({name for found, _ in told for name in found}))}
    matrix = np.zeros((len(told), len(inputs)), dtype=np.float32)
    for row, (found, _) in enumerate(told):
        matrix[row, [inputs[name] for name in found]] = len(found) ** -0.5
    model = MLPClassifier(
        (HIDDEN,), alpha=3e-3, max_iter=EPOCHS, batch_size=64, learning_rate_init=2e-3, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it stops where more would only learn by heart
        model.fit(matrix, [intent for _, intent in told])
    hidden, out = (layer.astype(np.float32) for layer in model.coefs_)
    hidden_bias, out_bias = (bias.astype(np.float32) for bias in model.intercepts_)
    return Net(inputs, hidden, hidden_bias, out, out_bias)


def _told(lesson: Lesson, lexicons: Mapping[str, Lexicon]) -> set[str]:
    return {name for name in features(lesson.text, lesson.lang, lexicons)[2] if "+" not in name and ">" not in name}


def languages(lessons: Sequence[Lesson]) -> Weights:
    """The language of a message from its words and pieces of words."""
    rows = [lexical(tokens(normalise(lesson.text))) for lesson in lessons]
    return fit(rows, [lesson.lang for lesson in lessons], LANGUAGE_STRENGTH, LANGUAGE_GAINS)


def features(text: str, lang: str, lexicons: Mapping[str, Lexicon]) -> Rows:
    """The features of a text whose language is known."""
    parts = tokens(normalise(text))
    own = [lexicons[one] for one in dict.fromkeys((lang, "en")) if one in lexicons]
    return (*lexical(parts), conceptual(concepts(parts, own) + marks(text)))


def fit(rows: Sequence[Rows], labels: Sequence[str], strength: float, gains: Sequence[float]) -> Weights:
    """A linear model of `labels` over `rows`; the same rows give the same weights."""
    from sklearn.linear_model import LogisticRegression

    vocabulary = [_vocabulary((row[family] for row in rows), SEEN[family]) for family in range(len(gains))]
    model = LogisticRegression(C=strength, max_iter=150, tol=1e-3)
    model.fit(_matrix(rows, vocabulary, gains), labels)
    return _packed(model, vocabulary, gains)


def _vocabulary(rows: Iterable[Iterable[str]], least: int) -> list[str]:
    counts = Counter(feature for row in rows for feature in set(row))
    return sorted(feature for feature, count in counts.items() if count >= least)


def _matrix(rows: Sequence[Rows], vocabulary: Sequence[list[str]], gains: Sequence[float]) -> Any:
    from scipy.sparse import csr_matrix

    index: list[dict[str, int]] = []
    width = 0
    for names in vocabulary:
        index.append({feature: width + number for number, feature in enumerate(names)})
        width += len(names)
    columns: list[int] = []
    values: list[float] = []
    ends = [0]
    for row in rows:
        for known, gain, family in zip(index, gains, row, strict=False):
            found = [known[feature] for feature in family if feature in known]
            columns += found
            values += [gain / max(1, len(family)) ** 0.5] * len(found)
        ends.append(len(columns))
    return csr_matrix((np.array(values, dtype=np.float32), columns, ends), shape=(len(rows), width))


def _packed(model: Any, vocabulary: Sequence[list[str]], gains: Sequence[float]) -> Weights:
    """Weights as small integers; a feature whose weights all come to nothing is left out."""
    full = model.coef_.T.astype(np.float32)
    full -= full.mean(axis=1, keepdims=True)
    scale = float(np.abs(full).max() / 127)
    small = np.round(full / scale).astype(np.int8)
    rows: list[Vocabulary] = []
    keep: list[int] = []
    start = 0
    for names in vocabulary:
        told = [start + number for number in range(len(names)) if small[start + number].any()]
        rows.append(Vocabulary([names[number - start] for number in told], len(keep)))
        keep += told
        start += len(names)
    bias = model.intercept_.astype(np.float32)
    return Weights(tuple(map(str, model.classes_)), tuple(rows), small[keep], scale, bias - bias.mean(), tuple(gains))
