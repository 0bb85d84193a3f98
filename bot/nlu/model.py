"""Load and save the trained model, `flows/taught.npz`. `make teach` writes it, and every process reads it at start.

Only training and checks read the phrases, two megabytes of YAML. The program needs only this file, which holds the
weights, the words of the concepts, and the topic of each phrase.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np

from bot.nlu.concepts import Lexicon
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

MODEL_FILENAME: Final = "taught.npz"
TRAINING_FOLDERS: Final = ("phrases", "concepts")
"""The folders of `flows/` with the training data."""


@dataclass(frozen=True, slots=True)
class NluModel:
    """Hold the models of topics and languages, the lexicons, and the topics of the phrases."""

    topic_weights: Weights
    net: Net
    language_weights: Weights
    lexicons: Mapping[str, Lexicon]
    intent_by_phrase: Mapping[str, str]
    """The topic of each phrase (normalized)."""
    fingerprint: str
    """The fingerprint of the training files. `bot check` compares it to find later changes."""

    def compute_topic_probabilities(
        self, message_features: MessageFeatures, concepts: Iterable[str]
    ) -> dict[str, float]:
        """Return the probability of each topic: the geometric mean of the linear model and the net."""
        linear_scores = log_softmax(self.topic_weights.compute_scores(message_features))
        net_scores = log_softmax(self.net.compute_scores(concepts))
        probabilities = softmax((linear_scores + net_scores) * np.float32(0.5))
        return dict(zip(self.topic_weights.classes, probabilities.tolist(), strict=True))


def compute_fingerprint(flows: Path) -> str:
    """Return one hash of all training files."""
    digest = hashlib.sha256()
    for folder in TRAINING_FOLDERS:
        for path in sorted((flows / folder).glob("*.yaml")):
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
        **pack_weights("topics", nlu_model.topic_weights),
        **pack_net(nlu_model.net),
        **pack_weights("languages", nlu_model.language_weights),
        lexicon=np.array("\n".join(lines)),
        exact=np.array("\n".join(f"{phrase}\t{intent}" for phrase, intent in nlu_model.intent_by_phrase.items())),
        fingerprint=np.array(nlu_model.fingerprint),
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
            topic_weights=unpack_weights("topics", data),
            net=unpack_net(data),
            language_weights=unpack_weights("languages", data),
            lexicons=lexicons,
            intent_by_phrase=intent_by_phrase,
            fingerprint=str(data["fingerprint"]),
        )


def _parse_lexicons(text: str) -> dict[str, Lexicon]:
    entries: dict[str, dict[str, list[str]]] = {}
    for line in text.splitlines():
        lang, name, entry = line.split("\t")
        entries.setdefault(lang, {}).setdefault(name, []).append(entry)
    return {lang: Lexicon.build(lang, concepts) for lang, concepts in entries.items()}
