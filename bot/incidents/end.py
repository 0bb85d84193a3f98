"""End an incident: with a command, as a mistake, after idle hours, or a drill that became real.

The case of a real incident stays with its assignee, and a principal resolves it. The case of a drill or a mistake is
resolved at once.
"""

from datetime import timedelta

from bot.base.database import now
from bot.cases import notices, staff_conversation
from bot.incidents import family_safeguards, staff_texts
from bot.incidents.texts import format_text
from bot.incidents.transaction import IncidentTurn, enqueue_jobs
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.cases import case_transitions, cases, deliveries
from bot.store.schools import incidents
from bot.store.schools.incidents import Incident, IncidentParticipant

IDLE_TIMEOUTS = {False: timedelta(hours=6), True: timedelta(minutes=45)}
"""A real incident (False) or a drill (True) ends when nobody writes for this time."""
INCIDENT_ACTOR = "helper"
END_NOTICE_TEXTS = {
    "ended": "the front office writes that it is over.",
    "idle": "nobody wrote for hours, so its record is closed.",
    "mistake": "it was a mistake, nobody came.",
}
"""How the alerted staff learn about the end."""
END_AUDIT_ACTIONS = {
    "ended": "ended an incident",
    "idle": "closed an idle incident",
    "mistake": "ended an incident as a mistake",
}
"""The entries of the audit log."""


def end_as_over(turn: IncidentTurn, incident: Incident, person: IncidentParticipant, is_stop_word: bool = False) -> str:
    """End the incident and return a summary."""
    incidents.end(turn.db, incident.id, turn.staff, "ended", turn.at)
    _close_and_notify(turn, incident, "ended")
    reply = build_summary(turn, incident, person)
    if is_stop_word:
        reply = f"{reply} {format_text('stop_word', person.language)}"
    reply = staff_texts.add_incident_labels(reply, incident, person.language)
    return turn.record_entry(incident, "end", person.step, reply)


def end_as_mistake(turn: IncidentTurn, incident: Incident, person: IncidentParticipant) -> str:
    """End the incident because no agents came, and tell the alerted staff at once."""
    incidents.end(turn.db, incident.id, turn.staff, "mistake", turn.at)
    if not incident.drill:
        family_safeguards.release(turn, incident)
    _close_and_notify(turn, incident, "mistake")
    reply = staff_texts.add_incident_labels(format_text("mistake", person.language), incident, person.language)
    return turn.record_entry(incident, "end", person.step, reply)


def build_summary(turn: IncidentTurn, incident: Incident, person: IncidentParticipant) -> str:
    """Return the duration, the steps reached, the lines kept, the assignee, and the link to the record."""
    language, base = person.language, f"{turn.runtime.settings.public_base}/console/agents"
    entries = incidents.list_entries(turn.db, incident.id)
    overview = format_text(
        "over",
        language,
        when=staff_texts.format_clock_time(turn.runtime.library.district, turn.at, language),
        minutes=int((turn.at - incident.started_at).total_seconds() // 60),
        reached=person.reached,
        count=incident.steps,
        lines=sum(1 for entry in entries if entry.kind == "answer"),
        taken=_format_assignee(turn, incident, language),
    )
    parts = [overview, format_text("record", language, link=f"{base}/{incident.id}")]
    if incident.drill and turn.protocol and turn.protocol.quiz:
        parts.append(format_text("quiz", language, link=f"{base}/quiz"))
    return " ".join(parts)


def _format_assignee(turn: IncidentTurn, incident: Incident, language: str) -> str:
    case = cases.find(turn.db, incident.case_id or 0)
    assignee = turn.runtime.library.district.staff.get(case.claimed_by or "") if case else None
    if assignee is None:
        return format_text("not_taken", language)
    return format_text("taken", language, name=assignee.name)


def _close_and_notify(turn: IncidentTurn, incident: Incident, outcome: str) -> None:
    """Resolve the case if it is a drill or a mistake, and tell the alerted staff and the participants."""
    audit_log.record(turn.db, turn.staff, END_AUDIT_ACTIONS[outcome], f"incident {incident.id}", turn.at)
    alerted_staff = _list_alerted_staff(turn, incident)
    if (incident.drill or outcome == "mistake") and incident.case_id is not None:
        _close_case(turn, incident.case_id, outcome)
    url = f"{turn.runtime.settings.public_base}/console/agents/{incident.id}"
    body = f"{turn.runtime.library.district.name}: case {incident.case_id}: {END_NOTICE_TEXTS[outcome]} {url}"
    participants = {participant.staff for participant in incidents.list_participants(turn.db, incident.id)}
    _notify_staff(
        turn, (alerted_staff | participants) - {turn.staff}, staff_texts.add_incident_labels(body, incident, "en")
    )


def _list_alerted_staff(turn: IncidentTurn, incident: Incident) -> set[str]:
    """Return the staff alerted since the start, or only the assignee once there is one."""
    case = cases.find(turn.db, incident.case_id or 0)
    if case is None:
        return set()
    if case.claimed_by:
        return {case.claimed_by}
    return {
        delivery.staff
        for delivery in deliveries.list_for_case(turn.db, case.id)
        if delivery.staff and delivery.state != "waiting" and delivery.due_at >= incident.started_at
    }


def _close_case(turn: IncidentTurn, case_id: int, reason: str) -> None:
    case = cases.get(turn.db, case_id)
    if case_transitions.resolve(turn.db, case_id, turn.staff, turn.at, reason):
        deliveries.cancel_pages(turn.db, case_id)
        turn.delivery_ids += staff_conversation.end_conversation(turn.runtime, turn.db, case, turn.at)
        turn.ended_contact_ids.append(case.contact_id)


def _notify_staff(turn: IncidentTurn, people: set[str], body: str) -> None:
    for person in sorted(people & turn.runtime.library.district.staff.keys()):
        turn.delivery_ids.append(notices.plan_staff_notice(turn.runtime, turn.db, person, body, turn.at))


def end_drills_as_real(turn: IncidentTurn, school: str | None) -> None:
    """End the drills of this person and of the school because agents have come, and tell the participants."""
    own_drill = incidents.find_running_drill_for_staff(turn.db, turn.staff)
    school_drill = incidents.find_running_at_school(turn.db, school, True) if school else None
    district = turn.runtime.library.district
    for drill in {drill.id: drill for drill in (own_drill, school_drill) if drill}.values():
        incidents.end(turn.db, drill.id, turn.staff, "real", turn.at)
        audit_log.record(turn.db, turn.staff, "ended a drill: real", f"incident {drill.id}", turn.at)
        if drill.case_id is not None:
            _close_case(turn, drill.case_id, "real")
        school_name = staff_texts.get_school_name(district, school or drill.school, "en")
        body = f"{district.name}: the drill is over. THIS IS REAL: agents at {school_name}. Reply ICE to get the steps."
        participants = {participant.staff for participant in incidents.list_participants(turn.db, drill.id)}
        _notify_staff(turn, participants - {turn.staff}, body)


def end_idle_incidents(runtime: Runtime) -> None:
    """End the incidents in which nobody has written for hours. The sweep calls this."""
    current_time = now()
    with runtime.database.read() as db:
        if not incidents.list_running(db):
            return
    with runtime.database.write() as db:
        incidents.acquire_lock(db)
        turn = IncidentTurn(runtime, db, INCIDENT_ACTOR, "", current_time)
        for is_drill, timeout in IDLE_TIMEOUTS.items():
            for incident in incidents.list_idle(db, is_drill, current_time - timeout):
                if incidents.end(db, incident.id, INCIDENT_ACTOR, "idle", current_time):
                    _close_and_notify(turn, incident, "idle")
    enqueue_jobs(turn)
