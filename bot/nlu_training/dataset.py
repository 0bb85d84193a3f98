"""Read and check the training data: the phrase files and the concept files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from bot.base.text_normalization import normalize_text
from bot.nlu.intents import EMERGENCY_INTENTS, SEVERITY_BY_INTENT
from bot.nlu.model import MODEL_FILENAME, NluModel, compute_fingerprint
from bot.nlu_training.examples import EXAMPLES_FOLDER, read_examples
from bot.nlu_training.labels import LabeledPhrase, choose_page_class

CONCEPT_LIST_FILENAME = "concepts.yaml"
"""The list of the concepts with their meanings. The other files of its folder are languages."""


class PhraseFile(BaseModel):
    """One language's sentences by topic, as a liaison writes them. Unknown topics are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topics: dict[str, list[str]]
    near_misses: dict[str, list[str]] = Field(default_factory=dict)
    """Sentences that sound like an emergency but aren't one, by their real topic."""

    @field_validator("topics", "near_misses")
    @classmethod
    def _check_topics(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        unknown_topics = sorted(set(value) - set(SEVERITY_BY_INTENT))
        if unknown_topics:
            raise ValueError(f"unknown: {', '.join(unknown_topics)}; use one of {', '.join(SEVERITY_BY_INTENT)}")
        return value

    @field_validator("near_misses")
    @classmethod
    def _check_near_misses(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        if emergency_topics := set(value) & set(EMERGENCY_INTENTS):
            raise ValueError(f"{emergency_topics.pop()} is an emergency, not a near miss")
        return value


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Hold all training data, in the order of the files."""

    phrases: tuple[LabeledPhrase, ...]
    """The phrases of `flows/phrases`."""
    examples: tuple[LabeledPhrase, ...]
    """The training part of `flows/examples`."""
    tuning_examples: tuple[LabeledPhrase, ...]
    """The part that chooses weights and thresholds."""
    concepts: Mapping[str, Mapping[str, list[str]]]
    """The entries as written, by language and concept."""

    def map_phrases_to_intents(self) -> dict[str, str]:
        """Return the topic of each phrase (normalized), except for phrases with another topic in another language.

        Raises ValueError that names a phrase with two topics in one language.
        """
        intents_by_phrase: dict[str, dict[str, str]] = {}
        for labeled_phrase in self.phrases:
            intent_by_language = intents_by_phrase.setdefault(normalize_text(labeled_phrase.text), {})
            assert labeled_phrase.intent is not None, "a phrase file names a topic for each phrase"
            if intent_by_language.setdefault(labeled_phrase.lang, labeled_phrase.intent) != labeled_phrase.intent:
                intents = f"{intent_by_language[labeled_phrase.lang]} and {labeled_phrase.intent}"
                raise ValueError(f"{labeled_phrase.text!r} is listed under {intents}: remove one")
        return {
            phrase: next(iter(intent_by_language.values()))
            for phrase, intent_by_language in intents_by_phrase.items()
            if phrase and len(set(intent_by_language.values())) == 1
        }


def read_training_data(flows: Path) -> TrainingData:
    """Read `flows/phrases` and `flows/concepts`. Raises ValueError that names the file and the problem."""
    phrases: list[LabeledPhrase] = []
    for path in sorted((flows / "phrases").glob("*.yaml")):
        file = load_yaml_file(path, PhraseFile)
        for group in (file.near_misses, file.topics):
            is_near_miss = group is file.near_misses
            phrases += [
                LabeledPhrase(text, path.stem, intent, choose_page_class(intent, is_near_miss), intent)
                for intent, texts in group.items()
                for text in texts
            ]
    concept_meanings = load_yaml_file(flows / "concepts" / CONCEPT_LIST_FILENAME, dict[str, str])
    files = [path for path in sorted((flows / "concepts").glob("*.yaml")) if path.name != CONCEPT_LIST_FILENAME]
    concepts = {
        path.stem: _parse_entries(path, load_yaml_file(path, dict[str, str]), concept_meanings) for path in files
    }
    examples, tuning_examples = (read_examples(flows / EXAMPLES_FOLDER, part) for part in ("train", "tune"))
    return TrainingData(tuple(phrases), examples, tuning_examples, concepts)


def load_yaml_file(path: Path, schema: Any) -> Any:
    """Read a YAML file and validate it against `schema`. Raises ValueError that names the file and the problem."""
    try:
        return TypeAdapter(schema).validate_python(yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader))
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {error}") from None


def _parse_entries(path: Path, words: Mapping[str, str], concept_meanings: Mapping[str, str]) -> dict[str, list[str]]:
    if unknown_concepts := sorted(set(words) - set(concept_meanings)):
        raise ValueError(f"{path}: there is no concept {unknown_concepts[0]}: see {CONCEPT_LIST_FILENAME}")
    return {name: [entry.strip() for entry in line.split(",") if entry.strip()] for name, line in words.items()}


def find_training_problems(flows: Path, nlu_model: NluModel) -> list[str]:
    """List the problems of the training files, including changes after the training.

    The list is empty without problems.
    """
    try:
        read_training_data(flows).map_phrases_to_intents()
    except ValueError as error:
        return [str(error)]
    if nlu_model.fingerprint == compute_fingerprint(flows):
        return []
    return [f"flows/{MODEL_FILENAME}:1:1: phrases or concepts changed after the training: run 'make teach'"]
