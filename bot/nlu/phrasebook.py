"""Compile the signal files (`flows/signals/<lang>.yaml`) once at start, and hold them with the trained model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bot.base.text_normalization import normalize_keeping_accents, normalize_text
from bot.nlu.emergency_patterns import EmergencyMatcher, EmergencyPattern, build_needle, parse_patterns
from bot.nlu.intents import EMERGENCY_INTENTS
from bot.nlu.model import NluModel

CommandWord = Literal["stop", "start", "help", "person", "menu", "language", "join", "check", "erase", "privacy"]


class SignalFile(BaseModel):
    """One language's emergency patterns and command words. Unknown keys and topics are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    emergencies: dict[str, list[str]] = Field(default_factory=dict)
    commands: dict[CommandWord, list[str]] = Field(default_factory=dict)
    names: list[str] = Field(default_factory=list)
    lists: dict[str, str] = Field(default_factory=dict)
    """Alternatives that several patterns share. Patterns refer to them as <name>."""
    whole_words: bool = False
    """Alternatives match whole words only, for a language whose words have no endings (Vietnamese)."""
    ignore: list[str] = Field(default_factory=list)
    """Expressions that only sound like an emergency. The matcher reads messages as if they were not there."""
    polite: list[str] = Field(default_factory=list)
    """Polite words around a command: please, thank you."""
    reactions: list[str] = Field(default_factory=list)
    """Words before or after a quote when a phone turns a tap into a text: Liked “…”."""
    auto_replies: list[str] = Field(default_factory=list)
    """Beginnings of texts that phones send by themselves."""

    @field_validator("emergencies")
    @classmethod
    def _check_emergency_names(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        return _check_known_names(value, EMERGENCY_INTENTS)


def _check_known_names(value: dict[str, list[str]], names: tuple[str, ...]) -> dict[str, list[str]]:
    unknown_names = sorted(set(value) - set(names))
    if unknown_names:
        raise ValueError(f"unknown: {', '.join(unknown_names)}; use one of {', '.join(names)}")
    return value


@dataclass(frozen=True, slots=True, eq=False)
class Phrasebook:
    """Hold the compiled signal files. `build` creates it, it never changes, and all threads share it."""

    languages: tuple[str, ...]
    matcher: EmergencyMatcher
    commands: Mapping[str, CommandWord]
    accented_commands: Mapping[str, CommandWord]
    names: Mapping[str, str]
    polite_words: tuple[str, ...]
    reactions: frozenset[str]
    auto_replies: tuple[str, ...]
    nlu_model: NluModel
    own_sentences: frozenset[str] = frozenset()
    """The sentences that Puente sends, in every language. In a message, they aren't the family's words."""

    @classmethod
    def build(cls, files: Mapping[str, SignalFile], nlu_model: NluModel) -> Phrasebook:
        """Compile the files by language. Raises ValueError with the line of the file that is invalid."""
        commands, accented_commands = _collect_commands(files)
        polite_words = {normalize_text(word) for file in files.values() for word in file.polite}
        return cls(
            languages=tuple(files),
            matcher=_build_matcher(files),
            commands=commands,
            accented_commands=accented_commands,
            names=_collect_language_names(files),
            reactions=frozenset(normalize_text(words) for file in files.values() for words in file.reactions),
            auto_replies=tuple(normalize_text(words) for file in files.values() for words in file.auto_replies),
            polite_words=tuple(sorted(polite_words, key=len, reverse=True)),
            nlu_model=nlu_model,
        )


def _build_matcher(files: Mapping[str, SignalFile]) -> EmergencyMatcher:
    patterns: list[EmergencyPattern] = []
    exclusions: list[tuple[str, str]] = []
    for lang, file in files.items():
        for intent, lines in file.emergencies.items():
            intent_patterns, excluded_needles = parse_patterns(intent, lang, lines, file.lists, file.whole_words)
            patterns += intent_patterns
            exclusions += ((intent, needle) for needle in excluded_needles)
    ignored_needles = (build_needle(saying, file.whole_words) for file in files.values() for saying in file.ignore)
    return EmergencyMatcher(patterns, exclusions, ignored_needles)


def _collect_commands(files: Mapping[str, SignalFile]) -> tuple[dict[str, CommandWord], dict[str, CommandWord]]:
    plain_commands: dict[str, CommandWord] = {}
    accented_commands: dict[str, CommandWord] = {}
    for file in files.values():
        for kind, lines in file.commands.items():
            for line in lines:
                table, key = plain_commands, normalize_text(line)
                if line.startswith("="):
                    table, key = accented_commands, normalize_keeping_accents(line)
                if table.setdefault(key, kind) != kind:
                    raise ValueError(f"the word {line!r} cannot mean both {table[key]} and {kind}")
    return plain_commands, accented_commands


def _collect_language_names(files: Mapping[str, SignalFile]) -> dict[str, str]:
    names: dict[str, str] = {}
    for lang, file in files.items():
        for name in file.names:
            if names.setdefault(normalize_text(name), lang) != lang:
                raise ValueError(f"the name {name!r} cannot mean both {names[normalize_text(name)]} and {lang}")
    return names
