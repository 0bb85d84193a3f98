"""The texts that somebody at the desk reads: a step, whom we alert, whom to call, what was kept."""

from datetime import datetime

from babel.dates import format_time

from bot.content import dates
from bot.content.district import District
from bot.content.incident_protocol import Protocol
from bot.incidents.texts import languages, marked, said
from bot.store.schools.incidents import Incident, Person

ROLE = "front_office"
"""The `on_call` chain that is paged: principal, superintendent, counsel."""
LEADERS = "superintendents_office"
"""Whom a front office calls itself where no protocol is live."""
NAMED = 4


def language_for(wanted: str, protocol: Protocol | None) -> str:
    """The language somebody began in, if both the program's words and a step of the protocol are written in it."""
    steps = protocol.steps if protocol else ()
    return wanted if wanted in languages() and any(wanted in step.also for step in steps) else "en"


def mark(text: str, incident: Incident, language: str, sample: bool = False) -> str:
    """With the mark of a drill, and of a sample where a drill shows one."""
    return marked(text, language, incident.drill, sample and incident.drill and not incident.live)


def step(protocol: Protocol, number: int, language: str) -> str:
    """One step with its question; `number` counts from 1."""
    wording = protocol.steps[number - 1].in_language(language)
    count = len(protocol.steps)
    parts = [f"{said('step', language, number=number, count=count)} {wording.say}", wording.ask or ""]
    parts += [said("last", language)] if number == count else []
    return "\n".join(part for part in parts if part)


def alerted(district: District, school: str | None, at: datetime) -> str:
    """The names of those whom the chain reaches first."""
    people = list(district.alerted_for(ROLE, at, school).values())
    return ", ".join(one.name for one in people[:NAMED])


def not_live(district: District, at: datetime, language: str) -> str:
    """Why there are no steps, and whom to call instead."""
    protocol = district.protocol
    overdue = protocol is not None and protocol.review_by is not None and district.local(at).date() > protocol.review_by
    if overdue and protocol and protocol.review_by:
        why = said("out_of_date", language, day=dates.full(protocol.review_by, language))
    else:
        why = said("not_signed", language)
    return " ".join([why, said("call", language, people=whom_to_call(district, at))])


def whom_to_call(district: District, at: datetime) -> str:
    """The superintendent's office by name and work number, and the district's office."""
    leader = next(iter(district.alerted_for(LEADERS, at).values()))
    return f"{leader.name} ({leader.role}) {leader.phone}, {district.name} {district.office_phone}"


def school_name(district: District, school: str | None, language: str) -> str:
    """The school's name, or that we do not know it yet."""
    found = district.schools.get(school or "")
    return found.name if found else said("some_school", language)


def clock(district: District, at: datetime, language: str) -> str:
    """An hour on the district's clocks."""
    return format_time(district.local(at), "short", locale=language).replace(
        "\u202f", " "
    )  # one odd space: twice the price


def which_school(district: District, choices: tuple[str, ...], language: str) -> str:
    """The question where it is, with numbers."""
    lines = [f"{number}. {district.schools[one].name}" for number, one in enumerate(choices, 1)]
    return "\n".join([said("which_school", language), *lines])


def choices(district: District, staff: str) -> tuple[str, ...]:
    """The schools where this person may be: the own ones, else all."""
    person = district.staff.get(staff)
    return person.schools if person and person.schools else tuple(district.schools)


def has_ask(protocol: Protocol | None, person: Person) -> bool:
    """Whether the step that is shown asks for something."""
    return protocol is not None and 0 < person.step <= len(protocol.steps) and bool(protocol.steps[person.step - 1].ask)
