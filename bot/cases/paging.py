"""Paging: a case is carried to staff in rounds, to more people each time, until somebody takes it.

The rows of a round and its number are written together; the job may run twice, and the sweep runs it when it is due.
"""

import logging
import time
from datetime import datetime

from bot.base.database import Transaction, now
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.cases import escalation_policy, notices
from bot.cases.alert_text import build_alert_text, build_spoken_alert
from bot.messaging.delivery import deliver
from bot.runtime import Runtime
from bot.store.cases import case_transitions, cases, deliveries
from bot.store.cases.cases import Case
from bot.store.cases.deliveries import StaffPage
from bot.store.families import contacts

INLINE_SEND_SECONDS = 20
"""With the last request's own time-outs this stays below a job's minute."""
LOST_PAGE_STATES = frozenset({"failed", "undelivered", "canceled", "held"})

log = logging.getLogger(__name__)


def page_staff(runtime: Runtime, case_id: int) -> None:
    """Carry this case on: the next round if nobody has it, a word to the others if who has it is silent."""
    at = now()
    with runtime.database.write() as db:
        case = cases.find(db, case_id)
        if case is None or not case.is_open:
            return
        due = case.page_at is None or case.page_at <= at
        if case.claimed_by and case.page_at and due:
            notices.remind_assignee(runtime, db, case, at)
        elif case.claimed_by is None and (
            case.state == "new" or (case.page_at and due) or _has_round_failed(runtime, db, case)
        ):
            _start_round(runtime, db, case, at)
        waiting = deliveries.list_due_for_case(db, case_id, at)
    _send_pages(runtime, list(waiting))


def _send_pages(runtime: Runtime, delivery_ids: list[str]) -> None:
    """Send the pages here and now: a job for each would cost a fork each, when two hundred families write at once.

    What would take too long (Twilio hangs) is left to jobs of its own; what a kill -9 leaves, to the sweep.
    """
    until = time.monotonic() + INLINE_SEND_SECONDS
    for delivery_id in delivery_ids:
        if time.monotonic() < until:
            deliver(runtime, delivery_id)
        else:
            enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)


def _has_round_failed(runtime: Runtime, db: Transaction, case: Case) -> bool:
    """No text of the last round arrived anywhere: the next people at once, as long as there are others to ask."""
    if case.rounds_since_opened > len(runtime.library.district.paging.widen_to):
        return False
    pages = [one for one in deliveries.list_for_case(db, case.id) if one.kind == "alert"]
    texts = [one for one in pages if one.means == "text" and one.round == case.rounds - 1]
    return bool(texts) and all(one.state in LOST_PAGE_STATES for one in texts)


def _start_round(runtime: Runtime, db: Transaction, case: Case, at: datetime) -> None:
    district = runtime.library.district
    number, round_ = case.rounds, case.rounds_since_opened
    if not case_transitions.record_round(
        db, case.id, number + 1, escalation_policy.find_next_round_time(district, case, round_, at), at
    ):
        return
    text = build_alert_text(runtime.library, runtime.settings.public_base, case)
    for one in escalation_policy.list_recipients_for_round(district, case, round_, at):
        deliveries.plan_page(db, StaffPage(case.id, one.staff, number, "text", text, one.due_at), at)
        if one.should_call:
            called = StaffPage(
                case.id,
                one.staff,
                number,
                "call",
                build_spoken_alert(runtime.library, case),
                at + escalation_policy.CALL_DELAY,
            )
            deliveries.plan_page(db, called, at)
    due_day_over = district.to_local_time(at).date() > district.get_answer_due_date(case.opened_at, case.severity)
    if escalation_policy.should_notify_family_of_delay(case, round_, due_day_over):
        contact = contacts.get(db, case.contact_id)
        notices.plan_delay_notice(runtime, db, case, contact, at)
    log.info("paged: case=%s severity=%s round=%s", case.id, case.severity, round_)
