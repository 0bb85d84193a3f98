"""Combine three small models of the same classes: words and letters, concepts, and sentence vectors with concepts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bot.nlu.encoder import FloatArray
from bot.nlu.linear_model import (
    MessageFeatures,
    Net,
    Weights,
    log_softmax,
    pack_net,
    pack_weights,
    softmax,
    unpack_net,
    unpack_weights,
)


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Hold the three models and how much each counts.

    The models err on different messages, so together they are better than the best of them (docs/understanding.md).
    """

    linear: Weights
    concept_net: Net
    vector_net: Net
    mix: tuple[float, float, float]
    """The weight of each model's logarithms. `make teach` chooses them on the tuning examples."""
    plain_mix: tuple[float, float]
    """The weights of the first two models for a message without a vector."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the names of the classes, in the order of all scores."""
        return self.linear.classes

    def compute_probabilities(
        self, features: MessageFeatures, concepts: Iterable[str], vector: FloatArray | None
    ) -> dict[str, float]:
        """Return the probability of each class."""
        scores = self.list_log_probabilities(features, tuple(concepts), vector)
        mix = self.plain_mix if vector is None else self.mix
        total = sum((score * np.float32(weight) for score, weight in zip(scores, mix, strict=True)), np.float32(0))
        return dict(zip(self.classes, softmax(np.asarray(total)).tolist(), strict=True))

    def list_log_probabilities(
        self, features: MessageFeatures, concepts: tuple[str, ...], vector: FloatArray | None
    ) -> list[FloatArray]:
        """Return the logarithms of each model's probabilities: three models with a vector, two without."""
        scores = [self.linear.compute_scores(features), self.concept_net.compute_scores(concepts)]
        if vector is not None:
            scores.append(self.vector_net.compute_scores(concepts, vector))
        return [log_softmax(score) for score in scores]


def pack_ensemble(name: str, ensemble: Ensemble) -> dict[str, Any]:
    """Return the arrays of an ensemble, for `unpack_ensemble`."""
    return {
        **pack_weights(name, ensemble.linear),
        **pack_net(f"{name}_concepts", ensemble.concept_net),
        **pack_net(f"{name}_vectors", ensemble.vector_net),
        f"{name}_mix": np.array(ensemble.mix),
        f"{name}_plain_mix": np.array(ensemble.plain_mix),
    }


def unpack_ensemble(name: str, data: Any) -> Ensemble:
    """Read an ensemble from a file."""
    first, second, third = data[f"{name}_mix"].tolist()
    plain_first, plain_second = data[f"{name}_plain_mix"].tolist()
    return Ensemble(
        unpack_weights(name, data),
        unpack_net(f"{name}_concepts", data),
        unpack_net(f"{name}_vectors", data),
        (first, second, third),
        (plain_first, plain_second),
    )
