"""Parse staff texts that start an incident or are a command within one.

Pure. Only the exact words count, because staff who are parents also write sentences.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rapidfuzz import fuzz

from bot.base.text_normalization import normalize_text
from bot.messaging.command_request import CommandRequest

IncidentCommand = Literal["next", "again", "back", "over", "mistake", "real"]

INCIDENT_START_WORDS: Mapping[str, tuple[bool, str]] = {
    "ice": (False, "en"),
    "i c e": (False, "en"),
    "ice ice": (False, "en"),
    "migra": (False, "es"),
    "la migra": (False, "es"),
    "drill": (True, "en"),
    "simulacro": (True, "es"),
}
"""Word → (is_drill, language)."""
_COMMAND_SPELLINGS: Mapping[IncidentCommand, tuple[str, ...]] = {
    "next": ("next", "sigue", "siguiente"),
    "again": ("last", "again", "repeat", "repite", "otra vez"),
    "back": ("back", "atras"),
    "over": ("over", "end", "fin", "terminar"),
    "mistake": ("mistake", "false alarm", "error", "falsa alarma"),
    "real": ("real",),
}
INCIDENT_COMMANDS: Mapping[str, IncidentCommand] = {
    spelling: command for command, spellings in _COMMAND_SPELLINGS.items() for spelling in spellings
}
"""Texts to staff name OVER, because carriers read END as STOP (twilio.md). END works where it arrives."""
MIN_SCHOOL_NAME_SIMILARITY = 85
"""The similarity (of 100) that accepts a school name with typos: "lincon", "harbour"."""
SCHOOL_NAME_PREFIXES = ("at the ", "at ", "en la ", "en ")


@dataclass(frozen=True)
class IncidentStartCommand:
    """The start of an incident or a drill. `school` is an id if the text names one."""

    is_drill: bool
    language: str
    school: str | None = None


@dataclass(frozen=True)
class IncidentText:
    """A staff text that can belong to an incident. `start` is None unless the text starts one."""

    start: IncidentStartCommand | None


def parse_request(request: CommandRequest) -> IncidentText | None:
    """Return the text of a staff member with its start, or None for a text that Twilio handles itself (STOP)."""
    if request.message.twilio_opt:
        return None
    schools = {name: school.name for name, school in request.runtime.library.district.schools.items()}
    return IncidentText(parse_start(request.message.text, schools))


def parse_start(text: str, schools: Mapping[str, str]) -> IncidentStartCommand | None:
    """Return the start that the whole text is. Longer texts don't count ("ICE cream", "ice on the road")."""
    plain = normalize_text(text)
    for word, (is_drill, language) in INCIDENT_START_WORDS.items():
        if plain == word:
            return IncidentStartCommand(is_drill, language)
        if plain.startswith(f"{word} "):
            school = find_named_school(plain.removeprefix(word), schools)
            if school:
                return IncidentStartCommand(is_drill, language, school)
    return None


def find_named_school(text: str, schools: Mapping[str, str]) -> str | None:
    """Return the school whose id, name, or unique first word is the whole text, with small typos.

    `schools` maps ids to names.
    """
    plain = normalize_text(text)
    for prefix in SCHOOL_NAME_PREFIXES:
        plain = plain.removeprefix(prefix)
    plain = plain.removesuffix(" school") or plain
    names = {school_id: normalize_text(name) for school_id, name in schools.items()}
    exact = [school_id for school_id, name in names.items() if plain in (school_id, name.removesuffix(" school"))]
    first_word = [school_id for school_id, name in names.items() if name.split()[:1] == [plain]]
    similar = [
        school_id
        for school_id, name in names.items()
        if fuzz.ratio(name.split()[0], plain) >= MIN_SCHOOL_NAME_SIMILARITY
    ]
    matches = exact or first_word or similar
    return matches[0] if len(matches) == 1 else None


def parse_command(text: str) -> IncidentCommand | None:
    """Return the command that the whole text is, or None for a text to record."""
    return INCIDENT_COMMANDS.get(normalize_text(text))
