"""Route one inbound message: a staff command, an invitation reply, CHECK, or a family's conversation.

`COMMANDS` is the one table of commands that need no conversation. Everything else goes to `messaging.inbound_handler`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from redis import RedisError

from bot.announcements import verification
from bot.base.database import now
from bot.cases import sms_commands as case_commands
from bot.flows.commands import match_command
from bot.flows.quotations import find_unspoken_kind
from bot.incidents import command_parser as incident_parser
from bot.incidents import sms_commands as incident_commands
from bot.meetings import rsvp_parser
from bot.meetings import sms_commands as meeting_commands
from bot.messaging.command_request import CommandRequest
from bot.messaging.inbound_handler import receive_message
from bot.messaging.inbound_message import InboundMessage
from bot.runtime import Runtime
from bot.school_status import sms_commands as status_commands
from bot.store.families.rate_limits import get_message_rate_limit
from bot.store.operations import handled_while_redis_down


@dataclass(frozen=True)
class CommandRoute:
    """One row of the command table.

    `parse` reads the request without side effects and returns the command, or None. `run` carries it out and returns
    the reply, or None to leave the message to the next row.
    """

    is_for_staff: bool
    parse: Callable[[CommandRequest], Any | None]
    run: Callable[[CommandRequest, Any], str | None]


COMMANDS = (
    CommandRoute(True, incident_parser.parse_request, incident_commands.run_command),
    CommandRoute(True, case_commands.parse_request, case_commands.run_command),
    CommandRoute(True, status_commands.parse_request, status_commands.run_command),
    CommandRoute(False, rsvp_parser.parse_request, meeting_commands.run_command),
    CommandRoute(False, rsvp_parser.parse_code_check, verification.run_command),
)
"""In order. Incidents come first: within one, "3 agents, black vests" is a record line, not a text to case 3."""


def answer_message(runtime: Runtime, message: InboundMessage) -> str:
    """Return the reply to one message, or "" for none. A retried message gets the same reply.

    Raises:
        ServiceUnavailableError, SQLAlchemyError: Nothing was saved. Twilio sends the message again.
    """
    if message.kind == "text" and (kind := find_unspoken_kind(message.text, runtime.library.phrasebook)):
        message = replace(message, kind=kind)
    if message.is_unspoken:
        return receive_message(runtime, message, None)
    staff = runtime.library.district.find_staff_by_address(message.address)
    command = match_command(message.normalized_text, runtime.library.phrasebook)
    request = CommandRequest(runtime, message, staff, command)
    for route in COMMANDS:
        reply = _try_route(route, request)
        if reply is not None:
            _record_answered(runtime, message)
            return reply
    return receive_message(runtime, message, command)


def _try_route(route: CommandRoute, request: CommandRequest) -> str | None:
    if route.is_for_staff and request.staff is None:
        return None
    parsed = route.parse(request)
    if parsed is None:
        return None
    reply = route.run(request, parsed)
    if reply and not route.is_for_staff and _should_stay_silent(request.runtime, request.message):
        return ""
    return reply


def _should_stay_silent(runtime: Runtime, message: InboundMessage) -> bool:
    """Count a message that is answered outside the dialog. Return whether it gets no reply due to the rate limit."""
    family_hash, rate_limit = runtime.compute_lookup_hash(message.address), get_message_rate_limit(message.address)
    try:
        return runtime.conversations.count_message(family_hash, rate_limit) == "silent"
    except RedisError:
        return False


def _record_answered(runtime: Runtime, message: InboundMessage) -> None:
    try:
        runtime.conversations.record_answered(message.sid)
    except RedisError:
        with runtime.database.write() as db:
            handled_while_redis_down.record(db, message.sid, now())
