"""An incident ends: by a word, as a mistake, by itself after hours, or a drill because it became real.

A real one leaves its case with whoever has it (a principal says when it is done); a drill's and a mistake's is done.
"""

from datetime import timedelta

from bot.base.database import now
from bot.cases import notices, staff_conversation
from bot.incidents import family_safeguards, staff_texts
from bot.incidents.texts import said
from bot.incidents.transaction import Turn, after
from bot.runtime import Services
from bot.store import audit_log
from bot.store.cases import case_transitions, cases, deliveries
from bot.store.schools import incidents
from bot.store.schools.incidents import Incident, Person

IDLE = {False: timedelta(hours=6), True: timedelta(minutes=45)}
"""A real one (False) or a drill in which nothing is written for so long ends by itself."""
PROGRAM = "helper"
TOLD = {
    "ended": "the front office writes that it is over.",
    "idle": "nothing was written for hours, so its record is closed.",
    "mistake": "it was a mistake, nobody came.",
}
"""What those who were alerted read of the end."""
ENDED = {
    "ended": "ended an incident",
    "idle": "closed an idle incident",
    "mistake": "ended an incident as a mistake",
}
"""What the audit log says of it."""


def over(turn: Turn, incident: Incident, person: Person, stop_word: bool = False) -> str:
    """Close it with a summary."""
    incidents.end(turn.db, incident.id, turn.staff, "ended", turn.at)
    _settle(turn, incident, "ended")
    reply = summary(turn, incident, person)
    reply = f"{reply} {said('stop_word', person.language)}" if stop_word else reply
    return turn.write(incident, "end", person.step, staff_texts.mark(reply, incident, person.language))


def mistake(turn: Turn, incident: Incident, person: Person) -> str:
    """Nobody came: the chain hears it at once."""
    incidents.end(turn.db, incident.id, turn.staff, "mistake", turn.at)
    if not incident.drill:
        family_safeguards.was_mistake(turn, incident)
    _settle(turn, incident, "mistake")
    reply = staff_texts.mark(said("mistake", person.language), incident, person.language)
    return turn.write(incident, "end", person.step, reply)


def summary(turn: Turn, incident: Incident, person: Person) -> str:
    """When, how long, how far, what was kept, who took it, and where to read it."""
    services, language = turn.services, person.language
    district, vault = services.library.district, services.database.vault
    found = incidents.entries_of(turn.db, vault, incident.id)
    case = cases.find(turn.db, vault, incident.case_id or 0)
    who = district.staff.get(case.claimed_by or "") if case else None
    taken = said("taken", language, name=who.name) if who else said("not_taken", language)
    figures = {"minutes": int((turn.at - incident.started_at).total_seconds() // 60), "reached": person.reached}
    figures |= {"count": incident.steps, "lines": sum(1 for one in found if one.kind == "answer")}
    base = f"{services.settings.public_base}/console/agents"
    parts = [said("over", language, when=staff_texts.clock(district, turn.at, language), taken=taken, **figures)]
    parts.append(said("record", language, link=f"{base}/{incident.id}"))
    has_quiz = incident.drill and turn.protocol and turn.protocol.quiz
    return " ".join([*parts, *([said("quiz", language, link=f"{base}/quiz")] if has_quiz else [])])


def _settle(turn: Turn, incident: Incident, how: str) -> None:
    """The case, and the word to those who were alerted and to the others in it."""
    audit_log.record(turn.db, turn.staff, ENDED[how], f"incident {incident.id}", turn.at)
    paged = _paged(turn, incident)
    if (incident.drill or how == "mistake") and incident.case_id is not None:
        _close_case(turn, incident.case_id, how)
    here = f"{turn.services.settings.public_base}/console/agents/{incident.id}"
    body = f"{turn.services.library.district.name}: case {incident.case_id}: {TOLD[how]} {here}"
    inside = {one.staff for one in incidents.people_of(turn.db, incident.id)}
    _tell(turn, (paged | inside) - {turn.staff}, staff_texts.mark(body, incident, "en"))


def _paged(turn: Turn, incident: Incident) -> set[str]:
    """Who was alerted since it began; only whoever has it, once somebody does."""
    vault = turn.services.database.vault
    case = cases.find(turn.db, vault, incident.case_id or 0)
    if case is None:
        return set()
    if case.claimed_by:
        return {case.claimed_by}
    found = deliveries.of_case(turn.db, vault, case.id)
    return {one.staff for one in found if one.staff and one.state != "waiting" and one.due_at >= incident.started_at}


def _close_case(turn: Turn, case_id: int, why: str) -> None:
    case = cases.get(turn.db, turn.services.database.vault, case_id)
    if case_transitions.resolve(turn.db, case_id, turn.staff, turn.at, why):
        deliveries.cancel_pages(turn.db, case_id)
        turn.to_send += staff_conversation.end(turn.services, turn.db, case, turn.at)
        turn.talks_over.append(case.contact_id)


def _tell(turn: Turn, people: set[str], body: str) -> None:
    known = turn.services.library.district.staff
    for person in sorted(people & known.keys()):
        turn.to_send.append(notices.to_staff(turn.services, turn.db, person, body, turn.at))


def cut_drills_short(turn: Turn, school: str | None) -> None:
    """It is real now: the drill that this person is in, and the school's, end, and who is in them hears it."""
    own = incidents.own_drill(turn.db, turn.staff)
    there = incidents.at_school(turn.db, school, True) if school else None
    for drill in {one.id: one for one in (own, there) if one}.values():
        incidents.end(turn.db, drill.id, turn.staff, "real", turn.at)
        audit_log.record(turn.db, turn.staff, "ended a drill: real", f"incident {drill.id}", turn.at)
        if drill.case_id is not None:
            _close_case(turn, drill.case_id, "real")
        district = turn.services.library.district
        where = staff_texts.school_name(district, school or drill.school, "en")
        body = f"{district.name}: the drill is over. THIS IS REAL: agents at {where}. Reply ICE to get the steps."
        others = {one.staff for one in incidents.people_of(turn.db, drill.id)} - {turn.staff}
        _tell(turn, others, body)


def end_idle(services: Services) -> None:
    """The sweep: what nobody has written to for hours is over."""
    at = now()
    with services.database.read() as db:
        if not incidents.running(db):
            return
    with services.database.write() as db:
        incidents.one_at_a_time(db)
        turn = Turn(services, db, PROGRAM, "", at)
        for drill, span in IDLE.items():
            for one in incidents.idle(db, drill, at - span):
                if incidents.end(db, one.id, PROGRAM, "idle", at):
                    _settle(turn, one, "idle")
    after(turn)
