"""An incident ends: by a word, as a mistake, by itself after hours, or a drill because it became real.

A real one leaves its case with whoever has it (a principal says when it is done); a drill's and a mistake's is done.
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
"""A real one (False) or a drill in which nothing is written for so long ends by itself."""
INCIDENT_ACTOR = "helper"
END_NOTICE_TEXTS = {
    "ended": "the front office writes that it is over.",
    "idle": "nothing was written for hours, so its record is closed.",
    "mistake": "it was a mistake, nobody came.",
}
"""What those who were alerted read of the end."""
END_AUDIT_ACTIONS = {
    "ended": "ended an incident",
    "idle": "closed an idle incident",
    "mistake": "ended an incident as a mistake",
}
"""What the audit log says of it."""


def end_as_over(turn: IncidentTurn, incident: Incident, person: IncidentParticipant, is_stop_word: bool = False) -> str:
    """Close it with a summary."""
    incidents.end(turn.db, incident.id, turn.staff, "ended", turn.at)
    _close_and_notify(turn, incident, "ended")
    reply = build_summary(turn, incident, person)
    reply = f"{reply} {format_text('stop_word', person.language)}" if is_stop_word else reply
    return turn.record_entry(
        incident, "end", person.step, staff_texts.add_incident_labels(reply, incident, person.language)
    )


def end_as_mistake(turn: IncidentTurn, incident: Incident, person: IncidentParticipant) -> str:
    """Nobody came: the chain hears it at once."""
    incidents.end(turn.db, incident.id, turn.staff, "mistake", turn.at)
    if not incident.drill:
        family_safeguards.release(turn, incident)
    _close_and_notify(turn, incident, "mistake")
    reply = staff_texts.add_incident_labels(format_text("mistake", person.language), incident, person.language)
    return turn.record_entry(incident, "end", person.step, reply)


def build_summary(turn: IncidentTurn, incident: Incident, person: IncidentParticipant) -> str:
    """When, how long, how far, what was kept, who took it, and where to read it."""
    services, language = turn.runtime, person.language
    district = services.library.district
    found = incidents.list_entries(turn.db, incident.id)
    case = cases.find(turn.db, incident.case_id or 0)
    who = district.staff.get(case.claimed_by or "") if case else None
    taken = format_text("taken", language, name=who.name) if who else format_text("not_taken", language)
    figures = {"minutes": int((turn.at - incident.started_at).total_seconds() // 60), "reached": person.reached}
    figures |= {"count": incident.steps, "lines": sum(1 for one in found if one.kind == "answer")}
    base = f"{services.settings.public_base}/console/agents"
    parts = [
        format_text(
            "over", language, when=staff_texts.format_clock_time(district, turn.at, language), taken=taken, **figures
        )
    ]
    parts.append(format_text("record", language, link=f"{base}/{incident.id}"))
    has_quiz = incident.drill and turn.protocol and turn.protocol.quiz
    return " ".join([*parts, *([format_text("quiz", language, link=f"{base}/quiz")] if has_quiz else [])])


def _close_and_notify(turn: IncidentTurn, incident: Incident, outcome: str) -> None:
    """The case, and the word to those who were alerted and to the others in it."""
    audit_log.record(turn.db, turn.staff, END_AUDIT_ACTIONS[outcome], f"incident {incident.id}", turn.at)
    paged = _list_alerted_staff(turn, incident)
    if (incident.drill or outcome == "mistake") and incident.case_id is not None:
        _close_case(turn, incident.case_id, outcome)
    here = f"{turn.runtime.settings.public_base}/console/agents/{incident.id}"
    body = f"{turn.runtime.library.district.name}: case {incident.case_id}: {END_NOTICE_TEXTS[outcome]} {here}"
    inside = {one.staff for one in incidents.list_participants(turn.db, incident.id)}
    _notify_staff(turn, (paged | inside) - {turn.staff}, staff_texts.add_incident_labels(body, incident, "en"))


def _list_alerted_staff(turn: IncidentTurn, incident: Incident) -> set[str]:
    """Who was alerted since it began; only whoever has it, once somebody does."""
    case = cases.find(turn.db, incident.case_id or 0)
    if case is None:
        return set()
    if case.claimed_by:
        return {case.claimed_by}
    found = deliveries.list_for_case(turn.db, case.id)
    return {one.staff for one in found if one.staff and one.state != "waiting" and one.due_at >= incident.started_at}


def _close_case(turn: IncidentTurn, case_id: int, reason: str) -> None:
    case = cases.get(turn.db, case_id)
    if case_transitions.resolve(turn.db, case_id, turn.staff, turn.at, reason):
        deliveries.cancel_pages(turn.db, case_id)
        turn.delivery_ids += staff_conversation.end_conversation(turn.runtime, turn.db, case, turn.at)
        turn.ended_contact_ids.append(case.contact_id)


def _notify_staff(turn: IncidentTurn, people: set[str], body: str) -> None:
    known = turn.runtime.library.district.staff
    for person in sorted(people & known.keys()):
        turn.delivery_ids.append(notices.plan_staff_notice(turn.runtime, turn.db, person, body, turn.at))


def end_drills_as_real(turn: IncidentTurn, school: str | None) -> None:
    """It is real now: the drill that this person is in, and the school's, end, and who is in them hears it."""
    own = incidents.find_running_drill_for_staff(turn.db, turn.staff)
    there = incidents.find_running_at_school(turn.db, school, True) if school else None
    for drill in {one.id: one for one in (own, there) if one}.values():
        incidents.end(turn.db, drill.id, turn.staff, "real", turn.at)
        audit_log.record(turn.db, turn.staff, "ended a drill: real", f"incident {drill.id}", turn.at)
        if drill.case_id is not None:
            _close_case(turn, drill.case_id, "real")
        district = turn.runtime.library.district
        where = staff_texts.get_school_name(district, school or drill.school, "en")
        body = f"{district.name}: the drill is over. THIS IS REAL: agents at {where}. Reply ICE to get the steps."
        others = {one.staff for one in incidents.list_participants(turn.db, drill.id)} - {turn.staff}
        _notify_staff(turn, others, body)


def end_idle_incidents(runtime: Runtime) -> None:
    """The sweep: what nobody has written to for hours is over."""
    at = now()
    with runtime.database.read() as db:
        if not incidents.list_running(db):
            return
    with runtime.database.write() as db:
        incidents.acquire_lock(db)
        turn = IncidentTurn(runtime, db, INCIDENT_ACTOR, "", at)
        for drill, span in IDLE_TIMEOUTS.items():
            for one in incidents.list_idle(db, drill, at - span):
                if incidents.end(db, one.id, INCIDENT_ACTOR, "idle", at):
                    _close_and_notify(turn, one, "idle")
    enqueue_jobs(turn)
