"""Setting and withdrawing a verified statement about a school.  Who may, for how long, and who hears of it.

Families read fixed, reviewed words with the school's name and the time (flows/texts.yaml); nothing typed reaches them.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.base.database import Transaction, now
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.district import District
from bot.messaging.reply_composer import ReplyComposer
from bot.runtime import Runtime
from bot.school_status import rumor_replies
from bot.store import audit_log
from bot.store.schools import incidents, school_statuses
from bot.store.schools.school_statuses import MAX_STATUS_VALIDITY, RUMOR_ANSWER_KINDS, SCHOOL_STATUS_KINDS, SchoolStatus

SAFETY_LEAD_ROLE = "safety_lead"
"""Whose chain (`on_call` of the district file) says how a school is."""
DEFAULT_STATUS_VALIDITY = timedelta(hours=2)
"""If nobody says otherwise."""
MAX_CHECK_AGE = timedelta(hours=1)
"""What was checked longer ago is checked again before families are told."""
CLOCK_TOLERANCE = timedelta(minutes=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SchoolStatusRequest:
    """What somebody says of a school.  `cause` makes it once: the form's own number, or the text's."""

    school: str
    kind: str
    checked_at: datetime
    validity: timedelta
    by: str
    cause: str


class SchoolStatusError(Exception):
    """Why not, in a sentence for the person who asked."""


def can_set_status(district: District, staff: str | None, school: str) -> bool:
    """Whether this member of staff is of the safety lead's chain for that school."""
    chain = district.on_call.get(SAFETY_LEAD_ROLE)
    person = district.staff.get(staff or "")
    if chain is None or person is None or school not in district.schools:
        return False
    own = not person.schools or school in person.schools
    return own and staff in {*chain.people, *chain.schools.get(school, ())}


def set_status(runtime: Runtime, request: SchoolStatusRequest) -> SchoolStatus:
    """From now on families who ask read it, and those who reported a rumour are told, in the same transaction.

    Raises `CannotSet`.  The caller has asked `may_set`.
    """
    at = now()
    wanted = _validate_request(runtime.library.district, request, at)
    with runtime.database.write() as db:
        _require_no_incident(db, request)
        before = school_statuses.find_current_by_school(db, at).get(request.school)
        status, new = school_statuses.add(db, request.cause, wanted, at)
        planned = _record_and_notify(runtime, db, status, before, at) if new else []
    _refresh_and_enqueue(runtime, planned)
    return status


def _validate_request(district: District, request: SchoolStatusRequest, at: datetime) -> SchoolStatus:
    if request.school not in district.schools:
        raise SchoolStatusError("There is no such school.")
    if request.kind not in SCHOOL_STATUS_KINDS:
        raise SchoolStatusError("Choose what was found.")
    if not at - MAX_CHECK_AGE <= request.checked_at <= at + CLOCK_TOLERANCE:
        raise SchoolStatusError("Say when it was checked: within the last hour. What is older, check again.")
    expires = request.checked_at + request.validity
    if not timedelta() < request.validity <= MAX_STATUS_VALIDITY or expires <= at:
        raise SchoolStatusError("Say for how long it counts: four hours at most.")
    return SchoolStatus(0, request.school, request.kind, min(request.checked_at, at), expires, request.by)


def _require_no_incident(db: Transaction, request: SchoolStatusRequest) -> None:
    """What the front office has on record comes before any finding: the two must never contradict each other."""
    incidents.acquire_lock(db)
    if request.kind in RUMOR_ANSWER_KINDS and incidents.find_running_at_school(db, request.school, drill=False):
        raise SchoolStatusError(
            "The front office has agents on record there now. End that first, or say somebody is checking."
        )


def _record_and_notify(
    runtime: Runtime, db: Transaction, status: SchoolStatus, previous: SchoolStatus | None, at: datetime
) -> list[str]:
    """The line in the audit log, and what families are told; somebody looks again: what was told counts no more."""
    why = f"{status.kind} until {runtime.library.district.to_local_time(status.expires_at):%H:%M}"
    audit_log.record(db, status.by, "set a school status", f"school {status.school}", at, why)
    if status.kind in RUMOR_ANSWER_KINDS:
        return rumor_replies.plan_replies(runtime, db, status, at)
    return rumor_replies.plan_withdrawal_texts(runtime, db, previous, at) if previous else []


def withdraw_school_status(runtime: Runtime, status_id: int, by: str) -> bool:
    """Nobody is told it any more, and those who were hear so; False if it was withdrawn, or has ended."""
    at = now()
    with runtime.database.write() as db:
        planned = withdraw_in_transaction(runtime, db, status_id, by, at)
    if planned is not None:
        _refresh_and_enqueue(runtime, planned)
    return planned is not None


def withdraw_in_transaction(
    runtime: Runtime, db: Transaction, status_id: int, by: str, at: datetime
) -> list[str] | None:
    """The same within a transaction: the texts that follow; None if there was nothing to withdraw."""
    if not school_statuses.withdraw(db, status_id, by, at):
        return None
    status = school_statuses.get(db, status_id)
    audit_log.record(db, by, "withdrew a school status", f"school {status.school}", at, status.kind)
    return rumor_replies.plan_withdrawal_texts(runtime, db, status, at)


def withdraw_contradicted(runtime: Runtime, db: Transaction, school: str, by: str, at: datetime) -> list[str]:
    """The front office says that agents are there: a finding that says otherwise counts no more; the texts that follow.

    Nothing is published of it: families read only that what they were told does not count.
    """
    found = school_statuses.find_current_by_school(db, at).get(school)
    if found is None or found.kind not in RUMOR_ANSWER_KINDS:
        return []
    return withdraw_in_transaction(runtime, db, found.id, by, at) or []


def _refresh_and_enqueue(runtime: Runtime, delivery_ids: list[str]) -> None:
    runtime.statuses.invalidate()
    for delivery_id in delivery_ids:
        enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
    log.info("school status: texts=%s", len(delivery_ids))


def get_family_text(runtime: Runtime, status: SchoolStatus) -> str:
    """What families read of it, in English."""
    return ReplyComposer(runtime.library, SOURCE_LANGUAGE, now()).render_status(status)
