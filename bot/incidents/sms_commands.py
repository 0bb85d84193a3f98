"""The front office by text, from a registered staff phone: ICE, DRILL, and all that follows until OVER.

Asked before `cases/sms_commands`, for within an incident "3 agents, black vests" is a line of the record and not a
text to the family of case 3.  A parent's "ICE" never comes here.
"""

import logging

from bot.cases import sms_commands as of_cases
from bot.flows.commands import match_command
from bot.incidents import command_parser, progress
from bot.incidents.start import IncidentRequest, start_in_turn
from bot.incidents.transaction import IncidentTurn, run_once
from bot.messaging.inbound_message import InboundMessage
from bot.runtime import Runtime
from bot.school_status import sms_commands as statuses
from bot.store.schools import incidents

PROVIDER_COMMANDS = frozenset({"stop", "start", "help"})
"""Commands that the phone company hears as well: they work at once, incident or not."""
CASE_COMMAND_KINDS = frozenset({"take", "give", "done", "ask"})

log = logging.getLogger(__name__)


def answer(runtime: Runtime, inbound: InboundMessage) -> str | None:
    """The reply to a text of staff about agents at a school; None if it is none.

    A repeat of the message changes nothing more and is answered alike.  Raises `SQLAlchemyError` if the database is
    away.
    """
    district = runtime.library.district
    staff = district.find_staff_by_address(inbound.address)
    if staff is None or inbound.twilio_opt:
        return None
    begun = command_parser.parse_start(inbound.text, {one: school.name for one, school in district.schools.items()})
    if begun is None and not _is_for_incident(runtime, staff, inbound):
        return None
    return run_once(runtime, staff, inbound.sid, lambda turn: _run_command(turn, inbound, begun))


def _is_for_incident(runtime: Runtime, staff: str, inbound: InboundMessage) -> bool:
    """Whether this is written within an incident (or is the repeat of what was), and is meant for nothing else."""
    with runtime.database.read() as db:
        repeat = incidents.find_entry_by_cause(db, inbound.sid) is not None
        running = incidents.find_running_for_staff(db, staff) is not None
    return repeat or (running and not _is_other_command(runtime, inbound.text))


def _is_other_command(runtime: Runtime, text: str) -> bool:
    asked = of_cases.parse(text)
    if (asked and asked.kind in CASE_COMMAND_KINDS) or statuses.parse(runtime.library.district, text):
        return True
    command = match_command(text, runtime.library.phrasebook)
    return command is not None and command.kind in PROVIDER_COMMANDS and command_parser.parse_command(text) is None


def _run_command(
    turn: IncidentTurn, inbound: InboundMessage, start_command: command_parser.IncidentStartCommand | None
) -> str | None:
    own = incidents.find_running_for_staff(turn.db, turn.staff)
    person = incidents.find_participant(turn.db, own.id, turn.staff) if own else None
    log.info("staff text: incident=%s message=%s", own.id if own else None, inbound.sid)
    if start_command and (
        own is None or (own.drill and start_command.is_drill) or _is_at_other_school(own, start_command)
    ):
        wish = IncidentRequest(
            turn.staff, start_command.is_drill, start_command.school, start_command.language, inbound.address
        )
        return start_in_turn(turn, wish)
    if start_command and start_command.is_drill and own and not own.drill:
        return start_in_turn(
            turn, IncidentRequest(turn.staff, True, start_command.school, start_command.language, inbound.address)
        )
    if own is None or person is None:
        return None
    return progress.handle_text(turn, own, person, inbound.text, inbound.kind)


def _is_at_other_school(own_incident: incidents.Incident, start_command: command_parser.IncidentStartCommand) -> bool:
    """A real one at a school that is not the one this person is in already."""
    return (
        not start_command.is_drill
        and not own_incident.drill
        and None not in (start_command.school, own_incident.school)
        and start_command.school != own_incident.school
    )
