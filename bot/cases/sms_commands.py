"""Handle commands that staff text from their registered phone: take a case, ask about it, write, hand over, resolve.

A sender's number can be forged, so a reply contains no name, number, or words of a family. Those stay behind the
console's login.

    TAKE 42          42?          42 We will call at 3.          GIVE 42 JEAN          DONE 42
"""

import logging
import re
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.exc import SQLAlchemyError

from bot.base.database import now
from bot.cases import assignment, staff_conversation
from bot.cases.alert_text import add_drill_label, describe_case
from bot.messaging.command_request import CommandRequest
from bot.messaging.contact_policy import find_delivery_route
from bot.messaging.reply_context import understand_text
from bot.runtime import Runtime
from bot.store.cases import cases, one_time_links
from bot.store.cases.cases import Case
from bot.store.families import contacts

CaseCommandKind = Literal["take", "ask", "write", "give", "done"]
CASE_COMMAND_WORDS: dict[str, CaseCommandKind] = {
    "take": "take", "tomar": "take", "tomo": "take",
    "done": "done", "listo": "done", "hecho": "done",
    "give": "give", "pasar": "give", "paso": "give",
}  # fmt: skip
CASE_COMMAND_PATTERN = re.compile(
    rf"^\s*(?:(?P<word>{'|'.join(CASE_COMMAND_WORDS)})\s*#?(?P<number>\d{{1,9}})(?:\s+(?:to\s+|a\s+)?(?P<whom>.+?))?"
    r"|#?(?P<asked>\d{1,9})\s*\?"
    r"|#?(?P<case>\d{1,9})[:,.]?\s+(?P<text>\S.*))\s*$",
    re.IGNORECASE | re.DOTALL,
)
MAX_STAFF_TEXT_LENGTH = 400
"""With its translation and the original, a text of this length fits one message."""
NO_LINK_TEXT = "Open the console to see it."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CaseCommand:
    """A command for one case. `argument` is the text (`write`) or the colleague's name (`give`)."""

    kind: CaseCommandKind
    case_id: int
    argument: str = ""


def parse(text: str) -> CaseCommand | None:
    """Return the case command that a text is, or None: then the sender is a parent like any other."""
    match = CASE_COMMAND_PATTERN.match(text)
    if not match:
        return None
    if match["word"]:
        kind = CASE_COMMAND_WORDS[match["word"].casefold()]
        return CaseCommand(kind, int(match["number"]), (match["whom"] or "").strip())
    if match["asked"]:
        return CaseCommand("ask", int(match["asked"]))
    return CaseCommand("write", int(match["case"]), match["text"].strip())


def parse_request(request: CommandRequest) -> CaseCommand | None:
    """Return the case command that the text of a staff member is, or None."""
    return parse(request.message.text)


def run_command(request: CommandRequest, command: CaseCommand) -> str | None:
    """Run a case command and return the reply. None treats the text as a message of the person's own family.

    A repeated message changes nothing more.

    Raises:
        SQLAlchemyError: The database is away.
    """
    runtime, message, staff = request.runtime, request.message, request.staff
    if staff is None or (command.kind == "write" and _is_emergency(request)):
        return None
    with runtime.database.read() as db:
        case = cases.find(db, command.case_id)
    if case is None or not _can_access_case(runtime, staff, case):
        if command.kind == "write":
            return None
        return f"You have no case {command.case_id}. Reply TAKE and the number from the alert."
    log.info("staff text: case=%s kind=%s message=%s", case.id, command.kind, message.sid)
    return add_drill_label(case, _COMMAND_HANDLERS[command.kind](runtime, staff, case, command, message.sid))


def _is_emergency(request: CommandRequest) -> bool:
    """Say whether the sender reports an own emergency. "911 help, a man with a gun" is not a text to case 911."""
    understanding = understand_text(request.runtime.library, request.message.normalized_text, None)
    return understanding.severity == "escalate_now"


def _can_access_case(runtime: Runtime, staff: str, case: Case) -> bool:
    """Say whether the person is the assignee, or in a chain that the case has alerted."""
    district = runtime.library.district
    if staff == case.claimed_by:
        return True
    roles = (case.role, *district.paging.widen_to[: max(0, case.rounds_since_opened - 1)])
    return any(staff in district.list_alert_recipients(role, now(), case.school) for role in roles)


def _take_case(runtime: Runtime, staff: str, case: Case, command: CaseCommand, message_sid: str) -> str:
    result = assignment.take_case(runtime, case.id, staff, "by text")
    if result.outcome == "theirs":
        return f"Case {case.id} was taken by {result.assignee_name}."
    if result.outcome == "closed":
        return f"Case {case.id} is already done."
    return f"You have case {case.id}. {_create_one_time_link(runtime, case, staff)}"


def _create_one_time_link(runtime: Runtime, case: Case, staff: str) -> str:
    """Create a link that opens the case once, after login."""
    try:
        with runtime.database.write() as db:
            secret = one_time_links.create(db, case.id, staff, now())
    except SQLAlchemyError:
        return NO_LINK_TEXT
    return f"This link opens it once, after login: {runtime.settings.public_base}/console/open/{secret}"


def _describe_state(runtime: Runtime, staff: str, case: Case, command: CaseCommand, message_sid: str) -> str:
    people = runtime.library.district.staff
    name = people[case.claimed_by].name if case.claimed_by in people else ""
    states = {
        "new": "nobody has it",
        "alerted": "nobody has it",
        "claimed": f"{name} has it",
        "waiting": f"{name} has it and waits for the family",
        "resolved": "done",
        "closed": "done",
    }
    minutes = int((now() - case.opened_at).total_seconds() // 60)
    age = f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
    return f"Case {case.id}: {states[case.state]}, {age} old. {describe_case(runtime.library, case)}"


def _write_to_family(runtime: Runtime, staff: str, case: Case, command: CaseCommand, message_sid: str) -> str:
    if case.claimed_by != staff:
        return f"Case {case.id} is not yours. Reply TAKE {case.id} first."
    if not case.is_open:
        return f"Case {case.id} is done. Open the console to write."
    with runtime.database.read() as db:
        route = find_delivery_route(runtime, contacts.get(db, case.contact_id))
    if route.address is None:
        reason = f"no text reaches this family now ({route.reason})"
        return f"Case {case.id}: {reason}. Please call. The console has the number."
    if len(command.argument) > MAX_STAFF_TEXT_LENGTH:
        return f"Case {case.id}: not sent, too long. Please write up to {MAX_STAFF_TEXT_LENGTH} characters."
    staff_message = staff_conversation.StaffMessage(case.id, staff, command.argument, f"text:{message_sid}")
    staff_conversation.queue_message(runtime, staff_message)
    if case.topic in cases.STAFF_TOPICS:
        return f"Case {case.id}: your text goes to the front office now."
    return f"Case {case.id}: your text goes to the family now, with its translation."


def _hand_over_case(runtime: Runtime, staff: str, case: Case, command: CaseCommand, message_sid: str) -> str:
    people, name = runtime.library.district.staff, command.argument.casefold()
    matches = [other for other, member in people.items() if name and name in member.name.casefold() and other != staff]
    if len(matches) != 1:
        return f"Who should get case {case.id}? Reply GIVE {case.id} and a name that only one colleague has."
    if not assignment.hand_over_case(runtime, case.id, staff, matches[0]):
        return f"Case {case.id} is not yours. Reply TAKE {case.id} first."
    return f"{people[matches[0]].name} has case {case.id} now and gets a text."


def _resolve_case(runtime: Runtime, staff: str, case: Case, command: CaseCommand, message_sid: str) -> str:
    if not case.is_open:
        return f"Case {case.id} is already done."
    if case.claimed_by != staff:
        return f"Case {case.id} is not yours. Reply TAKE {case.id} first."
    assignment.resolve_case(runtime, case.id, staff, "by text")
    if case.topic in cases.STAFF_TOPICS:
        return f"Case {case.id} is done. The front office continues its steps until it replies OVER."
    return f"Case {case.id} is done. We'll ask the family whether it was helped."


_COMMAND_HANDLERS = {
    "take": _take_case,
    "ask": _describe_state,
    "write": _write_to_family,
    "give": _hand_over_case,
    "done": _resolve_case,
}
