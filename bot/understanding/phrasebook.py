"""The phrase files (`flows/phrases/<lang>.yaml`), and what is compiled from them once at start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bot.understanding.patterns import Matcher, needle, parse
from bot.understanding.text import normalise, with_accents, words
from bot.understanding.types import EMERGENCIES, SEVERITY

CommandWord = Literal["stop", "start", "help", "person", "menu", "language"]


class PhraseFile(BaseModel):
    """One language's file, as a liaison writes it; unknown keys and topics are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    emergencies: dict[str, list[str]] = Field(default_factory=dict)
    topics: dict[str, list[str]] = Field(default_factory=dict)
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

    @field_validator("topics")
    @classmethod
    def _known_topics(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        return _known(value, tuple(SEVERITY))


def _known(value: dict[str, list[str]], names: tuple[str, ...]) -> dict[str, list[str]]:
    unknown = sorted(set(value) - set(names))
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}; known are {', '.join(names)}")
    return value


START = 3
COMMON = 0.12
"""A beginning that more of the phrases share ("the", "que") says nothing about the topic."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """One way of asking about a topic: `normal` to compare exactly, `spaced` by words."""

    intent: str
    normal: str
    spaced: str


@dataclass(frozen=True, slots=True)
class Phrasebook:
    """Everything the phrase files say, compiled; made by `build`, never changed, shared by all threads."""

    languages: tuple[str, ...]
    matcher: Matcher
    phrases: Mapping[str, tuple[Phrase, ...]]
    spaced: Mapping[str, tuple[str, ...]]
    """`Phrase.spaced` of the same phrases in the same order, as the fuzzy search takes them."""
    starts: Mapping[str, Mapping[str, tuple[int, ...]]]
    """Which phrases hold a word that begins so (three letters): the only ones worth a closer look."""
    exact: Mapping[str, Mapping[str, str]]
    """The topic of each phrase (normalised), by language."""
    commands: Mapping[str, CommandWord]
    accented: Mapping[str, CommandWord]
    names: Mapping[str, str]
    polite: tuple[str, ...]
    vocabulary: Mapping[str, frozenset[str]]
    """The languages in whose phrases a word is found: a hint for messages too short for statistics."""

    @classmethod
    def build(cls, files: Mapping[str, PhraseFile]) -> Phrasebook:
        """Compile the files, by language; ValueError says which line of which file cannot be used."""
        commands, accented = _commands(files)
        phrases = {lang: _phrases(file) for lang, file in files.items()}
        return cls(
            languages=tuple(files),
            matcher=_matcher(files),
            phrases=phrases,
            spaced={lang: tuple(phrase.spaced for phrase in found) for lang, found in phrases.items()},
            starts={lang: _starts(found) for lang, found in phrases.items()},
            exact={lang: {phrase.normal: phrase.intent for phrase in found} for lang, found in phrases.items()},
            commands=commands,
            accented=accented,
            names=_names(files),
            polite=tuple(sorted({normalise(p) for f in files.values() for p in f.polite}, key=len, reverse=True)),
            vocabulary=_vocabulary(files),
        )


def _matcher(files: Mapping[str, PhraseFile]) -> Matcher:
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


def _phrases(file: PhraseFile) -> tuple[Phrase, ...]:
    found: dict[str, Phrase] = {}
    for intent, lines in file.topics.items():
        for line in lines:
            normal = normalise(line)
            if found.setdefault(normal, Phrase(intent, normal, " ".join(words(normal)))).intent != intent:
                raise ValueError(f"{line!r} stands under {found[normal].intent} and under {intent}")
    return tuple(found.values())


def _starts(phrases: tuple[Phrase, ...]) -> dict[str, tuple[int, ...]]:
    found: dict[str, set[int]] = {}
    for number, phrase in enumerate(phrases):
        for word in phrase.spaced.split():
            found.setdefault(word[:START], set()).add(number)
    common = len(phrases) * COMMON
    return {start: tuple(sorted(numbers)) for start, numbers in found.items() if len(numbers) <= common}


def _commands(files: Mapping[str, PhraseFile]) -> tuple[dict[str, CommandWord], dict[str, CommandWord]]:
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


def _names(files: Mapping[str, PhraseFile]) -> dict[str, str]:
    names: dict[str, str] = {}
    for lang, file in files.items():
        for name in file.names:
            if names.setdefault(normalise(name), lang) != lang:
                raise ValueError(f"the name {name!r} cannot mean both {names[normalise(name)]} and {lang}")
    return names


def _vocabulary(files: Mapping[str, PhraseFile]) -> dict[str, frozenset[str]]:
    known: dict[str, set[str]] = {}
    for lang, file in files.items():
        lines = [line for group in (*file.topics.values(), *file.commands.values()) for line in group]
        for word in {word for line in lines for word in normalise(line).split()}:
            if not word.isdigit():
                known.setdefault(word, set()).add(lang)
    return {word: frozenset(langs) for word, langs in known.items()}
