"""What a real incident means for what families are told: nothing of it is published, and nothing says the opposite.

From its first minute a statement such as "there were no agents" counts no more, and texts about truancy wait
(docs/schools-today.md); a mistake gives the texts free again.
"""

from datetime import date

from bot.incidents.transaction import Turn
from bot.school_status.status_change import agents_came
from bot.store.schools import incidents, verified_events
from bot.store.schools.incidents import Incident


def begins(turn: Turn, school: str | None) -> None:
    """Agents are said to be at this school."""
    if school is None:
        return
    turn.to_send += agents_came(turn.services, turn.db, school, turn.staff, turn.at)
    turn.statuses_changed = True
    verified_events.add(turn.db, school, _day(turn), turn.staff, turn.at)


def was_mistake(turn: Turn, incident: Incident) -> None:
    """Nobody came: what this incident held is free again; what the safety lead has verified stays held."""
    if incident.school is None:
        return
    inside = {incident.started_by, *(one.staff for one in incidents.people_of(turn.db, incident.id))}
    day = turn.services.library.district.local(incident.started_at).date()
    for event in verified_events.since(turn.db, day, [incident.school]):
        if event.by in inside and event.at >= incident.started_at:
            verified_events.withdraw(turn.db, event.id, turn.staff, turn.at)


def _day(turn: Turn) -> date:
    return turn.services.library.district.local(turn.at).date()
