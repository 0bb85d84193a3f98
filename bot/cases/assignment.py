"""Take a case, hand it over, or resolve it. The console, texts, and calls all use these functions."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bot.base.database import Transaction, now
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.cases import escalation_policy, notices, staff_conversation
from bot.cases.alert_text import add_drill_label
from bot.runtime import Runtime
from bot.store.cases import case_transitions, cases, deliveries
from bot.store.cases.cases import Case
from bot.store.families import contacts, follow_ups

HELP_QUESTION_DELAY = timedelta(days=1)
"""One day after a case is resolved, the family is asked whether it was helped."""
HELP_QUESTION_FLOW = "was_it_solved"
TOPICS_WITHOUT_HELP_QUESTION = (
    frozenset({"abuse_violence_home", "report_absence", "absence_check_in", "fishing"}) | cases.STAFF_TOPICS
)
"""Topics without the help question: it could do harm, or there is nothing to ask."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClaimResult:
    """The result of taking a case.

    `yours`: the staff member has it now (or had it before). `theirs`: `assignee_name` has it. `closed`: it is resolved.
    """

    outcome: Literal["yours", "theirs", "closed", "unknown"]
    assignee_name: str = ""


@dataclass(frozen=True)
class _ClaimRequest:
    """The staff member who wants a case, the channel of the request, and whether that person leads."""

    staff: str
    source: str
    is_lead: bool
    requested_at: datetime


def take_case(runtime: Runtime, case_id: int, staff: str, source: str, is_lead: bool = False) -> ClaimResult:
    """Take a case for a staff member. The first request wins and cancels alerts that have not been sent.

    A case with an assignee changes hands only in three situations: the assignee did not react to a reminder, is no
    longer in the district file, or the new assignee leads (`is_lead`: administrators and approvers). The earlier
    assignee gets a notice.
    """
    current_time = now()
    with runtime.database.write() as db:
        case = cases.find(db, case_id)
        if case is None:
            return ClaimResult("unknown")
        if not case.is_open:
            return ClaimResult("closed")
        if case.claimed_by == staff:
            return ClaimResult("yours")
        delivery_ids = _claim_case(runtime, db, case, _ClaimRequest(staff, source, is_lead, current_time))
        if delivery_ids is None:
            assignee = cases.get(db, case_id).claimed_by
            if assignee == staff:
                return ClaimResult("yours")
            return ClaimResult("theirs", _get_staff_name(runtime, assignee))
    log.info("taken: case=%s how=%s", case_id, source.replace(" ", "_"))  # log values have no spaces
    _enqueue_deliveries(runtime, delivery_ids)
    return ClaimResult("yours")


def can_take_over(runtime: Runtime, case: Case, is_lead: bool) -> bool:
    """Say whether another staff member may take over an assigned case."""
    return is_lead or case.chased_at is not None or case.claimed_by not in runtime.library.district.staff


def _claim_case(runtime: Runtime, db: Transaction, case: Case, request: _ClaimRequest) -> list[str] | None:
    """Return the ids of the notices about it, or None if another staff member has the case or has just taken it."""
    staff, current_time = request.staff, request.requested_at
    reminder_at = escalation_policy.find_assignee_reminder_time(runtime.library.district, case, current_time)
    if case.claimed_by:
        if not can_take_over(runtime, case, request.is_lead):
            return None
        if not case_transitions.take_over(db, case, staff, reminder_at, current_time):
            return None
        return _plan_takeover_notice(runtime, db, case, staff, current_time)
    if not case_transitions.claim(db, case.id, staff, reminder_at, current_time, request.source):
        return None
    deliveries.cancel_pages(db, case.id)
    contact = contacts.get(db, case.contact_id)
    return notices.plan_assignment_notices(runtime, db, case, contact, staff, current_time)


def _plan_takeover_notice(
    runtime: Runtime, db: Transaction, case: Case, new_assignee: str, current_time: datetime
) -> list[str]:
    district = runtime.library.district
    if case.claimed_by not in district.staff:
        return []
    body = f"{district.name}: {_get_staff_name(runtime, new_assignee)} has taken over case {case.id}."
    return [notices.plan_staff_notice(runtime, db, case.claimed_by, add_drill_label(case, body), current_time)]


def hand_over_case(runtime: Runtime, case_id: int, given_by: str, new_assignee: str, is_lead: bool = False) -> bool:
    """Give a case to another staff member and text that person.

    Return False unless `given_by` is the assignee, or leads and the case has an assignee.
    """
    current_time, district = now(), runtime.library.district
    with runtime.database.write() as db:
        case = cases.find(db, case_id)
        if case is None or not (case.claimed_by == given_by or (is_lead and case.claimed_by)):
            return False
        reminder_at = escalation_policy.find_assignee_reminder_time(district, case, current_time)
        if not case_transitions.hand_over(db, case, new_assignee, reminder_at, current_time, given_by):
            return False
        url = f"{runtime.settings.public_base}/console/cases/{case_id}"
        body = f"{district.name}: {_get_staff_name(runtime, given_by)} gives you case {case_id}. {url}"
        notice_id = notices.plan_staff_notice(runtime, db, new_assignee, add_drill_label(case, body), current_time)
    _enqueue_deliveries(runtime, [notice_id])
    return True


def resolve_case(runtime: Runtime, case_id: int, actor: str, reason: str = "") -> bool:
    """Resolve a case and end its conversation. One day later, ask the family whether it was helped."""
    current_time = now()
    with runtime.database.write() as db:
        case = cases.find(db, case_id)
        if case is None or not case_transitions.resolve(db, case_id, actor, current_time, reason):
            return False
        deliveries.cancel_pages(db, case_id)
        delivery_ids = staff_conversation.end_conversation(runtime, db, case, current_time)
        _plan_help_question(runtime, db, case, current_time)
    staff_conversation.clear_active_case(runtime, case.contact_id)
    _enqueue_deliveries(runtime, delivery_ids)
    return True


def _plan_help_question(runtime: Runtime, db: Transaction, case: Case, current_time: datetime) -> None:
    if case.topic in TOPICS_WITHOUT_HELP_QUESTION or case.severity == "info":
        return
    follow_ups.drop(db, case.contact_id, HELP_QUESTION_FLOW)
    due = runtime.library.district.find_next_waking_time(current_time + HELP_QUESTION_DELAY)
    cause = (f"case:{case.id}:{case.rounds}", 0)
    follow_ups.plan(db, cause, case.contact_id, follow_ups.FollowUpTarget(HELP_QUESTION_FLOW, case_id=case.id), due)


def _get_staff_name(runtime: Runtime, staff: str | None) -> str:
    member = runtime.library.district.staff.get(staff or "")
    return member.name if member else staff or ""


def _enqueue_deliveries(runtime: Runtime, delivery_ids: list[str]) -> None:
    for delivery_id in delivery_ids:
        enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
