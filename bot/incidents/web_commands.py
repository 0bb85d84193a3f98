"""The same from a page: whoever is logged in takes the steps, writes down, ends it; once for each form."""

from dataclasses import dataclass

from bot.incidents import end, progress
from bot.incidents.command_parser import IncidentCommand
from bot.incidents.transaction import IncidentTurn, run_once
from bot.runtime import Runtime
from bot.store.schools import incidents

INCIDENT_ACTIONS = ("next", "back", "over", "mistake", "write")
STEP_ACTIONS: dict[str, IncidentCommand] = {"next": "next", "back": "back"}


@dataclass(frozen=True)
class IncidentAction:
    """A button (`word`, one of `WORDS`) in an incident, with the line that was written."""

    incident_id: int
    staff: str
    name: str
    text: str = ""
    language: str = "en"


def run_action(runtime: Runtime, action: IncidentAction, cause: str) -> str | None:
    """What follows from it; None if the incident is over already, or there was nothing to keep.

    Raises `SQLAlchemyError` if the database is away.
    """
    return run_once(runtime, action.staff, cause, lambda turn: _run_in_turn(turn, action))


def _run_in_turn(turn: IncidentTurn, action: IncidentAction) -> str | None:
    word, text = action.name, action.text.strip()
    incident = incidents.find(turn.db, action.incident_id)
    if incident is None or incident.ended_at is not None:
        return None
    if word == "write" and not text:
        return None
    person = incidents.find_or_add_participant(turn.db, incident.id, turn.staff, action.language, turn.at)
    if word == "over":
        return end.end_as_over(turn, incident, person)
    if word == "mistake":
        return end.end_as_mistake(turn, incident, person)
    if text and word == "next":  # a line that was written before the button is never lost
        return progress.record_answer(turn, incident, person, text)
    if word in STEP_ACTIONS:
        return progress.show_step(turn, incident, person, STEP_ACTIONS[word])
    return progress.record_answer(turn, incident, person, text)
