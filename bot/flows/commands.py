"""The few words that always work, in every language, whatever the conversation is doing: STOP, 0, español.

Only a whole message is a command: "stop" ends the messages, "the bus did not stop" does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from bot.base.text_normalization import normalise, with_accents
from bot.nlu.phrasebook import CommandWord, Phrasebook

Kind = Literal[
    "stop", "start", "help", "person", "menu", "language", "choose_language", "join", "check", "erase", "privacy"
]
JOINED_WORDS = 4
"""The name of a school has so many words at most."""

LINK_CODE = re.compile(r"/m/([A-HJ-NP-Z2-9]{6})\b", re.IGNORECASE)
CODE = re.compile(r"(?=.*\d)[A-HJ-NP-Z2-9]{6}", re.IGNORECASE)
"""An announcement's code (store/announcements/announcements): with a digit, so that no word is one."""

_LONGEST = 60
"""No command is longer, so most messages need no further look."""


@dataclass(frozen=True, slots=True)
class Command:
    """What the family ordered; `lang` is the language named, with kind "language" only.

    `rest`: what stands after "join" (a school, if it is one) or after "check" (the code of a message).
    """

    kind: Kind
    lang: str | None = None
    rest: str = ""


def match(text: str, phrasebook: Phrasebook) -> Command | None:
    """The command that the whole of `text` is, or None.

    Case, accents, punctuation polite words around it do not matter ("Stop, please!"); "0" asks for a person.
    A word of any language counts, because a family may order in another language than it writes.
    """
    forwarded = LINK_CODE.search(text)
    if forwarded:
        return Command("check", rest=forwarded[1].upper())
    normal = normalise(text)
    if len(normal) > _LONGEST:
        return None
    return _of_few_words(text, normal, phrasebook)


@lru_cache(maxsize=16)
def _of_few_words(text: str, normal: str, phrasebook: Phrasebook) -> Command | None:
    """Several rooms ask it of one message; so few are remembered that it is hardly longer than they take."""
    if normal == "0":
        return Command("person")
    accented = phrasebook.accented.get(with_accents(text))
    if accented:
        return _command(accented)
    return next((found for core in _cores(normal, phrasebook) if (found := _named(core, phrasebook))), None)


def _command(word: CommandWord) -> Command:
    return Command("choose_language" if word == "language" else word)


def _named(core: str, phrasebook: Phrasebook) -> Command | None:
    word = phrasebook.commands.get(core)
    if word:
        return _command(word)
    lang = phrasebook.names.get(core) or _after_language_word(core, phrasebook)
    return Command("language", lang) if lang else _with_more(core, phrasebook)


def _with_more(core: str, phrasebook: Phrasebook) -> Command | None:
    """ "JOIN Lincoln" and "CHECK K7Q2MX"; a word before anything else ("check the bus") is an ordinary message."""
    words = core.split()
    for cut in range(1, min(len(words), 4)):
        word, rest = phrasebook.commands.get(" ".join(words[:cut])), " ".join(words[cut:])
        if word == "check" and CODE.fullmatch(rest):
            return Command("check", rest=rest.upper())
        if word == "join" and len(words) - cut <= JOINED_WORDS:
            return Command("join", rest=rest)
    return None


def _after_language_word(core: str, phrasebook: Phrasebook) -> str | None:
    """The language of "LANG es" and "idioma español"; a bare code is no command ("es" is a Spanish word)."""
    words = core.split()
    for cut in range(1, min(len(words), 4)):
        if phrasebook.commands.get(" ".join(words[:cut])) == "language":
            name = " ".join(words[cut:])
            return phrasebook.names.get(name) or (name if name in phrasebook.languages else None)
    return None


def _cores(normal: str, phrasebook: Phrasebook) -> Iterator[str]:
    """The message as it is, said once instead of "stop stop", then with ever less politeness around it."""
    yield normal
    words = normal.split()
    if len(words) > 1 and len(set(words)) == 1:
        yield words[0]
    while shorter := _less_polite(normal, phrasebook.polite):
        normal = shorter
        yield normal


def _less_polite(normal: str, polite: tuple[str, ...]) -> str:
    """The message without one polite word at either end; empty if there is none."""
    words = normal.split()
    starts, ends, han = _ends(polite)
    for word in starts.get(words[0], ()) if words else ():
        if normal.startswith(word + " "):
            return normal[len(word) + 1 :]
    for word in ends.get(words[-1], ()) if words else ():
        if normal.endswith(" " + word):
            return normal[: -len(word) - 1]
    fitting = (word for word in han if normal.startswith(word) and normal != word)
    return next((normal[len(word) :].strip() for word in fitting), "")


@lru_cache(maxsize=8)
def _ends(polite: tuple[str, ...]) -> tuple[dict[str, list[str]], dict[str, list[str]], list[str]]:
    """Polite words by their first and by their last word, and the Chinese ones, which stand without spaces."""
    starts: dict[str, list[str]] = {}
    ends: dict[str, list[str]] = {}
    for word in polite:
        starts.setdefault(word.split()[0], []).append(word)
        ends.setdefault(word.split()[-1], []).append(word)
    return starts, ends, [word for word in polite if _han(word)]


def _han(word: str) -> bool:
    return "\u3400" <= word[0] <= "\u9fff"
