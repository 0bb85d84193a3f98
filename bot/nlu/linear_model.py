"""Score the classes of a message with a small linear model and a small net, in plain numpy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
MessageFeatures = Sequence[Sequence[str]]
"""The features of one message, with a list for each family (bot.nlu.features)."""


SENTINEL_HASH = np.iinfo(np.int64).max
"""The hash at the end of the table. A feature has this hash as rarely as any other hash."""


class Vocabulary:
    """Map features to rows of a table.

    The map uses the 64-bit hashes of this process, because a dictionary of 50,000 words takes ten times the memory. Two
    features with the same hash are less likely than a disk failure.
    """

    def __init__(self, names: Sequence[str], first_row: int = 0) -> None:
        hashes = _hash_names(names)
        order = hashes.argsort()
        # `searchsorted` can return the index after the last hash, so a sentinel follows it.
        self._hashes = np.append(hashes[order], SENTINEL_HASH)
        self._rows = np.append(order + first_row, -1).astype(np.int32)
        self._encoded_names = "\n".join(names).encode()

    def __contains__(self, feature: str) -> bool:
        return bool(self.find_rows([feature]).size)

    @property
    def names(self) -> str:
        """Return all features in the order of their rows, one on each line."""
        return self._encoded_names.decode()

    def find_rows(self, features: Sequence[str]) -> npt.NDArray[np.int32]:
        """Return the rows of the known features. A repeated feature counts again."""
        wanted_hashes = _hash_names(features)
        positions = self._hashes.searchsorted(wanted_hashes)
        rows: npt.NDArray[np.int32] = self._rows[positions[self._hashes[positions] == wanted_hashes]]
        return rows


def _hash_names(names: Sequence[str]) -> npt.NDArray[np.int64]:
    return np.fromiter(map(hash, names), np.int64, len(names))


@dataclass(frozen=True, slots=True)
class Weights:
    """Hold a row of small integers for each feature, with a column for each class. `bot.nlu_training` creates it."""

    classes: tuple[str, ...]
    vocabularies: tuple[Vocabulary, ...]
    """For each family of features, the map from features to rows of `table`."""
    table: npt.NDArray[np.int8]
    scale: float
    bias: FloatArray
    gains: tuple[float, ...]
    """The weight of each family of features."""

    def compute_scores(self, features: MessageFeatures) -> FloatArray:
        """Return a logit for each class."""
        total = self.bias.copy()
        for vocabulary, gain, family in zip(self.vocabularies, self.gains, features, strict=False):
            rows = vocabulary.find_rows(family)
            if rows.size:
                row_sum = self.table[rows].sum(axis=0, dtype=np.int32)
                total += row_sum * np.float32(self.scale * gain / len(family) ** 0.5)
        return total

    def list_reasons(self, features: MessageFeatures, label: str, max_count: int = 8) -> list[tuple[str, float]]:
        """List the features with the highest weight for `label`, relative to the mean of all classes."""
        column = self.classes.index(label)
        weight_by_feature: dict[str, float] = {}
        for vocabulary, gain, family in zip(self.vocabularies, self.gains, features, strict=False):
            for feature in family:
                for row in vocabulary.find_rows([feature]):
                    weight = float(self.table[row, column]) - float(self.table[row].mean())
                    share = weight * self.scale * gain / len(family) ** 0.5
                    weight_by_feature[feature] = weight_by_feature.get(feature, 0.0) + share
        return sorted(weight_by_feature.items(), key=lambda pair: -pair[1])[:max_count]


@dataclass(frozen=True, slots=True)
class Net:
    """Hold a small net with one hidden layer over concepts, and over a sentence vector if it learned from vectors."""

    inputs: Mapping[str, int]
    hidden: FloatArray
    hidden_bias: FloatArray
    out: FloatArray
    out_bias: FloatArray
    vector_hidden: FloatArray
    """The weights of the vector's numbers, with shape (numbers, hidden). A net over concepts alone has no rows."""

    def compute_scores(self, concepts: Iterable[str], vector: FloatArray | None = None) -> FloatArray:
        """Return a logit for each class, in the order of the linear model's classes. Repeated concepts count once."""
        rows = [self.inputs[concept] for concept in set(concepts) if concept in self.inputs]
        total = self.hidden_bias.copy()
        if rows:
            total += self.hidden[rows].sum(axis=0) * np.float32(len(rows) ** -0.5)
        if vector is not None:
            total += vector @ self.vector_hidden
        logits: FloatArray = np.maximum(total, 0) @ self.out + self.out_bias
        return logits


def softmax(scores: FloatArray) -> FloatArray:
    """Return the probabilities of logits."""
    exponentials: FloatArray = np.exp(scores - scores.max())
    probabilities: FloatArray = exponentials / exponentials.sum()
    return probabilities


def log_softmax(scores: FloatArray) -> FloatArray:
    """Return the logarithms of the probabilities of logits."""
    shifted_scores: FloatArray = scores - scores.max()
    log_probabilities: FloatArray = shifted_scores - np.log(np.exp(shifted_scores).sum())
    return log_probabilities


def pack_weights(name: str, weights: Weights) -> dict[str, Any]:
    """Return the arrays of one model, with `name` as prefix, for `unpack_weights`."""
    return {
        f"{name}_classes": np.array(weights.classes),
        f"{name}_features": np.array([vocabulary.names for vocabulary in weights.vocabularies]),
        f"{name}_table": weights.table,
        f"{name}_scale": np.float32(weights.scale),
        f"{name}_bias": weights.bias,
        f"{name}_gains": np.array(weights.gains, dtype=np.float32),
    }


def unpack_weights(name: str, data: Any) -> Weights:
    """Read one model from a file of several."""
    vocabularies: list[Vocabulary] = []
    first_row = 0
    for text in data[f"{name}_features"]:
        features = str(text).split("\n") if str(text) else []
        vocabularies.append(Vocabulary(features, first_row))
        first_row += len(features)
    return Weights(
        tuple(map(str, data[f"{name}_classes"])),
        tuple(vocabularies),
        data[f"{name}_table"],
        float(data[f"{name}_scale"]),
        data[f"{name}_bias"],
        tuple(map(float, data[f"{name}_gains"])),
    )


def pack_net(name: str, net: Net) -> dict[str, Any]:
    """Return the arrays of the net, for `unpack_net`."""
    input_names = sorted(net.inputs, key=net.inputs.__getitem__)
    return {
        f"{name}_inputs": np.array("\n".join(input_names)),
        f"{name}_hidden": net.hidden.astype(np.float16),
        f"{name}_hidden_bias": net.hidden_bias,
        f"{name}_out": net.out,
        f"{name}_out_bias": net.out_bias,
        f"{name}_vector_hidden": net.vector_hidden.astype(np.float16),
    }


def unpack_net(name: str, data: Any) -> Net:
    """Read the net from a file."""
    inputs = {input_name: row for row, input_name in enumerate(str(data[f"{name}_inputs"]).split("\n"))}
    return Net(
        inputs,
        data[f"{name}_hidden"].astype(np.float32),
        data[f"{name}_hidden_bias"],
        data[f"{name}_out"],
        data[f"{name}_out_bias"],
        data[f"{name}_vector_hidden"].astype(np.float32),
    )
