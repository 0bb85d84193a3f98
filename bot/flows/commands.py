"""Recognize the commands that always work (STOP, 0, español), in every language.

Only a whole message is a command. "Stop" ends the messages, but "the bus did not stop" doesn't.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from bot.base.text_normalization import NormalizedText, normalize_keeping_accents
from bot.nlu.phrasebook import CommandWord, Phrasebook

CommandKind = Literal[
    "stop", "start", "help", "person", "menu", "language", "choose_language", "join", "check", "erase", "privacy"
]
MAX_SCHOOL_NAME_WORDS = 4
"""The maximum number of words in the name of a school."""

LINK_CODE_PATTERN = re.compile(r"/m/([A-HJ-NP-Z2-9]{6})\b", re.IGNORECASE)
ANNOUNCEMENT_CODE_PATTERN = re.compile(r"(?=.*\d)[A-HJ-NP-Z2-9]{6}", re.IGNORECASE)
"""The code of an announcement. It always contains a digit, so that no word looks like a code."""

_MAX_COMMAND_CHARACTERS = 60
"""Longer messages are never commands, so the search skips them."""


@dataclass(frozen=True, slots=True)
class Command:
    """Hold a command that a family sent.

    `lang` is the language that the command names, only for the kind "language". `argument` is the text after "join" (a
    school name) or after "check" (the code of a message).
    """

    kind: CommandKind
    lang: str | None = None
    argument: str = ""


def match_command(text: NormalizedText, phrasebook: Phrasebook) -> Command | None:
    """Return the command that the whole `text` is, or None.

    Case, accents, punctuation, and polite words around a command don't matter ("Stop, please!"). "0" asks for a person.
    Commands of every language count, because a family can send a command in a language that it doesn't write in.
    """
    link_code = LINK_CODE_PATTERN.search(text.raw)
    if link_code:
        return Command("check", argument=link_code[1].upper())
    normal = text.plain
    if len(normal) > _MAX_COMMAND_CHARACTERS:
        return None
    if normal == "0":
        return Command("person")
    accented = phrasebook.accented_commands.get(normalize_keeping_accents(text.raw))
    if accented:
        return _build_command(accented)
    for core in _list_cores(normal, phrasebook):
        command = _find_command(core, phrasebook)
        if command:
            return command
    return None


def _build_command(word: CommandWord) -> Command:
    if word == "language":
        return Command("choose_language")
    return Command(word)


def _find_command(core: str, phrasebook: Phrasebook) -> Command | None:
    word = phrasebook.commands.get(core)
    if word:
        return _build_command(word)
    lang = phrasebook.names.get(core) or _find_named_language(core, phrasebook)
    return Command("language", lang) if lang else _parse_with_argument(core, phrasebook)


def _parse_with_argument(core: str, phrasebook: Phrasebook) -> Command | None:
    """Parse "JOIN Lincoln" and "CHECK K7Q2MX".

    Any other text after a command word makes an ordinary message ("check the bus").
    """
    words = core.split()
    for word_count in range(1, min(len(words), 4)):
        word = phrasebook.commands.get(" ".join(words[:word_count]))
        argument = " ".join(words[word_count:])
        if word == "check" and ANNOUNCEMENT_CODE_PATTERN.fullmatch(argument):
            return Command("check", argument=argument.upper())
        if word == "join" and len(words) - word_count <= MAX_SCHOOL_NAME_WORDS:
            return Command("join", argument=argument)
    return None


def _find_named_language(core: str, phrasebook: Phrasebook) -> str | None:
    """Return the language of "LANG es" and "idioma español".

    A bare code isn't a command, because "es" is a Spanish word.
    """
    words = core.split()
    for word_count in range(1, min(len(words), 4)):
        if phrasebook.commands.get(" ".join(words[:word_count])) == "language":
            name = " ".join(words[word_count:])
            if name in phrasebook.names:
                return phrasebook.names[name]
            return name if name in phrasebook.languages else None
    return None


def _list_cores(normal: str, phrasebook: Phrasebook) -> Iterator[str]:
    """Yield the message, then one word of "stop stop", then the message without its polite words, one at a time."""
    yield normal
    words = normal.split()
    if len(words) > 1 and len(set(words)) == 1:
        yield words[0]
    while shorter := _strip_polite_word(normal, phrasebook.polite_words):
        normal = shorter
        yield normal


def _strip_polite_word(normal: str, polite: tuple[str, ...]) -> str:
    """Return the message without one polite word at either end, or "" if it has none."""
    words = normal.split()
    if not words:
        return ""
    starts, ends, han = _index_polite_words(polite)
    for word in starts.get(words[0], []):
        if normal.startswith(word + " "):
            return normal[len(word) + 1 :]
    for word in ends.get(words[-1], []):
        if normal.endswith(" " + word):
            return normal[: -len(word) - 1]
    matching_words = (word for word in han if normal.startswith(word) and normal != word)
    return next((normal[len(word) :].strip() for word in matching_words), "")


@lru_cache(maxsize=8)
def _index_polite_words(polite: tuple[str, ...]) -> tuple[dict[str, list[str]], dict[str, list[str]], list[str]]:
    """Index polite words by first and by last word, and list the Chinese ones, which have no spaces around them."""
    starts: dict[str, list[str]] = {}
    ends: dict[str, list[str]] = {}
    for word in polite:
        starts.setdefault(word.split()[0], []).append(word)
        ends.setdefault(word.split()[-1], []).append(word)
    return starts, ends, [word for word in polite if _is_han(word)]


def _is_han(word: str) -> bool:
    return "\u3400" <= word[0] <= "\u9fff"
