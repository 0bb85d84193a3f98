"""Staff by text, from their own registered phone: take a case, ask about it, answer the family, hand over, be done.

A number can be forged, so an answer holds no name, number or word of a family; those wait behind the console's login.

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
"""With its translation and the original it still fits one message."""
NO_LINK_TEXT = "Open the console to see it."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CaseCommand:
    """What a text asks for: of which case, with which words (`write`) or to whom (`give`)."""

    kind: CaseCommandKind
    case_id: int
    argument: str = ""


def parse(text: str) -> CaseCommand | None:
    """The wish in a text, or None: then whoever writes is a parent like any other."""
    found = CASE_COMMAND_PATTERN.match(text)
    if not found:
        return None
    if found["word"]:
        return CaseCommand(
            CASE_COMMAND_WORDS[found["word"].casefold()], int(found["number"]), (found["whom"] or "").strip()
        )
    if found["asked"]:
        return CaseCommand("ask", int(found["asked"]))
    return CaseCommand("write", int(found["case"]), found["text"].strip())


def parse_request(request: CommandRequest) -> CaseCommand | None:
    """Return the case command that the text of a staff member is, or None."""
    return parse(request.message.text)


def run_command(request: CommandRequest, command: CaseCommand) -> str | None:
    """Carry out a case command and return the reply; None treats the text as a message of the person's own family.

    A repeated message changes nothing more. Raises `SQLAlchemyError` if the database is away.
    """
    runtime, message, staff = request.runtime, request.message, request.staff
    if staff is None or (command.kind == "write" and _is_emergency(request)):
        return None
    with runtime.database.read() as db:
        case = cases.find(db, command.case_id)
    if case is None or not _can_access_case(runtime, staff, case):
        if command.kind == "write":
            return None
        return f"There is no case {command.case_id} for you. Write TAKE and the number of the alert."
    log.info("staff text: case=%s kind=%s message=%s", case.id, command.kind, message.sid)
    return add_drill_label(case, _COMMAND_HANDLERS[command.kind](runtime, staff, case, command, message.sid))


def _is_emergency(request: CommandRequest) -> bool:
    """Whether the text is an emergency of the sender's own: "911 help, a man with a gun" is no text to case 911."""
    understanding = understand_text(request.runtime.library, request.message.normalized_text, None)
    return understanding.severity == "escalate_now"


def _can_access_case(runtime: Runtime, staff: str, case: Case) -> bool:
    """Whether the case is this person's, or of a chain that may be asked about it."""
    district = runtime.library.district
    wide = (case.role, *district.paging.widen_to[: max(0, case.rounds_since_opened - 1)])
    return staff == case.claimed_by or any(
        staff in district.list_alert_recipients(role, now(), case.school) for role in wide
    )


def _take_case(runtime: Runtime, staff: str, case: Case, command: CaseCommand, message_sid: str) -> str:
    taken = assignment.take_case(runtime, case.id, staff, "by text")
    if taken.outcome == "theirs":
        return f"Case {case.id} was taken by {taken.assignee_name}."
    if taken.outcome == "closed":
        return f"Case {case.id} is done already."
    return f"You have case {case.id}. {_create_one_time_link(runtime, case, staff)}"


def _create_one_time_link(runtime: Runtime, case: Case, staff: str) -> str:
    """A link that opens the case once, after login."""
    try:
        with runtime.database.write() as db:
            secret = one_time_links.create(db, case.id, staff, now())
    except SQLAlchemyError:
        return NO_LINK_TEXT
    return f"Open it once with this link, after login: {runtime.settings.public_base}/console/open/{secret}"


def _describe_state(runtime: Runtime, staff: str, case: Case, command: CaseCommand, message_sid: str) -> str:
    district = runtime.library.district
    who = district.staff[case.claimed_by].name if case.claimed_by in district.staff else ""
    state = {"new": "nobody has it", "alerted": "nobody has it", "claimed": f"{who} has it"}
    state |= {"waiting": f"{who} has it, the family's turn", "resolved": "done", "closed": "done"}
    minutes = int((now() - case.opened_at).total_seconds() // 60)
    age = f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
    return f"Case {case.id}: {state[case.state]}, {age} old. {describe_case(runtime.library, case)}"


def _write_to_family(runtime: Runtime, staff: str, case: Case, command: CaseCommand, message_sid: str) -> str:
    if case.claimed_by != staff:
        return f"Case {case.id} is not yours. Reply TAKE {case.id} first."
    if not case.is_open:
        return f"Case {case.id} is done. Open the console to write."
    with runtime.database.read() as db:
        way = find_delivery_route(runtime, contacts.get(db, case.contact_id))
    if way.address is None:
        return (
            f"Case {case.id}: no text reaches this family now ({way.reason}). Please call; the console has the number."
        )
    if len(command.argument) > MAX_STAFF_TEXT_LENGTH:
        return f"Case {case.id}: not sent, it is too long. Please write up to {MAX_STAFF_TEXT_LENGTH} characters."
    staff_conversation.queue_message(
        runtime, staff_conversation.StaffMessage(case.id, staff, command.argument, f"text:{message_sid}")
    )
    if case.topic in cases.STAFF_TOPICS:
        return f"Case {case.id}: your text goes to the front office now."
    return f"Case {case.id}: your text goes to the family now, with its translation."


def _hand_over_case(runtime: Runtime, staff: str, case: Case, command: CaseCommand, message_sid: str) -> str:
    people = runtime.library.district.staff
    wanted = command.argument.casefold()
    found = [name for name, member in people.items() if wanted and wanted in member.name.casefold() and name != staff]
    if len(found) != 1:
        return f"Who shall get case {case.id}? Write GIVE {case.id} and a name that only one colleague has."
    if not assignment.hand_over_case(runtime, case.id, staff, found[0]):
        return f"Case {case.id} is not yours. Reply TAKE {case.id} first."
    return f"{people[found[0]].name} has case {case.id} now and gets a text."


def _resolve_case(runtime: Runtime, staff: str, case: Case, command: CaseCommand, message_sid: str) -> str:
    if not case.is_open:
        return f"Case {case.id} is done already."
    if case.claimed_by != staff:
        return f"Case {case.id} is not yours. Reply TAKE {case.id} first."
    assignment.resolve_case(runtime, case.id, staff, "by text")
    if case.topic in cases.STAFF_TOPICS:
        return f"Case {case.id} is done. The front office goes on with its steps until it writes OVER."
    return f"Case {case.id} is done. The family will be asked whether it was helped."


_COMMAND_HANDLERS = {
    "take": _take_case,
    "ask": _describe_state,
    "write": _write_to_family,
    "give": _hand_over_case,
    "done": _resolve_case,
}
