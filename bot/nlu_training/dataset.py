"""What teaches: the phrase files and the concept files, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from bot.base.text_normalization import normalise
from bot.nlu.intents import EMERGENCIES, SEVERITY
from bot.nlu.model import FILE, Taught, fingerprint

GLOSSARY = "concepts.yaml"
"""The list of the concepts, with what each means; the other files of its folder are languages."""


class PhraseFile(BaseModel):
    """One language's sentences by topic, as a liaison writes them; unknown topics are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topics: dict[str, list[str]]
    near_misses: dict[str, list[str]] = Field(default_factory=dict)
    """What sounds like an emergency and is none, under the topic that it is."""

    @field_validator("topics", "near_misses")
    @classmethod
    def _known(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        unknown = sorted(set(value) - set(SEVERITY))
        if unknown:
            raise ValueError(f"unknown: {', '.join(unknown)}; known are {', '.join(SEVERITY)}")
        return value

    @field_validator("near_misses")
    @classmethod
    def _no_emergency(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        if wrong := set(value) & set(EMERGENCIES):
            raise ValueError(f"{wrong.pop()} is an emergency, not a near miss")
        return value


@dataclass(frozen=True, slots=True)
class Lesson:
    """One phrase, its language, the topic that it teaches."""

    text: str
    lang: str
    intent: str


@dataclass(frozen=True, slots=True)
class Lessons:
    """All that teaches, in the order of the files."""

    phrases: tuple[Lesson, ...]
    concepts: Mapping[str, Mapping[str, list[str]]]
    """By language and concept, the entries as written."""

    def exact(self) -> dict[str, str]:
        """The topic of each phrase (normalised), but for those that mean another thing in another language.

        ValueError names a phrase that stands under two topics of one language.
        """
        found: dict[str, dict[str, str]] = {}
        for lesson in self.phrases:
            meant = found.setdefault(normalise(lesson.text), {})
            if meant.setdefault(lesson.lang, lesson.intent) != lesson.intent:
                raise ValueError(f"{lesson.text!r} stands under {meant[lesson.lang]} and {lesson.intent}: keep one")
        return {phrase: next(iter(meant.values())) for phrase, meant in found.items() if phrase and _one(meant)}


def _one(meant: Mapping[str, str]) -> bool:
    return len(set(meant.values())) == 1


def read_lessons(flows: Path) -> Lessons:
    """The files of `flows/phrases` and `flows/concepts`; ValueError names the file and what is wrong in it."""
    phrases: list[Lesson] = []
    for path in sorted((flows / "phrases").glob("*.yaml")):
        file = checked(path, PhraseFile)
        for group in (file.near_misses, file.topics):
            phrases += [Lesson(text, path.stem, intent) for intent, texts in group.items() for text in texts]
    glossary = checked(flows / "concepts" / GLOSSARY, dict[str, str])
    files = [path for path in sorted((flows / "concepts").glob("*.yaml")) if path.name != GLOSSARY]
    concepts = {path.stem: _entries(path, checked(path, dict[str, str]), glossary) for path in files}
    return Lessons(tuple(phrases), concepts)


def checked(path: Path, kind: Any) -> Any:
    """A YAML file as `kind`; ValueError names the file and what is wrong in it."""
    try:
        return TypeAdapter(kind).validate_python(yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader))
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {error}") from None


def _entries(path: Path, words: Mapping[str, str], glossary: Mapping[str, str]) -> dict[str, list[str]]:
    if unknown := sorted(set(words) - set(glossary)):
        raise ValueError(f"{path}: no concept is called {unknown[0]}: see {GLOSSARY}")
    return {name: [entry.strip() for entry in line.split(",") if entry.strip()] for name, line in words.items()}


def untaught(flows: Path, taught: Taught) -> list[str]:
    """What is wrong with the files that teach, or that they have changed since they taught; empty if all is well."""
    try:
        read_lessons(flows).exact()
    except ValueError as error:
        return [str(error)]
    if taught.fingerprint == fingerprint(flows):
        return []
    return [f"flows/{FILE}:1:1: phrases or concepts have changed since it was taught: run 'make teach'"]
