"""The few words that always work, in every language, whatever the conversation is doing: STOP, 0, español.

Only a whole message is a command: "stop" ends the messages, "the bus did not stop" does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from bot.base.text_normalization import normalize_keeping_accents, normalize_text
from bot.nlu.phrasebook import CommandWord, Phrasebook

CommandKind = Literal[
    "stop", "start", "help", "person", "menu", "language", "choose_language", "join", "check", "erase", "privacy"
]
MAX_SCHOOL_NAME_WORDS = 4
"""The name of a school has so many words at most."""

LINK_CODE_PATTERN = re.compile(r"/m/([A-HJ-NP-Z2-9]{6})\b", re.IGNORECASE)
ANNOUNCEMENT_CODE_PATTERN = re.compile(r"(?=.*\d)[A-HJ-NP-Z2-9]{6}", re.IGNORECASE)
"""An announcement's code (store/announcements/announcements): with a digit, so that no word is one."""

_MAX_COMMAND_CHARACTERS = 60
"""No command is longer, so most messages need no further look."""


@dataclass(frozen=True, slots=True)
class Command:
    """What the family ordered; `lang` is the language named, with kind "language" only.

    `rest`: what stands after "join" (a school, if it is one) or after "check" (the code of a message).
    """

    kind: CommandKind
    lang: str | None = None
    argument: str = ""


def match_command(text: str, phrasebook: Phrasebook) -> Command | None:
    """The command that the whole of `text` is, or None.

    Case, accents, punctuation polite words around it do not matter ("Stop, please!"); "0" asks for a person.
    A word of any language counts, because a family may order in another language than it writes.
    """
    link_code = LINK_CODE_PATTERN.search(text)
    if link_code:
        return Command("check", argument=link_code[1].upper())
    normal = normalize_text(text)
    if len(normal) > _MAX_COMMAND_CHARACTERS:
        return None
    return _parse_short_text(text, normal, phrasebook)


def _parse_short_text(text: str, normal: str, phrasebook: Phrasebook) -> Command | None:
    if normal == "0":
        return Command("person")
    accented = phrasebook.accented_commands.get(normalize_keeping_accents(text))
    if accented:
        return _build_command(accented)
    return next(
        (command for core in _list_cores(normal, phrasebook) if (command := _find_command(core, phrasebook))), None
    )


def _build_command(word: CommandWord) -> Command:
    return Command("choose_language" if word == "language" else word)


def _find_command(core: str, phrasebook: Phrasebook) -> Command | None:
    word = phrasebook.commands.get(core)
    if word:
        return _build_command(word)
    lang = phrasebook.names.get(core) or _find_named_language(core, phrasebook)
    return Command("language", lang) if lang else _parse_with_argument(core, phrasebook)


def _parse_with_argument(core: str, phrasebook: Phrasebook) -> Command | None:
    """ "JOIN Lincoln" and "CHECK K7Q2MX"; a word before anything else ("check the bus") is an ordinary message."""
    words = core.split()
    for word_count in range(1, min(len(words), 4)):
        word, argument = phrasebook.commands.get(" ".join(words[:word_count])), " ".join(words[word_count:])
        if word == "check" and ANNOUNCEMENT_CODE_PATTERN.fullmatch(argument):
            return Command("check", argument=argument.upper())
        if word == "join" and len(words) - word_count <= MAX_SCHOOL_NAME_WORDS:
            return Command("join", argument=argument)
    return None


def _find_named_language(core: str, phrasebook: Phrasebook) -> str | None:
    """The language of "LANG es" and "idioma español"; a bare code is no command ("es" is a Spanish word)."""
    words = core.split()
    for word_count in range(1, min(len(words), 4)):
        if phrasebook.commands.get(" ".join(words[:word_count])) == "language":
            name = " ".join(words[word_count:])
            return phrasebook.names.get(name) or (name if name in phrasebook.languages else None)
    return None


def _list_cores(normal: str, phrasebook: Phrasebook) -> Iterator[str]:
    """The message as it is, said once instead of "stop stop", then with ever less politeness around it."""
    yield normal
    words = normal.split()
    if len(words) > 1 and len(set(words)) == 1:
        yield words[0]
    while shorter := _strip_polite_word(normal, phrasebook.polite_words):
        normal = shorter
        yield normal


def _strip_polite_word(normal: str, polite: tuple[str, ...]) -> str:
    """The message without one polite word at either end; empty if there is none."""
    words = normal.split()
    starts, ends, han = _index_polite_words(polite)
    for word in starts.get(words[0], ()) if words else ():
        if normal.startswith(word + " "):
            return normal[len(word) + 1 :]
    for word in ends.get(words[-1], ()) if words else ():
        if normal.endswith(" " + word):
            return normal[: -len(word) - 1]
    matching_words = (word for word in han if normal.startswith(word) and normal != word)
    return next((normal[len(word) :].strip() for word in matching_words), "")


@lru_cache(maxsize=8)
def _index_polite_words(polite: tuple[str, ...]) -> tuple[dict[str, list[str]], dict[str, list[str]], list[str]]:
    """Polite words by their first and by their last word, and the Chinese ones, which stand without spaces."""
    starts: dict[str, list[str]] = {}
    ends: dict[str, list[str]] = {}
    for word in polite:
        starts.setdefault(word.split()[0], []).append(word)
        ends.setdefault(word.split()[-1], []).append(word)
    return starts, ends, [word for word in polite if _is_han(word)]


def _is_han(word: str) -> bool:
    return "\u3400" <= word[0] <= "\u9fff"
