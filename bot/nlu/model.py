"""Load and save the trained model, `flows/taught.npz`. `make teach` writes it, and every process reads it at start.

Only training and checks read the phrases, two megabytes of YAML. The program needs only this file, which holds the
weights, the words of the concepts, and the topic of each phrase.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np

from bot.nlu.concepts import Lexicon
from bot.nlu.encoder import Encoder, EncoderError, FloatArray, find_encoder_problem
from bot.nlu.ensemble import Ensemble, pack_ensemble, unpack_ensemble
from bot.nlu.linear_model import Weights, pack_weights, unpack_weights

MODEL_FILENAME: Final = "taught.npz"
TRAINING_FOLDERS: Final = ("phrases", "concepts", "examples/train", "examples/tune")
"""The folders of `flows/` with the training data."""


@dataclass(frozen=True, slots=True)
class PageThresholds:
    """Hold the probabilities of an emergency that decide on paging. `make teach` computes them on tuning examples."""

    now: float
    """From here, Puente pages staff at once."""
    possible: float
    """From here, a matching pattern pages staff at once."""
    ask: float
    """From here, Puente asks the family one question. Without an answer, it pages staff."""


@dataclass(frozen=True, slots=True)
class NluModel:
    """Hold the models of topics, paging, and languages, the lexicons, and the topics of the phrases."""

    topics: Ensemble
    pages: Ensemble
    """Tells emergencies from near misses, everyday sentences, attacks, and all other messages."""
    language_weights: Weights
    lexicons: Mapping[str, Lexicon]
    intent_by_phrase: Mapping[str, str]
    """The topic of each phrase (normalized)."""
    thresholds: PageThresholds
    plain_thresholds: PageThresholds
    """The thresholds for a message without a vector."""
    fingerprint: str
    """The fingerprint of the training files. `bot check` compares it to find later changes."""
    encoder_fingerprint: str
    probe_vectors: FloatArray
    """The vectors of `PROBE_TEXTS`, to check the encoder at start."""
    encoder: Encoder | None = None
    encoder_problem: str = ""
    """Why there is no encoder, for `bot check`, `bot doctor`, and the alarms. Empty if there is one."""

    def connect_encoder(self, encoder: Encoder) -> NluModel:
        """Return a model with this encoder, or with the problem that rules the encoder out."""
        problem = find_encoder_problem(encoder, self.encoder_fingerprint, self.probe_vectors)
        return replace(self, encoder=None if problem else encoder, encoder_problem=problem or "")

    def without_encoder(self, problem: str) -> NluModel:
        """Return a model without an encoder, and with the reason."""
        return replace(self, encoder=None, encoder_problem=problem)

    def encode(self, texts: Sequence[str]) -> Sequence[FloatArray | None]:
        """Return a vector for each text, or None for each if there is no encoder or it fails.

        A family must get an answer also when a server of the district is away. The alarms report that.
        """
        if self.encoder is not None:
            try:
                return list(self.encoder.encode(texts))
            except EncoderError:
                pass
        return [None] * len(texts)


def compute_fingerprint(flows: Path) -> str:
    """Return one hash of all training files."""
    digest = hashlib.sha256()
    for folder in TRAINING_FOLDERS:
        for path in sorted((flows / folder).glob("*.*")):
            digest.update(f"{folder}/{path.name}\n".encode() + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def save_model(path: Path, nlu_model: NluModel, entries: Mapping[str, Mapping[str, Iterable[str]]]) -> None:
    """Write the model with the `entries` of the lexicons. The new file replaces the old file in one step."""
    lines = [
        f"{lang}\t{name}\t{entry}"
        for lang, concepts in entries.items()
        for name, all_entries in concepts.items()
        for entry in all_entries
    ]
    content = BytesIO()
    np.savez_compressed(
        content,
        **pack_ensemble("topics", nlu_model.topics),
        **pack_ensemble("pages", nlu_model.pages),
        **pack_weights("languages", nlu_model.language_weights),
        lexicon=np.array("\n".join(lines)),
        exact=np.array("\n".join(f"{phrase}\t{intent}" for phrase, intent in nlu_model.intent_by_phrase.items())),
        thresholds=np.array([astuple(nlu_model.thresholds), astuple(nlu_model.plain_thresholds)]),
        fingerprint=np.array(nlu_model.fingerprint),
        encoder_fingerprint=np.array(nlu_model.encoder_fingerprint),
        probe_vectors=nlu_model.probe_vectors.astype(np.float16),
    )
    temporary_path = path.with_suffix(".new")
    temporary_path.write_bytes(content.getvalue())
    temporary_path.replace(path)


def load_model(path: Path) -> NluModel:
    """Read the model. Raises OSError or ValueError if the file is missing or damaged."""
    with np.load(path, allow_pickle=False) as data:
        intent_by_phrase = dict(line.split("\t") for line in str(data["exact"]).splitlines())
        lexicons = _parse_lexicons(str(data["lexicon"]))
        return NluModel(
            topics=unpack_ensemble("topics", data),
            pages=unpack_ensemble("pages", data),
            language_weights=unpack_weights("languages", data),
            lexicons=lexicons,
            intent_by_phrase=intent_by_phrase,
            thresholds=PageThresholds(*data["thresholds"][0].tolist()),
            plain_thresholds=PageThresholds(*data["thresholds"][1].tolist()),
            fingerprint=str(data["fingerprint"]),
            encoder_fingerprint=str(data["encoder_fingerprint"]),
            probe_vectors=data["probe_vectors"].astype(np.float32),
        )


def _parse_lexicons(text: str) -> dict[str, Lexicon]:
    entries: dict[str, dict[str, list[str]]] = {}
    for line in text.splitlines():
        lang, name, entry = line.split("\t")
        entries.setdefault(lang, {}).setdefault(name, []).append(entry)
    return {lang: Lexicon.build(lang, concepts) for lang, concepts in entries.items()}
