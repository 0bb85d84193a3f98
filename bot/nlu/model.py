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
from bot.nlu.linear_model import Net, Rows, Weights, log_softmax, packed, packed_net, softmax, unpacked, unpacked_net

FILE: Final = "taught.npz"
TAUGHT_BY: Final = ("phrases", "concepts")
"""The folders of `flows/` whose files teach."""


@dataclass(frozen=True, slots=True)
class Taught:
    """Models of topics and languages, the lexicons, and the phrases themselves."""

    topics: Weights
    net: Net
    languages: Weights
    lexicons: Mapping[str, Lexicon]
    exact: Mapping[str, str]
    """The topic of each phrase (normalised)."""
    fingerprint: str
    """Of the files that taught it: `bot check` tells when they have changed since."""

    def likely(self, rows: Rows, concepts: Iterable[str]) -> dict[str, float]:
        """How likely each topic is: midway between what the linear model and the net say (their geometric mean)."""
        scores = log_softmax(self.topics.scores(rows)) + log_softmax(self.net.scores(concepts))
        return dict(zip(self.topics.classes, softmax(scores * np.float32(0.5)).tolist(), strict=True))


def fingerprint(flows: Path) -> str:
    """One value for the contents of all files that teach."""
    digest = hashlib.sha256()
    for folder in TAUGHT_BY:
        for path in sorted((flows / folder).glob("*.yaml")):
            digest.update(f"{folder}/{path.name}\n".encode() + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def write(path: Path, taught: Taught, entries: Mapping[str, Mapping[str, Iterable[str]]]) -> None:
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
        **packed("topics", taught.topics),
        **packed_net(taught.net),
        **packed("languages", taught.languages),
        lexicon=np.array("\n".join(lines)),
        exact=np.array("\n".join(f"{phrase}\t{intent}" for phrase, intent in taught.exact.items())),
        fingerprint=np.array(taught.fingerprint),
    )
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content.getvalue())
    fresh.replace(path)


def read(path: Path) -> Taught:
    """What was taught; OSError or ValueError if the file is missing or damaged."""
    with np.load(path, allow_pickle=False) as data:
        exact = dict(line.split("\t") for line in str(data["exact"]).splitlines())
        lexicons = _lexicons(str(data["lexicon"]))
        return Taught(
            topics=unpacked("topics", data),
            net=unpacked_net(data),
            languages=unpacked("languages", data),
            lexicons=lexicons,
            exact=exact,
            fingerprint=str(data["fingerprint"]),
        )


def _lexicons(text: str) -> dict[str, Lexicon]:
    entries: dict[str, dict[str, list[str]]] = {}
    for line in text.splitlines():
        lang, name, entry = line.split("\t")
        entries.setdefault(lang, {}).setdefault(name, []).append(entry)
    return {lang: Lexicon.build(lang, concepts) for lang, concepts in entries.items()}
