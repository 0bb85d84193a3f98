"""Who has a case: take it, hand it over, say that it is done.  The same from the console, by text and by phone."""

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
"""The day after a case is done the family is asked whether it was helped."""
HELP_QUESTION_FLOW = "was_it_solved"
TOPICS_WITHOUT_HELP_QUESTION = (
    frozenset({"abuse_violence_home", "report_absence", "absence_check_in", "fishing"}) | cases.STAFF_TOPICS
)
"""Topics after which nobody is asked: it could do harm, or there is nothing to ask."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClaimResult:
    """`yours`: it is now (or was before); `theirs`: `by` (a name) has it; `closed`: it is done."""

    outcome: Literal["yours", "theirs", "closed", "unknown"]
    assignee_name: str = ""


@dataclass(frozen=True)
class _ClaimRequest:
    """Who wants a case, how it was said, whether that person leads, and when."""

    staff: str
    source: str
    is_lead: bool
    at: datetime


def take_case(runtime: Runtime, case_id: int, staff: str, source: str, is_lead: bool = False) -> ClaimResult:
    """Take a case; the first one gets it, and pages that have not left are not sent any more.

    A case that somebody has taken is given only where that person was reminded and gave no sign, is nobody of the
    district file, or whoever asks `leads` (an administrator, an approver): then that person hears of it.
    """
    at = now()
    with runtime.database.write() as db:
        case = cases.find(db, case_id)
        if case is None:
            return ClaimResult("unknown")
        if not case.is_open:
            return ClaimResult("closed")
        if case.claimed_by == staff:
            return ClaimResult("yours")
        planned = _claim_case(runtime, db, case, _ClaimRequest(staff, source, is_lead, at))
        if planned is None:
            again = cases.get(db, case_id)
            return (
                ClaimResult("yours")
                if again.claimed_by == staff
                else ClaimResult("theirs", _get_staff_name(runtime, again.claimed_by))
            )
    log.info("taken: case=%s how=%s", case_id, source.replace(" ", "_"))  # a line shows no words in a row
    _enqueue_deliveries(runtime, planned)
    return ClaimResult("yours")


def can_take_over(runtime: Runtime, case: Case, is_lead: bool) -> bool:
    """Whether somebody else may take a case that is taken."""
    return is_lead or case.chased_at is not None or case.claimed_by not in runtime.library.district.staff


def _claim_case(runtime: Runtime, db: Transaction, case: Case, request: _ClaimRequest) -> list[str] | None:
    """The texts about it, or None if it is, or has just become, somebody else's."""
    staff, at = request.staff, request.at
    chase_at = escalation_policy.find_assignee_reminder_time(runtime.library.district, case, at)
    if case.claimed_by:
        if not can_take_over(runtime, case, request.is_lead) or not case_transitions.take_over(
            db, case, staff, chase_at, at
        ):
            return None
        body = f"{runtime.library.district.name}: {_get_staff_name(runtime, staff)} has taken over case {case.id}."
        known = case.claimed_by in runtime.library.district.staff
        return (
            [notices.plan_staff_notice(runtime, db, case.claimed_by, add_drill_label(case, body), at)] if known else []
        )
    if not case_transitions.claim(db, case.id, staff, chase_at, at, request.source):
        return None
    deliveries.cancel_pages(db, case.id)
    return notices.plan_assignment_notices(runtime, db, case, contacts.get(db, case.contact_id), staff, at)


def hand_over_case(runtime: Runtime, case_id: int, given_by: str, new_assignee: str, is_lead: bool = False) -> bool:
    """Give a case to somebody else, who gets a text; False if it was not `from_`'s to give (who `leads` may always)."""
    at = now()
    with runtime.database.write() as db:
        case = cases.find(db, case_id)
        if case is None or not (case.claimed_by == given_by or (is_lead and case.claimed_by)):
            return False
        if not case_transitions.hand_over(
            db,
            case,
            new_assignee,
            escalation_policy.find_assignee_reminder_time(runtime.library.district, case, at),
            at,
            given_by,
        ):
            return False
        where = f"{runtime.settings.public_base}/console/cases/{case_id}"
        body = (
            f"{runtime.library.district.name}: {_get_staff_name(runtime, given_by)} gives you case {case_id}. {where}"
        )
        planned = [notices.plan_staff_notice(runtime, db, new_assignee, add_drill_label(case, body), at)]
    _enqueue_deliveries(runtime, planned)
    return True


def resolve_case(runtime: Runtime, case_id: int, actor: str, reason: str = "") -> bool:
    """Say that a case is done: the talk ends, and a day later the family is asked whether it was helped."""
    at = now()
    with runtime.database.write() as db:
        case = cases.find(db, case_id)
        if case is None or not case_transitions.resolve(db, case_id, actor, at, reason):
            return False
        deliveries.cancel_pages(db, case_id)
        planned = staff_conversation.end_conversation(runtime, db, case, at)
        _plan_help_question(runtime, db, case, at)
    staff_conversation.clear_active_case(runtime, case.contact_id)
    _enqueue_deliveries(runtime, planned)
    return True


def _plan_help_question(runtime: Runtime, db: Transaction, case: Case, at: datetime) -> None:
    if case.topic in TOPICS_WITHOUT_HELP_QUESTION or case.severity == "info":
        return
    follow_ups.drop(db, case.contact_id, HELP_QUESTION_FLOW)
    due = runtime.library.district.find_next_waking_time(at + HELP_QUESTION_DELAY)
    cause = (f"case:{case.id}:{case.rounds}", 0)
    follow_ups.plan(db, cause, case.contact_id, follow_ups.FollowUpTarget(HELP_QUESTION_FLOW, case_id=case.id), due)


def _get_staff_name(runtime: Runtime, staff: str | None) -> str:
    member = runtime.library.district.staff.get(staff or "")
    return member.name if member else (staff or "")


def _enqueue_deliveries(runtime: Runtime, delivery_ids: list[str]) -> None:
    for delivery_id in delivery_ids:
        enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
