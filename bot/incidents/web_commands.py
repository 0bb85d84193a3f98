"""The same from a page: whoever is logged in takes the steps, writes down, ends it; once for each form."""

from dataclasses import dataclass

from bot.incidents import end, progress
from bot.incidents.command_parser import Word
from bot.incidents.transaction import Turn, once
from bot.runtime import Services
from bot.store.schools import incidents

WORDS = ("next", "back", "over", "mistake", "write")
STEPS: dict[str, Word] = {"next": "next", "back": "back"}


@dataclass(frozen=True)
class Pressed:
    """A button (`word`, one of `WORDS`) in an incident, with the line that was written."""

    incident: int
    staff: str
    word: str
    text: str = ""
    language: str = "en"


def do(services: Services, pressed: Pressed, cause: str) -> str | None:
    """What follows from it; None if the incident is over already, or there was nothing to keep.

    Raises `SQLAlchemyError` if the database is away.
    """
    return once(services, pressed.staff, cause, lambda turn: _do(turn, pressed))


def _do(turn: Turn, pressed: Pressed) -> str | None:
    word, text = pressed.word, pressed.text.strip()
    incident = incidents.find(turn.db, pressed.incident)
    if incident is None or incident.ended_at is not None:
        return None
    if word == "write" and not text:
        return None
    person = incidents.join(turn.db, incident.id, turn.staff, pressed.language, turn.at)
    if word == "over":
        return end.over(turn, incident, person)
    if word == "mistake":
        return end.mistake(turn, incident, person)
    if text and word == "next":  # a line that was written before the button is never lost
        return progress.answer(turn, incident, person, text)
    if word in STEPS:
        return progress.show(turn, incident, person, STEPS[word])
    return progress.answer(turn, incident, person, text)
