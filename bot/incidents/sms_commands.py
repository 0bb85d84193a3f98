"""The front office by text, from a registered staff phone: ICE, DRILL, and all that follows until OVER.

Asked before `cases/sms_commands`, for within an incident "3 agents, black vests" is a line of the record and not a
text to the family of case 3.  A parent's "ICE" never comes here.
"""

import logging

from bot.cases import sms_commands as case_commands
from bot.incidents import command_parser, progress
from bot.incidents.command_parser import IncidentText
from bot.incidents.start import IncidentRequest, start_in_turn
from bot.incidents.transaction import IncidentTurn, run_once
from bot.messaging.command_request import CommandRequest
from bot.messaging.inbound_message import InboundMessage
from bot.school_status import sms_commands as status_commands
from bot.store.schools import incidents

PROVIDER_COMMANDS = frozenset({"stop", "start", "help"})
"""Commands that the phone company hears as well: they work at once, incident or not."""
CASE_COMMAND_KINDS = frozenset({"take", "give", "done", "ask"})

log = logging.getLogger(__name__)


def run_command(request: CommandRequest, text: IncidentText) -> str | None:
    """Start an incident, or take a text within one; None leaves the text to the next command.

    A repeated message changes nothing more and gets the same reply. Raises `SQLAlchemyError` if the database is away.
    """
    staff = request.staff
    if staff is None or (text.start is None and not _is_for_incident(request, staff)):
        return None
    return run_once(
        request.runtime, staff, request.message.sid, lambda turn: _run_command(turn, request.message, text.start)
    )


def _is_for_incident(request: CommandRequest, staff: str) -> bool:
    """Whether the text is written within an incident, or repeats one that was, and is no other command."""
    with request.runtime.database.read() as db:
        is_repeat = incidents.find_entry_by_cause(db, request.message.sid) is not None
        is_running = incidents.find_running_for_staff(db, staff) is not None
    return is_repeat or (is_running and not _is_other_command(request))


def _is_other_command(request: CommandRequest) -> bool:
    text, command = request.message.text, request.command
    case_command = case_commands.parse(text)
    if case_command and case_command.kind in CASE_COMMAND_KINDS:
        return True
    if status_commands.parse(request.runtime.library.district, text):
        return True
    is_provider_command = command is not None and command.kind in PROVIDER_COMMANDS
    return is_provider_command and command_parser.parse_command(text) is None


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
