"""What a real incident means for what families are told: nothing of it is published, and nothing says the opposite.

From its first minute a statement such as "there were no agents" counts no more, and texts about truancy wait
(docs/schools-today.md); a mistake gives the texts free again.
"""

from datetime import date

from bot.incidents.transaction import IncidentTurn
from bot.school_status.status_change import withdraw_contradicted
from bot.store.schools import incidents, verified_events
from bot.store.schools.incidents import Incident


def apply(turn: IncidentTurn, school: str | None) -> None:
    """Agents are said to be at this school."""
    if school is None:
        return
    turn.delivery_ids += withdraw_contradicted(turn.runtime, turn.db, school, turn.staff, turn.at)
    turn.has_status_changes = True
    verified_events.add(turn.db, school, _get_local_date(turn), turn.staff, turn.at)


def release(turn: IncidentTurn, incident: Incident) -> None:
    """Nobody came: what this incident held is free again; what the safety lead has verified stays held."""
    if incident.school is None:
        return
    inside = {incident.started_by, *(one.staff for one in incidents.list_participants(turn.db, incident.id))}
    day = turn.runtime.library.district.to_local_time(incident.started_at).date()
    for event in verified_events.list_since(turn.db, day, [incident.school]):
        if event.by in inside and event.at >= incident.started_at:
            verified_events.withdraw(turn.db, event.id, turn.staff, turn.at)


def _get_local_date(turn: IncidentTurn) -> date:
    return turn.runtime.library.district.to_local_time(turn.at).date()
