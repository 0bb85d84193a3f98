"""The front office by text, from a registered staff phone: ICE, DRILL, and all that follows until OVER.

Asked before `cases/sms_commands`, for within an incident "3 agents, black vests" is a line of the record and not a
text to the family of case 3.  A parent's "ICE" never comes here.
"""

import logging

from bot.cases import sms_commands as of_cases
from bot.flows.commands import match
from bot.incidents import command_parser, progress
from bot.incidents.start import Wish, begin
from bot.incidents.transaction import Turn, once
from bot.messaging.inbound_message import Inbound
from bot.runtime import Services
from bot.school_status import sms_commands as statuses
from bot.store.schools import incidents

ELSEWHERE = frozenset({"stop", "start", "help"})
"""Commands that the phone company hears as well: they work at once, incident or not."""
OF_CASES = frozenset({"take", "give", "done", "ask"})

log = logging.getLogger(__name__)


def answer(services: Services, inbound: Inbound) -> str | None:
    """The reply to a text of staff about agents at a school; None if it is none.

    A repeat of the message changes nothing more and is answered alike.  Raises `SQLAlchemyError` if the database is
    away.
    """
    district = services.library.district
    staff = district.staff_at(inbound.address)
    if staff is None or inbound.twilio_opt:
        return None
    begun = command_parser.start(inbound.text, {one: school.name for one, school in district.schools.items()})
    if begun is None and not _inside(services, staff, inbound):
        return None
    return once(services, staff, inbound.sid, lambda turn: _do(turn, inbound, begun))


def _inside(services: Services, staff: str, inbound: Inbound) -> bool:
    """Whether this is written within an incident (or is the repeat of what was), and is meant for nothing else."""
    with services.database.read() as db:
        repeat = incidents.written(db, services.database.vault, inbound.sid) is not None
        running = incidents.own(db, staff) is not None
    return repeat or (running and not _elsewhere(services, inbound.text))


def _elsewhere(services: Services, text: str) -> bool:
    asked = of_cases.parse(text)
    if (asked and asked.kind in OF_CASES) or statuses.parse(services.library.district, text):
        return True
    command = match(text, services.library.phrasebook)
    return command is not None and command.kind in ELSEWHERE and command_parser.word(text) is None


def _do(turn: Turn, inbound: Inbound, begun: command_parser.Start | None) -> str | None:
    own = incidents.own(turn.db, turn.staff)
    person = incidents.person(turn.db, own.id, turn.staff) if own else None
    log.info("staff text: incident=%s message=%s", own.id if own else None, inbound.sid)
    if begun and (own is None or (own.drill and begun.drill) or _another_school(own, begun)):
        wish = Wish(turn.staff, begun.drill, begun.school, begun.language, inbound.address)
        return begin(turn, wish)
    if begun and begun.drill and own and not own.drill:
        return begin(turn, Wish(turn.staff, True, begun.school, begun.language, inbound.address))
    if own is None or person is None:
        return None
    return progress.said_in(turn, own, person, inbound.text, inbound.kind)


def _another_school(own: incidents.Incident, begun: command_parser.Start) -> bool:
    """A real one at a school that is not the one this person is in already."""
    return not begun.drill and not own.drill and None not in (begun.school, own.school) and begun.school != own.school
