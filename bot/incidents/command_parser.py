"""What a text of staff means: a start, or a word within an incident.  Pure; only the exact words count, for staff are
parents who write sentences."""

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
"""Word → (a drill?, in which language)."""
_COMMAND_SPELLINGS: Mapping[IncidentCommand, tuple[str, ...]] = {
    "next": ("next", "sigue", "siguiente"),
    "again": ("last", "again", "repeat", "repite", "otra vez"),
    "back": ("back", "atras"),
    "over": ("over", "end", "fin", "terminar"),
    "mistake": ("mistake", "false alarm", "error", "falsa alarma"),
    "real": ("real",),
}
INCIDENT_COMMANDS: Mapping[str, IncidentCommand] = {
    spelling: word for word, spellings in _COMMAND_SPELLINGS.items() for spelling in spellings
}
"""OVER is what we tell: END is one of the phone company's words for STOP (twilio.md), and works where it reaches us."""
MIN_SCHOOL_NAME_SIMILARITY = 85
"""So alike (of a hundred) may a school's name be written with trembling fingers: "lincon", "harbour"."""
SCHOOL_NAME_PREFIXES = ("at the ", "at ", "en la ", "en ")


@dataclass(frozen=True)
class IncidentStartCommand:
    """Somebody says that agents are there, or begins a drill; `school` is an id where one was named."""

    is_drill: bool
    language: str
    school: str | None = None


@dataclass(frozen=True)
class IncidentText:
    """A staff text that can belong to an incident: it starts one, or `start` is None."""

    start: IncidentStartCommand | None


def parse_request(request: CommandRequest) -> IncidentText | None:
    """Return the text of a staff member, with the start that it is; None for what the phone company handles."""
    if request.message.twilio_opt:
        return None
    schools = {name: school.name for name, school in request.runtime.library.district.schools.items()}
    return IncidentText(parse_start(request.message.text, schools))


def parse_start(text: str, schools: Mapping[str, str]) -> IncidentStartCommand | None:
    """The start that the whole of `text` is; None for anything longer or different ("ICE cream", "ice on the road")."""
    plain = normalize_text(text)
    for word, (drill, language) in INCIDENT_START_WORDS.items():
        if plain == word:
            return IncidentStartCommand(drill, language)
        if plain.startswith(f"{word} "):
            school = find_named_school(plain.removeprefix(word), schools)
            if school:
                return IncidentStartCommand(drill, language, school)
    return None


def find_named_school(text: str, schools: Mapping[str, str]) -> str | None:
    """The school whose id, name or (if only one has it) first word the whole text is, a slip of the finger aside.

    `schools`: id → name.
    """
    plain = normalize_text(text)
    for before in SCHOOL_NAME_PREFIXES:
        plain = plain.removeprefix(before)
    plain = plain.removesuffix(" school") or plain
    exact = [one for one, name in schools.items() if plain in (one, normalize_text(name).removesuffix(" school"))]
    first = [one for one, name in schools.items() if normalize_text(name).split()[:1] == [plain]]
    alike = [
        one
        for one, name in schools.items()
        if fuzz.ratio(normalize_text(name).split()[0], plain) >= MIN_SCHOOL_NAME_SIMILARITY
    ]
    found = exact or first or alike
    return found[0] if len(found) == 1 else None


def parse_command(text: str) -> IncidentCommand | None:
    """The word that the whole of `text` is, or None: then it is something to write down."""
    return INCIDENT_COMMANDS.get(normalize_text(text))
