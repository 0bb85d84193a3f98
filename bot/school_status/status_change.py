"""Set and withdraw the verified status of a school: who may do it, for how long, and who gets a text.

Families read only fixed, reviewed texts with the school's name and the time (flows/texts.yaml), and nothing typed.
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
"""The role whose on-call chain in the district file may set the status of a school."""
DEFAULT_STATUS_VALIDITY = timedelta(hours=2)
"""How long a status is valid by default."""
MAX_CHECK_AGE = timedelta(hours=1)
"""An older check must be repeated before families read about it."""
CLOCK_TOLERANCE = timedelta(minutes=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SchoolStatusRequest:
    """The status that a staff member sets. `cause` prevents duplicates: it is the form's ID or the text's ID."""

    school: str
    kind: str
    checked_at: datetime
    validity: timedelta
    by: str
    cause: str


class SchoolStatusError(Exception):
    """The status cannot be set. The message is a sentence for the staff member who asked."""


def can_set_status(district: District, staff: str | None, school: str) -> bool:
    """Return whether this staff member is in the safety lead's on-call chain for that school."""
    chain = district.on_call.get(SAFETY_LEAD_ROLE)
    person = district.staff.get(staff or "")
    if chain is None or person is None or school not in district.schools:
        return False
    if person.schools and school not in person.schools:
        return False
    return staff in {*chain.people, *chain.schools.get(school, ())}


def set_status(runtime: Runtime, request: SchoolStatusRequest) -> SchoolStatus:
    """Set the status that families read, and plan the texts to families who reported a rumor, in one transaction.

    The caller checks `can_set_status` first. Raises `SchoolStatusError`.
    """
    current_time = now()
    new_status = _validate_request(runtime.library.district, request, current_time)
    with runtime.database.write() as db:
        _require_no_incident(db, request)
        previous = school_statuses.find_current_by_school(db, current_time).get(request.school)
        status, is_new = school_statuses.add(db, request.cause, new_status, current_time)
        planned = _record_and_notify(runtime, db, status, previous, current_time) if is_new else []
    _refresh_and_enqueue(runtime, planned)
    return status


def _validate_request(district: District, request: SchoolStatusRequest, current_time: datetime) -> SchoolStatus:
    if request.school not in district.schools:
        raise SchoolStatusError("This school doesn't exist.")
    if request.kind not in SCHOOL_STATUS_KINDS:
        raise SchoolStatusError("Choose a status.")
    if not current_time - MAX_CHECK_AGE <= request.checked_at <= current_time + CLOCK_TOLERANCE:
        raise SchoolStatusError("Enter a time in the last hour. If it was longer ago, check again.")
    expires = request.checked_at + request.validity
    if not timedelta() < request.validity <= MAX_STATUS_VALIDITY or expires <= current_time:
        raise SchoolStatusError("Choose how long the status is valid, up to four hours.")
    return SchoolStatus(0, request.school, request.kind, min(request.checked_at, current_time), expires, request.by)


def _require_no_incident(db: Transaction, request: SchoolStatusRequest) -> None:
    """Reject a finding while the front office has a running incident, because the two must not contradict."""
    incidents.acquire_lock(db)
    if request.kind in RUMOR_ANSWER_KINDS and incidents.find_running_at_school(db, request.school, drill=False):
        raise SchoolStatusError(
            "The front office has an active incident at this school."
            " End it first, or post “A staff member is checking”."
        )


def _record_and_notify(
    runtime: Runtime, db: Transaction, status: SchoolStatus, previous: SchoolStatus | None, current_time: datetime
) -> list[str]:
    """Record the change in the audit log, and plan the texts. A status that reopens the check withdraws the old one."""
    details = f"{status.kind} until {runtime.library.district.to_local_time(status.expires_at):%H:%M}"
    audit_log.record(db, status.by, "set a school status", f"school {status.school}", current_time, details)
    if status.kind in RUMOR_ANSWER_KINDS:
        return rumor_replies.plan_replies(runtime, db, status, current_time)
    return rumor_replies.plan_withdrawal_texts(runtime, db, previous, current_time) if previous else []


def withdraw_school_status(runtime: Runtime, status_id: int, by: str) -> bool:
    """Withdraw a status, and text the families who got it. Return False if it was already withdrawn or has ended."""
    current_time = now()
    with runtime.database.write() as db:
        planned = withdraw_in_transaction(runtime, db, status_id, by, current_time)
    if planned is not None:
        _refresh_and_enqueue(runtime, planned)
    return planned is not None


def withdraw_in_transaction(
    runtime: Runtime, db: Transaction, status_id: int, by: str, current_time: datetime
) -> list[str] | None:
    """Withdraw in an open transaction, and return the planned texts, or None if there was nothing to withdraw."""
    if not school_statuses.withdraw(db, status_id, by, current_time):
        return None
    status = school_statuses.get(db, status_id)
    audit_log.record(db, by, "withdrew a school status", f"school {status.school}", current_time, status.kind)
    return rumor_replies.plan_withdrawal_texts(runtime, db, status, current_time)


def withdraw_contradicted(runtime: Runtime, db: Transaction, school: str, by: str, current_time: datetime) -> list[str]:
    """Withdraw a finding that contradicts a new incident, and return the planned texts.

    Nothing about the incident is published. Families read only that the earlier status no longer counts.
    """
    status = school_statuses.find_current_by_school(db, current_time).get(school)
    if status is None or status.kind not in RUMOR_ANSWER_KINDS:
        return []
    return withdraw_in_transaction(runtime, db, status.id, by, current_time) or []


def _refresh_and_enqueue(runtime: Runtime, delivery_ids: list[str]) -> None:
    runtime.statuses.invalidate()
    for delivery_id in delivery_ids:
        enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
    log.info("school status: texts=%s", len(delivery_ids))


def get_family_text(runtime: Runtime, status: SchoolStatus) -> str:
    """Return the English text that families read about this status."""
    return ReplyComposer(runtime.library, SOURCE_LANGUAGE, now()).render_status(status)
