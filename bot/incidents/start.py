"""An incident or a drill begins: written down, the chain paged, the first step given; all in one transaction.

The chain is paged by a case of the staff person's own contact, so that rounds, calls and TAKE are those of every
emergency.  Where somebody else at the school has begun before, the two are in one record.
"""

import logging
from dataclasses import dataclass, replace

from bot.cases import notices
from bot.content.district import District
from bot.incidents import end, family_safeguards, staff_texts
from bot.incidents.staff_texts import ROLE
from bot.incidents.texts import said
from bot.incidents.transaction import Turn, once
from bot.runtime import Services
from bot.store import audit_log
from bot.store.cases import case_transitions, cases
from bot.store.cases.cases import AGENTS, AGENTS_DRILL, NewCase
from bot.store.families import contacts
from bot.store.families.contacts import Contact
from bot.store.schools import incidents
from bot.store.schools.incidents import Incident, Person

ABOUT = {False: "The front office says that agents are at the school", True: "DRILL, not real: agents at the school"}
NO_PROTOCOL = "none"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wish:
    """Who begins what, where; `address`: the phone it was texted from, else the registered one is meant."""

    staff: str
    drill: bool
    school: str | None
    language: str = "en"
    address: str | None = None


def start(services: Services, wish: Wish, cause: str) -> str:
    """Begin it and page the chain; the first words to read.  A repeat of the same `cause` begins nothing anew.

    Raises `SQLAlchemyError` if the database is away.
    """
    return once(services, wish.staff, cause, lambda turn: begin(turn, wish)) or ""


def begin(turn: Turn, wish: Wish) -> str:
    """The same, in a transaction that is open."""
    district = turn.services.library.district
    school = wish.school or _only(staff_texts.choices(district, wish.staff))
    language = staff_texts.language_for(wish.language, turn.protocol)
    real = _real_one(turn, wish.staff, school)
    if wish.drill and real:
        return _no_drill_now(turn, real, language)
    before = incidents.at_school(turn.db, school, wish.drill) if school else None
    incident = before or _new(turn, replace(wish, school=school))
    if not wish.drill:
        end.cut_drills_short(turn, school)
        family_safeguards.begins(turn, school if before is None else None)  # who joins begins nothing anew
    person = incidents.join(turn.db, incident.id, wish.staff, language, turn.at)
    _page(turn, incident, wish.address, is_new=before is None)
    reply = _opening(turn, incident, person, joined=before is not None)
    log.info("incident: id=%s drill=%s live=%s joined=%s", incident.id, incident.drill, incident.live, bool(before))
    return turn.write(incident, "join" if before else "start", person.step, reply)


def _only(schools: tuple[str, ...]) -> str | None:
    return schools[0] if len(schools) == 1 else None


def _real_one(turn: Turn, staff: str, school: str | None) -> Incident | None:
    """The real incident that forbids a drill: one that this person is in, or of a school where it would be."""
    own = incidents.own(turn.db, staff)
    if own and not own.drill:
        return own
    places = {school} if school else {None, *staff_texts.choices(turn.services.library.district, staff)}
    return next((one for one in incidents.running(turn.db) if not one.drill and one.school in places), None)


def _no_drill_now(turn: Turn, real: Incident, language: str) -> str:
    district = turn.services.library.district
    where = staff_texts.school_name(district, real.school, language)
    return said("running", language, school=where, when=staff_texts.clock(district, real.started_at, language))


def _new(turn: Turn, wish: Wish) -> Incident:
    district, protocol = turn.services.library.district, turn.protocol
    live = bool(protocol and protocol.live(district.local(turn.at).date()))
    steps = len(protocol.steps) if protocol and (live or wish.drill) else 0
    version, at = protocol.version if protocol else NO_PROTOCOL, turn.at
    new = Incident(
        0, wish.school, wish.drill, live, version, steps, wish.staff, at, at, None, None, "", None
    )  # fmt: skip
    made = incidents.start(turn.db, new)
    what = "started a drill" if wish.drill else "started an incident"
    audit_log.record(turn.db, wish.staff, what, f"incident {made.id}", at, wish.school or "")
    return made


def _page(turn: Turn, incident: Incident, address: str | None, is_new: bool) -> None:
    """The case by which the chain is paged.  What has just begun pages whatever was open before; who joins a running
    incident pages again only as every emergency does (after ten minutes)."""
    vault, topic = turn.services.database.vault, AGENTS_DRILL if incident.drill else AGENTS
    contact = _contact(turn, incident, topic, address)
    new = NewCase(contact, topic, "escalate_now", ROLE, ABOUT[incident.drill], "en", {}, incident.school)
    opened = cases.open_or_join(turn.db, vault, turn.cause[:64], 0, new, turn.at)
    if is_new and not opened.new:
        cause = f"{turn.cause[:64]}:begin"
        case_transitions.page_anew(turn.db, opened.id, incident.school, cause, turn.staff, turn.at)
    incidents.set_case(turn.db, incident.id, opened.id)
    if is_new or opened.page:
        turn.to_alert.append(opened.id)


def page_again(turn: Turn, incident: Incident) -> None:
    """The chain once more, whatever became of the case before."""
    _page(turn, incident, None, is_new=True)


def _contact(turn: Turn, incident: Incident, topic: str, address: str | None) -> int:
    """Whose case it is: that of the running incident; else who begins it, or the school's office where that person has
    an open one at another school (a family has one open case a topic) or no phone of the district file."""
    db, vault, district = turn.db, turn.services.database.vault, turn.services.library.district
    if incident.case_id is not None:
        return cases.get(db, vault, incident.case_id).contact_id
    for one in _addresses(district, turn.staff, incident.school, address):
        found = _of_address(turn, one)
        open_one = cases.open_of(db, found.id, topic)
        if open_one is None or open_one.school in (None, incident.school):
            return found.id
    return found.id


def _addresses(district: District, staff: str, school: str | None, address: str | None) -> list[str]:
    person, at_school = district.staff.get(staff), district.schools.get(school or "")
    own = address or (district.address_of(person) if person else None)
    return [one for one in (own, at_school.phone if at_school else None) if one] or [district.office_phone]


def _of_address(turn: Turn, address: str) -> Contact:
    channel = "whatsapp" if address.startswith("whatsapp:") else "sms"
    return contacts.add(turn.db, turn.services.database.vault, address, channel, turn.at)


def _opening(turn: Turn, incident: Incident, person: Person, joined: bool) -> str:
    """The first message: whom we alert, what to do, or why there are no steps."""
    district, language = turn.services.library.district, person.language
    where = staff_texts.school_name(district, incident.school, language)
    people = staff_texts.alerted(district, incident.school, turn.at)
    first = said("started", language, district=district.name, school=where, people=people)
    if joined:
        starter = district.staff.get(incident.started_by)
        when = staff_texts.clock(district, incident.started_at, language)
        name = starter.name if starter else incident.started_by
        first = said("joined", language, starter=name, when=when, people=people)
    first = first if incident.drill or joined else f"{first} {said('mistake_how', language)}"
    return staff_texts.mark("\n\n".join([first, *_then(turn, incident, person)]), incident, language, sample=True)


def _then(turn: Turn, incident: Incident, person: Person) -> list[str]:
    district, language, protocol = turn.services.library.district, person.language, turn.protocol
    asked = incident.school is None
    question = (
        [staff_texts.which_school(district, staff_texts.choices(district, person.staff), language)] if asked else []
    )
    if not incident.steps or protocol is None:
        return [staff_texts.not_live(district, turn.at, language), *question, said("write_here", language)]
    if asked:
        return [*question, said("how", language)]
    if person.step == 0:
        incidents.move(turn.db, person, 1, turn.at if incident.steps == 1 else None)
    return [staff_texts.step(protocol, max(1, person.step), language), said("how", language)]


def name_school(turn: Turn, incident: Incident, person: Person, school: str) -> str:
    """Where it is, said later: those who were alerted and the school's own people hear it at once."""
    district, language = turn.services.library.district, person.language
    if incidents.set_school(turn.db, incident.id, school) and incident.case_id is not None:
        case_transitions.set_school(turn.db, incident.case_id, school)
        name = district.schools[school]
        body = f"{district.name}: case {incident.case_id} is at {name.name}. The office: {name.phone}."
        body = staff_texts.mark(f"{body} To take it, reply TAKE {incident.case_id}.", incident, "en")
        for one in district.alerted_for(ROLE, turn.at, school):
            turn.to_send.append(notices.to_staff(turn.services, turn.db, one, body, turn.at))
    if not incident.drill:
        end.cut_drills_short(turn, school)
        family_safeguards.begins(turn, school)
    kept = said("school_kept", language, school=district.schools[school].name)
    parts = [kept]
    if person.step == 0 and incident.steps and turn.protocol:
        incidents.move(turn.db, person, 1, turn.at if incident.steps == 1 else None)
        parts.append(staff_texts.step(turn.protocol, 1, language))
    reply = staff_texts.mark("\n\n".join(parts), incident, language, sample=True)
    return turn.write(incident, "school", max(person.step, 1 if incident.steps else 0), reply)
