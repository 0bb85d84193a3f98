"""Run the incident commands of the console page: take steps, record a line, end it. Each form counts once."""

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
    """A button of the page (`name`, one of `INCIDENT_ACTIONS`), with the line in the text field."""

    incident_id: int
    staff: str
    name: str
    text: str = ""
    language: str = "en"


def run_action(runtime: Runtime, action: IncidentAction, cause: str) -> str | None:
    """Run the action and return the reply. Return None if the incident is over, or there is nothing to record.

    Raises:
        SQLAlchemyError: The database is away.
    """
    return run_once(runtime, action.staff, cause, lambda turn: _run_in_turn(turn, action))


def _run_in_turn(turn: IncidentTurn, action: IncidentAction) -> str | None:
    name, text = action.name, action.text.strip()
    incident = incidents.find(turn.db, action.incident_id)
    if incident is None or incident.ended_at is not None:
        return None
    if name == "write" and not text:
        return None
    person = incidents.find_or_add_participant(turn.db, incident.id, turn.staff, action.language, turn.at)
    if name == "over":
        return end.end_as_over(turn, incident, person)
    if name == "mistake":
        return end.end_as_mistake(turn, incident, person)
    if text and name == "next":  # don't lose a line in the text field
        return progress.record_answer(turn, incident, person, text)
    if name in STEP_ACTIONS:
        return progress.show_step(turn, incident, person, STEP_ACTIONS[name])
    return progress.record_answer(turn, incident, person, text)
