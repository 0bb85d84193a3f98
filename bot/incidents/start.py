"""An incident or a drill begins: written down, the chain paged, the first step given; all in one transaction.

The chain is paged by a case of the staff person's own contact, so that rounds, calls and TAKE are those of every
emergency.  Where somebody else at the school has begun before, the two are in one record.
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
    """Who begins what, where; `address`: the phone it was texted from, else the registered one is meant."""

    staff: str
    is_drill: bool
    school: str | None
    language: str = "en"
    address: str | None = None


def start_incident(runtime: Runtime, request: IncidentRequest, cause: str) -> str:
    """Begin it and page the chain; the first words to read.  A repeat of the same `cause` begins nothing anew.

    Raises `SQLAlchemyError` if the database is away.
    """
    return run_once(runtime, request.staff, cause, lambda turn: start_in_turn(turn, request)) or ""


def start_in_turn(turn: IncidentTurn, request: IncidentRequest) -> str:
    """The same, in a transaction that is open."""
    district = turn.runtime.library.district
    school = request.school or _get_single_school(staff_texts.list_possible_schools(district, request.staff))
    language = staff_texts.choose_language(request.language, turn.protocol)
    real = _find_real_incident(turn, request.staff, school)
    if request.is_drill and real:
        return _build_drill_refusal(turn, real, language)
    before = incidents.find_running_at_school(turn.db, school, request.is_drill) if school else None
    incident = before or _create_incident(turn, replace(request, school=school))
    if not request.is_drill:
        end.end_drills_as_real(turn, school)
        family_safeguards.apply(turn, school if before is None else None)  # who joins begins nothing anew
    person = incidents.find_or_add_participant(turn.db, incident.id, request.staff, language, turn.at)
    _page_staff(turn, incident, request.address, is_new=before is None)
    reply = _build_opening_text(turn, incident, person, has_joined=before is not None)
    log.info("incident: id=%s drill=%s live=%s joined=%s", incident.id, incident.drill, incident.live, bool(before))
    return turn.record_entry(incident, "join" if before else "start", person.step, reply)


def _get_single_school(schools: tuple[str, ...]) -> str | None:
    return schools[0] if len(schools) == 1 else None


def _find_real_incident(turn: IncidentTurn, staff: str, school: str | None) -> Incident | None:
    """The real incident that forbids a drill: one that this person is in, or of a school where it would be."""
    own = incidents.find_running_for_staff(turn.db, staff)
    if own and not own.drill:
        return own
    places = {school} if school else {None, *staff_texts.list_possible_schools(turn.runtime.library.district, staff)}
    return next((one for one in incidents.list_running(turn.db) if not one.drill and one.school in places), None)


def _build_drill_refusal(turn: IncidentTurn, real_incident: Incident, language: str) -> str:
    district = turn.runtime.library.district
    where = staff_texts.get_school_name(district, real_incident.school, language)
    return format_text(
        "running",
        language,
        school=where,
        when=staff_texts.format_clock_time(district, real_incident.started_at, language),
    )


def _create_incident(turn: IncidentTurn, request: IncidentRequest) -> Incident:
    district, protocol = turn.runtime.library.district, turn.protocol
    live = bool(protocol and protocol.is_live(district.to_local_time(turn.at).date()))
    steps = len(protocol.steps) if protocol and (live or request.is_drill) else 0
    version, at = protocol.version if protocol else NO_PROTOCOL_VERSION, turn.at
    new = Incident(
        0, request.school, request.is_drill, live, version, steps, request.staff, at, at, None, None, "", None
    )  # fmt: skip
    made = incidents.add(turn.db, new)
    what = "started a drill" if request.is_drill else "started an incident"
    audit_log.record(turn.db, request.staff, what, f"incident {made.id}", at, request.school or "")
    return made


def _page_staff(turn: IncidentTurn, incident: Incident, address: str | None, is_new: bool) -> None:
    """The case by which the chain is paged.  What has just begun pages whatever was open before; who joins a running
    incident pages again only as every emergency does (after ten minutes)."""
    topic = AGENTS_DRILL_TOPIC if incident.drill else AGENTS_TOPIC
    contact = _find_case_contact_id(turn, incident, topic, address)
    new = NewCase(
        contact, topic, "escalate_now", FRONT_OFFICE_ROLE, CASE_OPENING_TEXTS[incident.drill], "en", {}, incident.school
    )
    opened = cases.open_or_join(turn.db, turn.cause[:64], 0, new, turn.at)
    if is_new and not opened.is_new:
        cause = f"{turn.cause[:64]}:begin"
        case_transitions.restart_paging(turn.db, opened.id, incident.school, cause, turn.staff, turn.at)
    incidents.set_case(turn.db, incident.id, opened.id)
    if is_new or opened.should_page:
        turn.case_ids_to_page.append(opened.id)


def page_staff_again(turn: IncidentTurn, incident: Incident) -> None:
    """The chain once more, whatever became of the case before."""
    _page_staff(turn, incident, None, is_new=True)


def _find_case_contact_id(turn: IncidentTurn, incident: Incident, topic: str, address: str | None) -> int:
    """Whose case it is: that of the running incident; else who begins it, or the school's office where that person has
    an open one at another school (a family has one open case a topic) or no phone of the district file."""
    db, district = turn.db, turn.runtime.library.district
    if incident.case_id is not None:
        return cases.get(db, incident.case_id).contact_id
    for one in _list_addresses(district, turn.staff, incident.school, address):
        found = _find_or_add_contact(turn, one)
        open_one = cases.find_open(db, found.id, topic)
        if open_one is None or open_one.school in (None, incident.school):
            return found.id
    return found.id


def _list_addresses(district: District, staff: str, school: str | None, address: str | None) -> list[str]:
    person, at_school = district.staff.get(staff), district.schools.get(school or "")
    own = address or (district.get_alert_address(person) if person else None)
    return [one for one in (own, at_school.phone if at_school else None) if one] or [district.office_phone]


def _find_or_add_contact(turn: IncidentTurn, address: str) -> Contact:
    channel = "whatsapp" if address.startswith("whatsapp:") else "sms"
    return contacts.add(turn.db, address, channel, turn.at)


def _build_opening_text(turn: IncidentTurn, incident: Incident, person: IncidentParticipant, has_joined: bool) -> str:
    """The first message: whom we alert, what to do, or why there are no steps."""
    district, language = turn.runtime.library.district, person.language
    where = staff_texts.get_school_name(district, incident.school, language)
    people = staff_texts.format_alerted_names(district, incident.school, turn.at)
    first = format_text("started", language, district=district.name, school=where, people=people)
    if has_joined:
        starter = district.staff.get(incident.started_by)
        when = staff_texts.format_clock_time(district, incident.started_at, language)
        name = starter.name if starter else incident.started_by
        first = format_text("joined", language, starter=name, when=when, people=people)
    first = first if incident.drill or has_joined else f"{first} {format_text('mistake_how', language)}"
    return staff_texts.add_incident_labels(
        "\n\n".join([first, *_build_next_lines(turn, incident, person)]), incident, language, is_sample=True
    )


def _build_next_lines(turn: IncidentTurn, incident: Incident, person: IncidentParticipant) -> list[str]:
    district, language, protocol = turn.runtime.library.district, person.language, turn.protocol
    asked = incident.school is None
    question = (
        [
            staff_texts.build_school_question(
                district, staff_texts.list_possible_schools(district, person.staff), language
            )
        ]
        if asked
        else []
    )
    if not incident.steps or protocol is None:
        return [
            staff_texts.build_not_live_text(district, turn.at, language),
            *question,
            format_text("write_here", language),
        ]
    if asked:
        return [*question, format_text("how", language)]
    if person.step == 0:
        incidents.set_participant_step(turn.db, person, 1, turn.at if incident.steps == 1 else None)
    return [staff_texts.build_step_text(protocol, max(1, person.step), language), format_text("how", language)]


def set_school(turn: IncidentTurn, incident: Incident, person: IncidentParticipant, school: str) -> str:
    """Where it is, said later: those who were alerted and the school's own people hear it at once."""
    district, language = turn.runtime.library.district, person.language
    if incidents.set_school(turn.db, incident.id, school) and incident.case_id is not None:
        case_transitions.set_school(turn.db, incident.case_id, school)
        name = district.schools[school]
        body = f"{district.name}: case {incident.case_id} is at {name.name}. The office: {name.phone}."
        body = staff_texts.add_incident_labels(f"{body} To take it, reply TAKE {incident.case_id}.", incident, "en")
        for one in district.list_alert_recipients(FRONT_OFFICE_ROLE, turn.at, school):
            turn.delivery_ids.append(notices.plan_staff_notice(turn.runtime, turn.db, one, body, turn.at))
    if not incident.drill:
        end.end_drills_as_real(turn, school)
        family_safeguards.apply(turn, school)
    kept = format_text("school_kept", language, school=district.schools[school].name)
    parts = [kept]
    if person.step == 0 and incident.steps and turn.protocol:
        incidents.set_participant_step(turn.db, person, 1, turn.at if incident.steps == 1 else None)
        parts.append(staff_texts.build_step_text(turn.protocol, 1, language))
    reply = staff_texts.add_incident_labels("\n\n".join(parts), incident, language, is_sample=True)
    return turn.record_entry(incident, "school", max(person.step, 1 if incident.steps else 0), reply)
