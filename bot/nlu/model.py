"""What the phrases taught: `flows/taught.npz`, written by `make teach`, read once at start.

The phrases themselves (two megabytes of YAML) are read only for teaching and checking; the program needs
this file alone, which holds the weights, the words of the concepts, and the topic of each phrase as it stands.
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
"""The folders of `flows/` whose files teach."""


@dataclass(frozen=True, slots=True)
class NluModel:
    """Models of topics and languages, the lexicons, and the phrases themselves."""

    topic_weights: Weights
    net: Net
    language_weights: Weights
    lexicons: Mapping[str, Lexicon]
    intent_by_phrase: Mapping[str, str]
    """The topic of each phrase (normalised)."""
    fingerprint: str
    """Of the files that taught it: `bot check` tells when they have changed since."""

    def compute_topic_probabilities(
        self, message_features: MessageFeatures, concepts: Iterable[str]
    ) -> dict[str, float]:
        """How likely each topic is: midway between what the linear model and the net say (their geometric mean)."""
        scores = log_softmax(self.topic_weights.compute_scores(message_features)) + log_softmax(
            self.net.compute_scores(concepts)
        )
        return dict(zip(self.topic_weights.classes, softmax(scores * np.float32(0.5)).tolist(), strict=True))


def compute_fingerprint(flows: Path) -> str:
    """One value for the contents of all files that teach."""
    digest = hashlib.sha256()
    for folder in TRAINING_FOLDERS:
        for path in sorted((flows / folder).glob("*.yaml")):
            digest.update(f"{folder}/{path.name}\n".encode() + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def save_model(path: Path, nlu_model: NluModel, entries: Mapping[str, Mapping[str, Iterable[str]]]) -> None:
    """Write what was taught, with the lexicons' `entries`; the file is replaced whole or not at all."""
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
    """What was taught; OSError or ValueError if the file is missing or damaged."""
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
