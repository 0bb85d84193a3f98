"""The texts that somebody at the desk reads: a step, whom we alert, whom to call, what was kept."""

from datetime import datetime

from babel.dates import format_time

from bot.content import dates
from bot.content.district import District
from bot.content.incident_protocol import IncidentProtocol
from bot.incidents.texts import add_labels, format_text, get_complete_languages
from bot.store.schools.incidents import Incident, IncidentParticipant

FRONT_OFFICE_ROLE = "front_office"
"""The `on_call` chain that is paged: principal, superintendent, counsel."""
SUPERINTENDENT_ROLE = "superintendents_office"
"""Whom a front office calls itself where no protocol is live."""
MAX_ALERTED_NAMES = 4


def choose_language(wanted: str, protocol: IncidentProtocol | None) -> str:
    """The language somebody began in, if both the program's words and a step of the protocol are written in it."""
    steps = protocol.steps if protocol else ()
    return wanted if wanted in get_complete_languages() and any(wanted in step.also for step in steps) else "en"


def add_incident_labels(text: str, incident: Incident, language: str, is_sample: bool = False) -> str:
    """With the mark of a drill, and of a sample where a drill shows one."""
    return add_labels(text, language, incident.drill, is_sample and incident.drill and not incident.live)


def build_step_text(protocol: IncidentProtocol, number: int, language: str) -> str:
    """One step with its question; `number` counts from 1."""
    wording = protocol.steps[number - 1].get_in_language(language)
    count = len(protocol.steps)
    parts = [f"{format_text('step', language, number=number, count=count)} {wording.say}", wording.ask or ""]
    parts += [format_text("last", language)] if number == count else []
    return "\n".join(part for part in parts if part)


def format_alerted_names(district: District, school: str | None, at: datetime) -> str:
    """The names of those whom the chain reaches first."""
    people = list(district.list_alert_recipients(FRONT_OFFICE_ROLE, at, school).values())
    return ", ".join(one.name for one in people[:MAX_ALERTED_NAMES])


def build_not_live_text(district: District, at: datetime, language: str) -> str:
    """Why there are no steps, and whom to call instead."""
    protocol = district.protocol
    overdue = (
        protocol is not None
        and protocol.review_by is not None
        and district.to_local_time(at).date() > protocol.review_by
    )
    if overdue and protocol and protocol.review_by:
        why = format_text("out_of_date", language, day=dates.format_full_date(protocol.review_by, language))
    else:
        why = format_text("not_signed", language)
    return " ".join([why, format_text("call", language, people=format_leader_contacts(district, at))])


def format_leader_contacts(district: District, at: datetime) -> str:
    """The superintendent's office by name and work number, and the district's office."""
    leader = next(iter(district.list_alert_recipients(SUPERINTENDENT_ROLE, at).values()))
    return f"{leader.name} ({leader.role}) {leader.phone}, {district.name} {district.office_phone}"


def get_school_name(district: District, school: str | None, language: str) -> str:
    """The school's name, or that we do not know it yet."""
    found = district.schools.get(school or "")
    return found.name if found else format_text("some_school", language)


def format_clock_time(district: District, at: datetime, language: str) -> str:
    """An hour on the district's clocks."""
    return format_time(district.to_local_time(at), "short", locale=language).replace(
        "\u202f", " "
    )  # one odd space: twice the price


def build_school_question(district: District, school_ids: tuple[str, ...], language: str) -> str:
    """The question where it is, with numbers."""
    lines = [f"{number}. {district.schools[one].name}" for number, one in enumerate(school_ids, 1)]
    return "\n".join([format_text("which_school", language), *lines])


def list_possible_schools(district: District, staff: str) -> tuple[str, ...]:
    """The schools where this person may be: the own ones, else all."""
    person = district.staff.get(staff)
    return person.schools if person and person.schools else tuple(district.schools)


def has_question(protocol: IncidentProtocol | None, person: IncidentParticipant) -> bool:
    """Whether the step that is shown asks for something."""
    return protocol is not None and 0 < person.step <= len(protocol.steps) and bool(protocol.steps[person.step - 1].ask)
