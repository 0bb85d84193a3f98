"""The safety lead by text, from a registered phone: how a school is, in one line.

    STATUS LINCOLN CLEAR     STATUS LINCOLN NORMAL     STATUS LINCOLN CHECKING     STATUS LINCOLN OFF     STATUS LINCOLN

The answer goes to the registered phone, and the others of the chain hear of it: a number can be forged, and then the
people whose word it is see it within seconds and can take it back with one text.
"""

import logging
from dataclasses import dataclass

from bot.base.database import now
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.base.text_normalization import normalize_text
from bot.content import dates
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.district import District
from bot.messaging.command_request import CommandRequest
from bot.runtime import Runtime
from bot.school_status.status_change import (
    DEFAULT_STATUS_VALIDITY,
    SAFETY_LEAD_ROLE,
    SchoolStatusError,
    SchoolStatusRequest,
    can_set_status,
    get_family_text,
    set_status,
    withdraw_school_status,
)
from bot.store.cases import deliveries
from bot.store.schools import school_statuses
from bot.store.schools.school_statuses import SchoolStatus

STATUS_COMMAND_WORDS = frozenset({"status", "estado"})
STATUS_KIND_WORDS = {
    "clear": "no_agents", "libre": "no_agents", "normal": "normal_day", "checking": "checking", "revisando": "checking",
}  # fmt: skip
WITHDRAW_WORDS = frozenset({"off", "quitar"})
MAX_SCHOOL_NAME_WORDS = 5
"""Words between the first and the last: the name of a school."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SchoolStatusCommand:
    """`kind` of a statement, "off", or "" (how it is now)."""

    school: str
    kind: str


def parse(district: District, text: str) -> SchoolStatusCommand | None:
    """The order in a text, or None: then it is an ordinary message.  Only the exact form counts."""
    words = normalize_text(text).split()
    if len(words) < 2 or len(words) > MAX_SCHOOL_NAME_WORDS + 2 or words[0] not in STATUS_COMMAND_WORDS:
        return None
    last = words[-1]
    kind = STATUS_KIND_WORDS.get(last, "off" if last in WITHDRAW_WORDS else "")
    named = set(words[1:-1] if kind else words[1:])
    found = [one for one, school in district.schools.items() if named <= {one, *normalize_text(school.name).split()}]
    return SchoolStatusCommand(found[0], kind) if named and len(found) == 1 else None


def parse_request(request: CommandRequest) -> SchoolStatusCommand | None:
    """Return the status command that the text of a staff member is, or None."""
    return parse(request.runtime.library.district, request.message.text)


def run_command(request: CommandRequest, command: SchoolStatusCommand) -> str:
    """Set, withdraw, or describe the status of a school. A repeated message changes nothing."""
    runtime, message = request.runtime, request.message
    staff = request.staff or ""
    log.info("school status by text: school=%s kind=%s message=%s", command.school, command.kind, message.sid)
    if not can_set_status(runtime.library.district, staff, command.school):
        return "Only the people of the safety lead say how a school is. Open the console to see what families read."
    if command.kind == "off":
        return _withdraw_status(runtime, staff, command.school)
    if command.kind:
        return _set_status(runtime, staff, command, message.sid)
    return _describe_status(runtime, command.school)


def _set_status(runtime: Runtime, staff: str, command: SchoolStatusCommand, message_sid: str) -> str:
    at = now()
    try:
        status = set_status(
            runtime,
            SchoolStatusRequest(
                command.school, command.kind, at, DEFAULT_STATUS_VALIDITY, staff, f"text:{message_sid}"
            ),
        )
    except SchoolStatusError as error:
        return str(error)
    _notify_other_staff(runtime, staff, status)
    keyword = _get_school_keyword(runtime, command.school)
    return f"{_quote_status(runtime, status)} To take it back, reply STATUS {keyword} OFF."


def _withdraw_status(runtime: Runtime, staff: str, school: str) -> str:
    with runtime.database.read() as db:
        found = school_statuses.find_current_by_school(db, now()).get(school)
    name = runtime.library.district.schools[school].name
    if found is None or not withdraw_school_status(runtime, found.id, staff):
        return f"Families read nothing about {name} now."
    return f"Taken back: families read nothing about {name} any more, and those who were told hear so."


def _describe_status(runtime: Runtime, school: str) -> str:
    with runtime.database.read() as db:
        found = school_statuses.find_current_by_school(db, now()).get(school)
    name = runtime.library.district.schools[school].name
    return _quote_status(runtime, found) if found else f"Families read nothing about {name} now."


def _quote_status(runtime: Runtime, status: SchoolStatus) -> str:
    until = dates.format_moment(runtime.library.district.to_local_time(status.expires_at), SOURCE_LANGUAGE)
    return f"Families who ask read until {until}: “{get_family_text(runtime, status)}”"


def _get_school_keyword(runtime: Runtime, school: str) -> str:
    return runtime.library.district.schools[school].name.split()[0].upper()


def _notify_other_staff(runtime: Runtime, staff: str, status: SchoolStatus) -> None:
    """Once for each statement, however often the text is repeated: the row says so."""
    district, at = runtime.library.district, now()
    others = [one for one in district.list_on_call(SAFETY_LEAD_ROLE, status.school, at) if one != staff]
    body = (
        f"{district.name}: {district.staff[staff].name} said by text how {district.schools[status.school].name} is."
        f" {_quote_status(runtime, status)}"
        f" If that is wrong, reply STATUS {_get_school_keyword(runtime, status.school)} OFF."
    )
    with runtime.database.write() as db:
        if not school_statuses.mark_staff_notified(db, status.id):
            return
        planned = [deliveries.plan_notice(db, {"staff": one}, body, at) for one in others]
    for delivery_id in planned:
        enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
