"""Protect families from wrong texts during a real incident.

From the first minute, a school status such as "there were no agents" no longer counts, and texts about truancy are held
(docs/schools-today.md). Nothing about the incident itself is published. After a mistake, the hold ends.
"""

from datetime import date

from bot.incidents.transaction import IncidentTurn
from bot.school_status.status_change import withdraw_contradicted
from bot.store.schools import incidents, verified_events
from bot.store.schools.incidents import Incident


def apply(turn: IncidentTurn, school: str | None) -> None:
    """Withdraw contradicted school statuses and hold texts about truancy for this school."""
    if school is None:
        return
    turn.delivery_ids += withdraw_contradicted(turn.runtime, turn.db, school, turn.staff, turn.at)
    turn.has_status_changes = True
    verified_events.add(turn.db, school, _get_local_date(turn), turn.staff, turn.at)


def release(turn: IncidentTurn, incident: Incident) -> None:
    """Withdraw the holds of this incident. Events that the safety lead verified stay."""
    if incident.school is None:
        return
    participants = {
        incident.started_by,
        *(participant.staff for participant in incidents.list_participants(turn.db, incident.id)),
    }
    day = turn.runtime.library.district.to_local_time(incident.started_at).date()
    for event in verified_events.list_since(turn.db, day, [incident.school]):
        if event.by in participants and event.at >= incident.started_at:
            verified_events.withdraw(turn.db, event.id, turn.staff, turn.at)


def _get_local_date(turn: IncidentTurn) -> date:
    return turn.runtime.library.district.to_local_time(turn.at).date()
