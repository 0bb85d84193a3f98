"""Write the texts that a front office reads: a step, the alerted staff, whom to call, and what was recorded."""

from datetime import datetime

from babel.dates import format_time

from bot.content import dates
from bot.content.district import District
from bot.content.incident_protocol import IncidentProtocol
from bot.incidents.texts import add_labels, format_text, get_complete_languages
from bot.store.schools.incidents import Incident, IncidentParticipant

FRONT_OFFICE_ROLE = "front_office"
"""The `on_call` chain that is alerted: principal, superintendent, counsel."""
SUPERINTENDENT_ROLE = "superintendents_office"
"""The role that a front office calls itself while no protocol is live."""
MAX_ALERTED_NAMES = 4


def choose_language(wanted: str, protocol: IncidentProtocol | None) -> str:
    """Return the wanted language if Puente's texts and a step of the protocol are written in it, else English."""
    steps = protocol.steps if protocol else ()
    if wanted in get_complete_languages() and any(wanted in step.also for step in steps):
        return wanted
    return "en"


def add_incident_labels(text: str, incident: Incident, language: str, is_sample: bool = False) -> str:
    """Add the drill label, and the sample label where a drill shows steps that are not live."""
    return add_labels(text, language, incident.drill, is_sample and incident.drill and not incident.live)


def build_step_text(protocol: IncidentProtocol, number: int, language: str) -> str:
    """Return one step with its question. `number` counts from 1."""
    wording, count = protocol.steps[number - 1].get_in_language(language), len(protocol.steps)
    lines = [f"{format_text('step', language, number=number, count=count)} {wording.say}"]
    if wording.ask:
        lines.append(wording.ask)
    if number == count:
        lines.append(format_text("last", language))
    return "\n".join(lines)


def format_alerted_names(district: District, school: str | None, now: datetime) -> str:
    """Return the names of the people whom the chain reaches first."""
    people = list(district.list_alert_recipients(FRONT_OFFICE_ROLE, now, school).values())
    return ", ".join(person.name for person in people[:MAX_ALERTED_NAMES])


def build_not_live_text(district: District, now: datetime, language: str) -> str:
    """Return why there are no steps, and whom to call instead."""
    review_by = district.protocol.review_by if district.protocol else None
    if review_by is not None and district.to_local_time(now).date() > review_by:
        reason = format_text("out_of_date", language, day=dates.format_full_date(review_by, language))
    else:
        reason = format_text("not_signed", language)
    return " ".join([reason, format_text("call", language, people=format_leader_contacts(district, now))])


def format_leader_contacts(district: District, now: datetime) -> str:
    """Return the superintendent's office by name and work number, and the district office."""
    leader = next(iter(district.list_alert_recipients(SUPERINTENDENT_ROLE, now).values()))
    return f"{leader.name} ({leader.role}) {leader.phone}, {district.name} {district.office_phone}"


def get_school_name(district: District, school: str | None, language: str) -> str:
    """Return the school's name, or "a school" while it is unknown."""
    if school in district.schools:
        return district.schools[school].name
    return format_text("some_school", language)


def format_clock_time(district: District, moment: datetime, language: str) -> str:
    """Return the time of day on the district's clocks."""
    text = format_time(district.to_local_time(moment), "short", locale=language)
    return text.replace("\u202f", " ")  # a narrow no-break space would double the price of the SMS


def build_school_question(district: District, school_ids: tuple[str, ...], language: str) -> str:
    """Return the question about the school, with a numbered list."""
    lines = [f"{number}. {district.schools[school_id].name}" for number, school_id in enumerate(school_ids, 1)]
    return "\n".join([format_text("which_school", language), *lines])


def list_possible_schools(district: District, staff: str) -> tuple[str, ...]:
    """Return the person's own schools, or all schools if there are none."""
    person = district.staff.get(staff)
    return person.schools if person and person.schools else tuple(district.schools)


def has_question(protocol: IncidentProtocol | None, person: IncidentParticipant) -> bool:
    """Say whether the current step asks something."""
    return protocol is not None and 0 < person.step <= len(protocol.steps) and bool(protocol.steps[person.step - 1].ask)
