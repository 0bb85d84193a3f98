"""Read the example messages of independent authors: `flows/examples/<part>/<author>.<lang>.tsv`.

The parts are `train`, `tune` (weights and thresholds), and `test` (only for scores). An author belongs to one part. A
line is a label, a tab, and a message. Labels are a topic, `near/<emergency>/<topic>`, `everyday/school`,
`everyday/other`, or `attack/<kind>`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bot.nlu.intents import EMERGENCY_INTENTS, SEVERITY_BY_INTENT
from bot.nlu_training.labels import LabeledPhrase, choose_page_class

EXAMPLES_FOLDER: Final = "examples"
PARTS: Final = ("train", "tune", "test")
ATTACK_KINDS: Final = (
    "staff",
    "police",
    "fishing",
    "named_person",
    "export",
    "injection",
    "broadcast",
    "report_family",
    "insult",
    "threat",
)


def read_examples(folder: Path, part: str) -> tuple[LabeledPhrase, ...]:
    """Read all files of a part. Raises ValueError that names the file, the line, and the problem."""
    examples: list[LabeledPhrase] = []
    for path in sorted((folder / part).glob("*.tsv")):
        lang = path.stem.rpartition(".")[2]
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            label, tab, text = line.partition("\t")
            if not tab or not text.strip():
                raise ValueError(f"{path}:{number}: write a label, a tab, and a message")
            try:
                examples.append(parse_example(label, text.strip(), lang))
            except ValueError as error:
                raise ValueError(f"{path}:{number}: {error}") from None
    return tuple(examples)


def parse_example(label: str, text: str, lang: str) -> LabeledPhrase:
    """Return the example for a label. Raises ValueError for an unknown label."""
    kind, *rest = label.split("/")
    if kind == "near" and len(rest) == 2 and rest[0] in EMERGENCY_INTENTS and rest[1] in SEVERITY_BY_INTENT:
        return LabeledPhrase(text, lang, rest[1], "near_miss", label)
    if label in ("everyday/school", "everyday/other"):
        return LabeledPhrase(text, lang, "out_of_scope" if rest == ["other"] else None, "everyday", label)
    if kind == "attack" and len(rest) == 1 and rest[0] in ATTACK_KINDS:
        return LabeledPhrase(text, lang, "restricted_request", "attack", label)
    if label in SEVERITY_BY_INTENT:
        return LabeledPhrase(text, lang, label, choose_page_class(label, is_near_miss=False), label)
    raise ValueError(f"unknown label {label!r}: docs/understanding.md lists the labels")
