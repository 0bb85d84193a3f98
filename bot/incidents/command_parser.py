"""What a text of staff means: a start, or a word within an incident.  Pure; only the exact words count, for staff are
parents who write sentences."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rapidfuzz import fuzz

from bot.base.text_normalization import normalise

Word = Literal["next", "again", "back", "over", "mistake", "real"]

STARTS: Mapping[str, tuple[bool, str]] = {
    "ice": (False, "en"),
    "i c e": (False, "en"),
    "ice ice": (False, "en"),
    "migra": (False, "es"),
    "la migra": (False, "es"),
    "drill": (True, "en"),
    "simulacro": (True, "es"),
}
"""Word → (a drill?, in which language)."""
_SPELLINGS: Mapping[Word, tuple[str, ...]] = {
    "next": ("next", "sigue", "siguiente"),
    "again": ("last", "again", "repeat", "repite", "otra vez"),
    "back": ("back", "atras"),
    "over": ("over", "end", "fin", "terminar"),
    "mistake": ("mistake", "false alarm", "error", "falsa alarma"),
    "real": ("real",),
}
WORDS: Mapping[str, Word] = {spelling: word for word, spellings in _SPELLINGS.items() for spelling in spellings}
"""OVER is what we tell: END is one of the phone company's words for STOP (twilio.md), and works where it reaches us."""
ALIKE = 85
"""So alike (of a hundred) may a school's name be written with trembling fingers: "lincon", "harbour"."""
BEFORE_SCHOOL = ("at the ", "at ", "en la ", "en ")


@dataclass(frozen=True)
class Start:
    """Somebody says that agents are there, or begins a drill; `school` is an id where one was named."""

    drill: bool
    language: str
    school: str | None = None


def start(text: str, schools: Mapping[str, str]) -> Start | None:
    """The start that the whole of `text` is; None for anything longer or different ("ICE cream", "ice on the road")."""
    plain = normalise(text)
    for word, (drill, language) in STARTS.items():
        if plain == word:
            return Start(drill, language)
        if plain.startswith(f"{word} "):
            school = school_named(plain.removeprefix(word), schools)
            if school:
                return Start(drill, language, school)
    return None


def school_named(text: str, schools: Mapping[str, str]) -> str | None:
    """The school whose id, name or (if only one has it) first word the whole text is, a slip of the finger aside.

    `schools`: id → name.
    """
    plain = normalise(text)
    for before in BEFORE_SCHOOL:
        plain = plain.removeprefix(before)
    plain = plain.removesuffix(" school") or plain
    exact = [one for one, name in schools.items() if plain in (one, normalise(name).removesuffix(" school"))]
    first = [one for one, name in schools.items() if normalise(name).split()[:1] == [plain]]
    alike = [one for one, name in schools.items() if fuzz.ratio(normalise(name).split()[0], plain) >= ALIKE]
    found = exact or first or alike
    return found[0] if len(found) == 1 else None


def word(text: str) -> Word | None:
    """The word that the whole of `text` is, or None: then it is something to write down."""
    return WORDS.get(normalise(text))
