"""The signal files (`flows/signals/<lang>.yaml`), compiled once at start, beside what the phrases taught."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bot.base.text_normalization import normalise, with_accents
from bot.nlu.emergency_patterns import Matcher, needle, parse
from bot.nlu.intents import EMERGENCIES
from bot.nlu.model import Taught

CommandWord = Literal["stop", "start", "help", "person", "menu", "language", "join", "check", "erase", "privacy"]


class SignalFile(BaseModel):
    """One language's emergency patterns and command words; unknown keys and topics are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    emergencies: dict[str, list[str]] = Field(default_factory=dict)
    commands: dict[CommandWord, list[str]] = Field(default_factory=dict)
    names: list[str] = Field(default_factory=list)
    lists: dict[str, str] = Field(default_factory=dict)
    """Alternatives that several patterns share, used there as <name>."""
    whole_words: bool = False
    """Alternatives match whole words only: for a language whose words have no endings (Vietnamese)."""
    ignore: list[str] = Field(default_factory=list)
    """Sayings and things that only sound like an emergency; messages are read as if they were not there."""
    polite: list[str] = Field(default_factory=list)
    """Words that may stand around a command: please, thank you."""

    @field_validator("emergencies")
    @classmethod
    def _known_emergencies(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        return _known(value, EMERGENCIES)


def _known(value: dict[str, list[str]], names: tuple[str, ...]) -> dict[str, list[str]]:
    unknown = sorted(set(value) - set(names))
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}; known are {', '.join(names)}")
    return value


@dataclass(frozen=True, slots=True, eq=False)
class Phrasebook:
    """Everything the phrase files say, compiled; made by `build`, never changed, shared by all threads."""

    languages: tuple[str, ...]
    matcher: Matcher
    commands: Mapping[str, CommandWord]
    accented: Mapping[str, CommandWord]
    names: Mapping[str, str]
    polite: tuple[str, ...]
    taught: Taught

    @classmethod
    def build(cls, files: Mapping[str, SignalFile], taught: Taught) -> Phrasebook:
        """Compile the files, by language; ValueError says which line of which file cannot be used."""
        commands, accented = _commands(files)
        return cls(
            languages=tuple(files),
            matcher=_matcher(files),
            commands=commands,
            accented=accented,
            names=_names(files),
            polite=tuple(sorted({normalise(p) for f in files.values() for p in f.polite}, key=len, reverse=True)),
            taught=taught,
        )


def _matcher(files: Mapping[str, SignalFile]) -> Matcher:
    matcher = Matcher()
    for lang, file in files.items():
        for intent, lines in file.emergencies.items():
            patterns, never = parse(intent, lang, lines, file.lists, file.whole_words)
            for pattern in patterns:
                matcher.add(pattern)
            for part in never:
                matcher.never(intent, part)
        for saying in file.ignore:
            matcher.ignore(needle(saying, file.whole_words))
    return matcher


def _commands(files: Mapping[str, SignalFile]) -> tuple[dict[str, CommandWord], dict[str, CommandWord]]:
    plain: dict[str, CommandWord] = {}
    accented: dict[str, CommandWord] = {}
    for file in files.values():
        for kind, lines in file.commands.items():
            for line in lines:
                exact = line.startswith("=")
                table, key = (accented, with_accents(line)) if exact else (plain, normalise(line))
                if table.setdefault(key, kind) != kind:
                    raise ValueError(f"the word {line!r} cannot mean both {table[key]} and {kind}")
    return plain, accented


def _names(files: Mapping[str, SignalFile]) -> dict[str, str]:
    names: dict[str, str] = {}
    for lang, file in files.items():
        for name in file.names:
            if names.setdefault(normalise(name), lang) != lang:
                raise ValueError(f"the name {name!r} cannot mean both {names[normalise(name)]} and {lang}")
    return names
