"""Handle texts of the front office from a registered staff phone: ICE, DRILL, and everything until OVER.

This runs before `cases/sms_commands`: within an incident, "3 agents, black vests" belongs to the record and is not a
text to the family of case 3. A parent's "ICE" never gets here.
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
"""Commands that Twilio handles too. They work at once, also within an incident."""
CASE_COMMAND_KINDS = frozenset({"take", "give", "done", "ask"})

log = logging.getLogger(__name__)


def run_command(request: CommandRequest, text: IncidentText) -> str | None:
    """Start an incident, or handle a text within one. None leaves the text to the next command.

    A repeated message changes nothing more and gets the same reply.

    Raises:
        SQLAlchemyError: The database is away.
    """
    staff = request.staff
    if staff is None or (text.start is None and not _is_for_incident(request, staff)):
        return None
    return run_once(
        request.runtime, staff, request.message.sid, lambda turn: _run_command(turn, request.message, text.start)
    )


def _is_for_incident(request: CommandRequest, staff: str) -> bool:
    """Say whether the text belongs to an incident, or repeats a text that did, and is no other command."""
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
    incident = incidents.find_running_for_staff(turn.db, turn.staff)
    log.info("staff text: incident=%s message=%s", incident.id if incident else None, inbound.sid)
    if start_command and _should_start(incident, start_command):
        request = IncidentRequest(
            turn.staff, start_command.is_drill, start_command.school, start_command.language, inbound.address
        )
        return start_in_turn(turn, request)
    participant = incidents.find_participant(turn.db, incident.id, turn.staff) if incident else None
    if incident is None or participant is None:
        return None
    return progress.handle_text(turn, incident, participant, inbound.text, inbound.kind)


def _should_start(incident: incidents.Incident | None, start_command: command_parser.IncidentStartCommand) -> bool:
    """Say whether the command starts something, or is a text within this person's running incident.

    A drill during a real incident counts as a start, and then gets a refusal.
    """
    if incident is None or start_command.is_drill:
        return True
    schools = (start_command.school, incident.school)
    return not incident.drill and None not in schools and schools[0] != schools[1]
