"""Define what a sentence encoder is. At start, check that it gives the vectors that the models learned from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

PROBE_TEXTS: Final = (
    "my daughter has a fever and will not come today",
    "mi hija no va a ir hoy porque tiene calentura",
    "meu filho perdeu o ônibus da escola",
    "pitit mwen an pa ka vini lekòl jodi a",
    "y a-t-il école demain",
    "أريد أن أتكلم مع المعلمة",
    "чи є завтра уроки",
    "明天学校几点放学",
    "con tôi bị ốm hôm nay",
    "내일 학교에 못 가요",
)
"""Ten texts whose vectors `make teach` stores with the models."""
MIN_PROBE_SIMILARITY: Final = 0.98
"""The lowest cosine between a stored vector and today's. Other processors round a little differently."""


class EncoderError(Exception):
    """The encoder can't give vectors. The message says why and what to do. It never contains a family's text."""


class Encoder(Protocol):
    """Turn texts into vectors of one length. Texts with like meanings have like vectors, across languages."""

    @property
    def fingerprint(self) -> str:
        """Identify the encoder. The trained models belong to one fingerprint."""
        ...

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return one row for each text, each of length one.

        Raises:
            EncoderError: there is no answer, or it isn't valid.
        """
        ...


def find_encoder_problem(encoder: Encoder, fingerprint: str, probe_vectors: FloatArray) -> str | None:
    """Compare the encoder with the one that the models learned from. Return the problem in one sentence, or None."""
    if encoder.fingerprint != fingerprint:
        return "the models belong to another encoder: run 'make teach'"
    try:
        vectors = encoder.encode(PROBE_TEXTS)
    except EncoderError as error:
        return str(error)
    if vectors.shape != probe_vectors.shape:
        return f"the encoder gives {vectors.shape[1]} numbers for a text, not {probe_vectors.shape[1]}"
    similarity = float((vectors * probe_vectors).sum(axis=1).min())
    if not similarity >= MIN_PROBE_SIMILARITY:
        return f"the encoder gives other vectors for known texts (lowest cosine {similarity:.3f})"
    return None


def normalize_rows(vectors: FloatArray) -> FloatArray:
    """Return the vectors with length one. A vector of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    normalized: FloatArray = (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)
    return normalized
