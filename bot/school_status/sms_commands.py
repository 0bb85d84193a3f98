"""The safety lead by text, from a registered phone: how a school is, in one line.

    STATUS LINCOLN CLEAR     STATUS LINCOLN NORMAL     STATUS LINCOLN CHECKING     STATUS LINCOLN OFF     STATUS LINCOLN

The answer goes to the registered phone, and the others of the chain hear of it: a number can be forged, and then the
people whose word it is see it within seconds and can take it back with one text.
"""

import logging
from dataclasses import dataclass

from bot.base.database import now
from bot.base.queues import DELIVER, enqueue
from bot.base.text_normalization import normalise
from bot.content import dates
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.district import District
from bot.messaging.inbound_message import Inbound
from bot.runtime import Services
from bot.school_status.status_change import HOLDS, ROLE, CannotSet, Wish, as_read, may_set, set_status, withdraw
from bot.store.cases import deliveries
from bot.store.schools import school_statuses
from bot.store.schools.school_statuses import Status

BEGINS = frozenset({"status", "estado"})
KINDS = {
    "clear": "no_agents", "libre": "no_agents", "normal": "normal_day", "checking": "checking", "revisando": "checking",
}  # fmt: skip
OFF = frozenset({"off", "quitar"})
LONGEST_NAME = 5
"""Words between the first and the last: the name of a school."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """`kind` of a statement, "off", or "" (how it is now)."""

    school: str
    kind: str


def parse(district: District, text: str) -> Asked | None:
    """The order in a text, or None: then it is an ordinary message.  Only the exact form counts."""
    words = normalise(text).split()
    if len(words) < 2 or len(words) > LONGEST_NAME + 2 or words[0] not in BEGINS:
        return None
    last = words[-1]
    kind = KINDS.get(last, "off" if last in OFF else "")
    named = set(words[1:-1] if kind else words[1:])
    found = [one for one, school in district.schools.items() if named <= {one, *normalise(school.name).split()}]
    return Asked(found[0], kind) if named and len(found) == 1 else None


def answer(services: Services, inbound: Inbound) -> str | None:
    """The reply to such a text of a member of staff; None if it is none.  A repeat of the message changes nothing."""
    district = services.library.district
    staff = district.staff_at(inbound.address)
    asked = parse(district, inbound.text) if staff else None
    if staff is None or asked is None:
        return None
    log.info("school status by text: school=%s kind=%s message=%s", asked.school, asked.kind, inbound.sid)
    if not may_set(district, staff, asked.school):
        return "Only the people of the safety lead say how a school is. Open the console to see what families read."
    if asked.kind == "off":
        return _off(services, staff, asked.school)
    return _set(services, staff, asked, inbound.sid) if asked.kind else _now(services, asked.school)


def _set(services: Services, staff: str, asked: Asked, sid: str) -> str:
    at = now()
    try:
        status = set_status(services, Wish(asked.school, asked.kind, at, HOLDS, staff, f"text:{sid}"))
    except CannotSet as error:
        return str(error)
    _tell_the_others(services, staff, status)
    return f"{_reads(services, status)} To take it back, reply STATUS {_word(services, asked.school)} OFF."


def _off(services: Services, staff: str, school: str) -> str:
    with services.database.read() as db:
        found = school_statuses.current(db, now()).get(school)
    name = services.library.district.schools[school].name
    if found is None or not withdraw(services, found.id, staff):
        return f"Families read nothing about {name} now."
    return f"Taken back: families read nothing about {name} any more, and those who were told hear so."


def _now(services: Services, school: str) -> str:
    with services.database.read() as db:
        found = school_statuses.current(db, now()).get(school)
    name = services.library.district.schools[school].name
    return _reads(services, found) if found else f"Families read nothing about {name} now."


def _reads(services: Services, status: Status) -> str:
    until = dates.moment(services.library.district.local(status.expires_at), SOURCE_LANGUAGE)
    return f"Families who ask read until {until}: “{as_read(services, status)}”"


def _word(services: Services, school: str) -> str:
    return services.library.district.schools[school].name.split()[0].upper()


def _tell_the_others(services: Services, staff: str, status: Status) -> None:
    """Once for each statement, however often the text is repeated: the row says so."""
    district, at = services.library.district, now()
    others = [one for one in district.chain(ROLE, status.school, at) if one != staff]
    body = (
        f"{district.name}: {district.staff[staff].name} said by text how {district.schools[status.school].name} is."
        f" {_reads(services, status)} If that is wrong, reply STATUS {_word(services, status.school)} OFF."
    )
    with services.database.write() as db:
        if not school_statuses.first_told(db, status.id):
            return
        planned = [deliveries.plan_notice(db, services.database.vault, {"staff": one}, body, at) for one in others]
    for delivery_id in planned:
        enqueue(services.redis, "urgent", DELIVER, delivery_id)
