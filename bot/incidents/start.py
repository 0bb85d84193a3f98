"""Start an incident or a drill in one transaction: write it down, alert the chain, and text the first step.

The chain is alerted by a case of the staff member's own contact, so its rounds, calls, and TAKE work as in every
emergency. If somebody else at the school has started the incident, both are in one record.
"""

import logging
from dataclasses import dataclass, replace

from bot.cases import notices
from bot.content.district import District
from bot.incidents import end, family_safeguards, staff_texts
from bot.incidents.staff_texts import FRONT_OFFICE_ROLE
from bot.incidents.texts import format_text
from bot.incidents.transaction import IncidentTurn, run_once
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.cases import case_transitions, cases
from bot.store.cases.cases import AGENTS_DRILL_TOPIC, AGENTS_TOPIC, NewCase
from bot.store.families import contacts
from bot.store.families.contacts import Contact
from bot.store.schools import incidents
from bot.store.schools.incidents import Incident, IncidentParticipant

CASE_OPENING_TEXTS = {
    False: "The front office says that agents are at the school",
    True: "DRILL, not real: agents at the school",
}
NO_PROTOCOL_VERSION = "none"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IncidentRequest:
    """The request to start an incident or a drill. Without the `address` of a text, use the registered phone."""

    staff: str
    is_drill: bool
    school: str | None
    language: str = "en"
    address: str | None = None


def start_incident(runtime: Runtime, request: IncidentRequest, cause: str) -> str:
    """Start it, alert the chain, and return the first text. A repeat of the same `cause` starts nothing.

    Raises:
        SQLAlchemyError: The database is away.
    """
    return run_once(runtime, request.staff, cause, lambda turn: start_in_turn(turn, request)) or ""


def start_in_turn(turn: IncidentTurn, request: IncidentRequest) -> str:
    """Start it in an open transaction, and return the first text."""
    possible_schools = staff_texts.list_possible_schools(turn.runtime.library.district, request.staff)
    school = request.school or (possible_schools[0] if len(possible_schools) == 1 else None)
    language = staff_texts.choose_language(request.language, turn.protocol)
    real_incident = _find_real_incident(turn, request.staff, school)
    if request.is_drill and real_incident:
        return _build_drill_refusal(turn, real_incident, language)
    running = incidents.find_running_at_school(turn.db, school, request.is_drill) if school else None
    incident = running or _create_incident(turn, replace(request, school=school))
    if not request.is_drill:
        end.end_drills_as_real(turn, school)
        if running is None:  # the safeguards of a running incident are in place
            family_safeguards.apply(turn, school)
    participant = incidents.find_or_add_participant(turn.db, incident.id, request.staff, language, turn.at)
    _page_staff(turn, incident, request.address, is_new=running is None)
    reply = _build_opening_text(turn, incident, participant, has_joined=running is not None)
    log.info("incident: id=%s drill=%s live=%s joined=%s", incident.id, incident.drill, incident.live, bool(running))
    return turn.record_entry(incident, "join" if running else "start", participant.step, reply)


def _find_real_incident(turn: IncidentTurn, staff: str, school: str | None) -> Incident | None:
    """Return a real incident that rules out a drill: this person's, or one at the drill's school."""
    own_incident = incidents.find_running_for_staff(turn.db, staff)
    if own_incident and not own_incident.drill:
        return own_incident
    district = turn.runtime.library.district
    schools = {school}
    if not school:
        schools = {None, *staff_texts.list_possible_schools(district, staff)}
    real_incidents = (incident for incident in incidents.list_running(turn.db) if not incident.drill)
    return next((incident for incident in real_incidents if incident.school in schools), None)


def _build_drill_refusal(turn: IncidentTurn, real_incident: Incident, language: str) -> str:
    district = turn.runtime.library.district
    school_name = staff_texts.get_school_name(district, real_incident.school, language)
    when = staff_texts.format_clock_time(district, real_incident.started_at, language)
    return format_text("running", language, school=school_name, when=when)


def _create_incident(turn: IncidentTurn, request: IncidentRequest) -> Incident:
    district, protocol = turn.runtime.library.district, turn.protocol
    is_live, steps, version, now = False, 0, NO_PROTOCOL_VERSION, turn.at
    if protocol:
        is_live, version = protocol.is_live(district.to_local_time(now).date()), protocol.version
    if protocol and (is_live or request.is_drill):
        steps = len(protocol.steps)
    incident = Incident(
        0, request.school, request.is_drill, is_live, version, steps, request.staff, now, now, None, None, "", None
    )  # fmt: skip
    created = incidents.add(turn.db, incident)
    action = "started a drill" if request.is_drill else "started an incident"
    audit_log.record(turn.db, request.staff, action, f"incident {created.id}", now, request.school or "")
    return created


def _page_staff(turn: IncidentTurn, incident: Incident, address: str | None, is_new: bool) -> None:
    """Open or join the case that alerts the chain.

    A new incident alerts everyone, even if a case was open. Joining a running incident alerts again only as any
    emergency does (after ten minutes).
    """
    topic = AGENTS_DRILL_TOPIC if incident.drill else AGENTS_TOPIC
    contact_id = _find_case_contact_id(turn, incident, topic, address)
    new_case = NewCase(
        contact_id,
        topic,
        "escalate_now",
        FRONT_OFFICE_ROLE,
        CASE_OPENING_TEXTS[incident.drill],
        "en",
        {},
        incident.school,
    )
    case = cases.open_or_join(turn.db, turn.cause[:64], 0, new_case, turn.at)
    if is_new and not case.is_new:
        cause = f"{turn.cause[:64]}:begin"
        case_transitions.restart_paging(turn.db, case.id, incident.school, cause, turn.staff, turn.at)
    incidents.set_case(turn.db, incident.id, case.id)
    if is_new or case.should_page:
        turn.case_ids_to_page.append(case.id)


def page_staff_again(turn: IncidentTurn, incident: Incident) -> None:
    """Alert the chain again, even if the case was resolved."""
    _page_staff(turn, incident, None, is_new=True)


def _find_case_contact_id(turn: IncidentTurn, incident: Incident, topic: str, address: str | None) -> int:
    """Return the contact of the incident's case, else of the person who starts it, else of the school's office.

    The office is used if the person has no phone in the district file, or an open case at another school: a contact has
    one open case per topic.
    """
    db, district = turn.db, turn.runtime.library.district
    if incident.case_id is not None:
        return cases.get(db, incident.case_id).contact_id
    for candidate in _list_addresses(district, turn.staff, incident.school, address):
        contact = _find_or_add_contact(turn, candidate)
        case = cases.find_open(db, contact.id, topic)
        if case is None or case.school in (None, incident.school):
            break
    return contact.id


def _list_addresses(district: District, staff: str, school_id: str | None, address: str | None) -> list[str]:
    member, school = district.staff.get(staff), district.schools.get(school_id or "")
    addresses = [address]
    if member and not address:
        addresses = [district.get_alert_address(member)]
    if school:
        addresses.append(school.phone)
    return [candidate for candidate in addresses if candidate] or [district.office_phone]


def _find_or_add_contact(turn: IncidentTurn, address: str) -> Contact:
    channel = "whatsapp" if address.startswith("whatsapp:") else "sms"
    return contacts.add(turn.db, address, channel, turn.at)


def _build_opening_text(turn: IncidentTurn, incident: Incident, person: IncidentParticipant, has_joined: bool) -> str:
    """Return the first text: whom Puente alerts, and the first step or why there are no steps."""
    district, language = turn.runtime.library.district, person.language
    people = staff_texts.format_alerted_names(district, incident.school, turn.at)
    if has_joined:
        starter = district.staff.get(incident.started_by)
        name = starter.name if starter else incident.started_by
        when = staff_texts.format_clock_time(district, incident.started_at, language)
        opening = format_text("joined", language, starter=name, when=when, people=people)
    else:
        school_name = staff_texts.get_school_name(district, incident.school, language)
        opening = format_text("started", language, district=district.name, school=school_name, people=people)
        if not incident.drill:
            opening = f"{opening} {format_text('mistake_how', language)}"
    text = "\n\n".join([opening, *_build_next_lines(turn, incident, person)])
    return staff_texts.add_incident_labels(text, incident, language, is_sample=True)


def _build_next_lines(turn: IncidentTurn, incident: Incident, person: IncidentParticipant) -> list[str]:
    district, language, protocol = turn.runtime.library.district, person.language, turn.protocol
    questions = []
    if incident.school is None:
        schools = staff_texts.list_possible_schools(district, person.staff)
        questions.append(staff_texts.build_school_question(district, schools, language))
    if not incident.steps or protocol is None:
        not_live_text = staff_texts.build_not_live_text(district, turn.at, language)
        return [not_live_text, *questions, format_text("write_here", language)]
    if questions:
        return [*questions, format_text("how", language)]
    if person.step == 0:
        _record_first_step(turn, incident, person)
    return [staff_texts.build_step_text(protocol, max(1, person.step), language), format_text("how", language)]


def _record_first_step(turn: IncidentTurn, incident: Incident, person: IncidentParticipant) -> None:
    """Record that the person has the first step, which is also the last one of a protocol with one step."""
    done_at = turn.at if incident.steps == 1 else None
    incidents.set_participant_step(turn.db, person, 1, done_at)


def set_school(turn: IncidentTurn, incident: Incident, person: IncidentParticipant, school: str) -> str:
    """Set the school that a participant names later, and tell the alerted staff and the school's own people."""
    language = person.language
    if incidents.set_school(turn.db, incident.id, school) and incident.case_id is not None:
        case_transitions.set_school(turn.db, incident.case_id, school)
        _notify_about_school(turn, incident, incident.case_id, school)
    if not incident.drill:
        end.end_drills_as_real(turn, school)
        family_safeguards.apply(turn, school)
    parts = [format_text("school_kept", language, school=turn.runtime.library.district.schools[school].name)]
    if person.step == 0 and incident.steps and turn.protocol:
        _record_first_step(turn, incident, person)
        parts.append(staff_texts.build_step_text(turn.protocol, 1, language))
    reply = staff_texts.add_incident_labels("\n\n".join(parts), incident, language, is_sample=True)
    return turn.record_entry(incident, "school", max(person.step, min(1, incident.steps)), reply)


def _notify_about_school(turn: IncidentTurn, incident: Incident, case_id: int, school_id: str) -> None:
    district, school = turn.runtime.library.district, turn.runtime.library.district.schools[school_id]
    body = f"{district.name}: case {case_id} is at {school.name}. The office: {school.phone}."
    body = staff_texts.add_incident_labels(f"{body} To take it, reply TAKE {case_id}.", incident, "en")
    for person in district.list_alert_recipients(FRONT_OFFICE_ROLE, turn.at, school_id):
        turn.delivery_ids.append(notices.plan_staff_notice(turn.runtime, turn.db, person, body, turn.at))
