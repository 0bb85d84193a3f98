"""Texts of the safety lead from a registered phone that set, withdraw, or show the status of a school.

    STATUS LINCOLN CLEAR     STATUS LINCOLN NORMAL     STATUS LINCOLN CHECKING     STATUS LINCOLN OFF     STATUS LINCOLN

The reply goes to the registered phone, and the others of the on-call chain get a text too. A sender's number can be
forged. Then they see it within seconds, and can withdraw the status with one text.
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
"""The words between the first and the last: the name of a school."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SchoolStatusCommand:
    """`kind` is the kind of a status, "off", or "" to show the current status."""

    school: str
    kind: str


def parse(district: District, text: str) -> SchoolStatusCommand | None:
    """Parse a text of exactly this form, or return None for an ordinary message."""
    words = normalize_text(text).split()
    if len(words) < 2 or len(words) > MAX_SCHOOL_NAME_WORDS + 2 or words[0] not in STATUS_COMMAND_WORDS:
        return None
    last_word = words[-1]
    kind = STATUS_KIND_WORDS.get(last_word, "off" if last_word in WITHDRAW_WORDS else "")
    name_words = set(words[1:-1] if kind else words[1:])
    matching = [
        school_id
        for school_id, school in district.schools.items()
        if name_words <= {school_id, *normalize_text(school.name).split()}
    ]
    if not name_words or len(matching) != 1:
        return None
    return SchoolStatusCommand(matching[0], kind)


def parse_request(request: CommandRequest) -> SchoolStatusCommand | None:
    """Return the status command that the text of a staff member is, or None."""
    return parse(request.runtime.library.district, request.message.text)


def run_command(request: CommandRequest, command: SchoolStatusCommand) -> str:
    """Set, withdraw, or describe the status of a school. A repeated message changes nothing."""
    runtime, message = request.runtime, request.message
    staff = request.staff or ""
    log.info("school status by text: school=%s kind=%s message=%s", command.school, command.kind, message.sid)
    if not can_set_status(runtime.library.district, staff, command.school):
        return "Only the safety lead's on-call staff can set a school's status. The console shows what families read."
    if command.kind == "off":
        return _withdraw_status(runtime, staff, command.school)
    if command.kind:
        return _set_status(runtime, staff, command, message.sid)
    return _describe_status(runtime, command.school)


def _set_status(runtime: Runtime, staff: str, command: SchoolStatusCommand, message_sid: str) -> str:
    validity = DEFAULT_STATUS_VALIDITY
    request = SchoolStatusRequest(command.school, command.kind, now(), validity, staff, f"text:{message_sid}")
    try:
        status = set_status(runtime, request)
    except SchoolStatusError as error:
        return str(error)
    _notify_other_staff(runtime, staff, status)
    keyword = _get_school_keyword(runtime, command.school)
    return f"{_quote_status(runtime, status)} To withdraw it, reply STATUS {keyword} OFF."


def _withdraw_status(runtime: Runtime, staff: str, school: str) -> str:
    with runtime.database.read() as db:
        status = school_statuses.find_current_by_school(db, now()).get(school)
    name = runtime.library.district.schools[school].name
    if status is None or not withdraw_school_status(runtime, status.id, staff):
        return f"Families read nothing about {name} now."
    return f"Withdrawn. Families read nothing about {name} now, and those who got the status get a text."


def _describe_status(runtime: Runtime, school: str) -> str:
    with runtime.database.read() as db:
        status = school_statuses.find_current_by_school(db, now()).get(school)
    if status:
        return _quote_status(runtime, status)
    return f"Families read nothing about {runtime.library.district.schools[school].name} now."


def _quote_status(runtime: Runtime, status: SchoolStatus) -> str:
    until = dates.format_moment(runtime.library.district.to_local_time(status.expires_at), SOURCE_LANGUAGE)
    return f"Until {until}, families who ask read: “{get_family_text(runtime, status)}”"


def _get_school_keyword(runtime: Runtime, school: str) -> str:
    return runtime.library.district.schools[school].name.split()[0].upper()


def _notify_other_staff(runtime: Runtime, staff: str, status: SchoolStatus) -> None:
    """Notify the other on-call staff once for each status, even if the text is repeated."""
    district, current_time = runtime.library.district, now()
    on_call = district.list_on_call(SAFETY_LEAD_ROLE, status.school, current_time)
    others = [person for person in on_call if person != staff]
    body = (
        f"{district.name}: {district.staff[staff].name} texted a new status for {district.schools[status.school].name}."
        f" {_quote_status(runtime, status)}"
        f" If that is wrong, reply STATUS {_get_school_keyword(runtime, status.school)} OFF."
    )
    with runtime.database.write() as db:
        if not school_statuses.mark_staff_notified(db, status.id):
            return
        planned = [deliveries.plan_notice(db, {"staff": person}, body, current_time) for person in others]
    for delivery_id in planned:
        enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
