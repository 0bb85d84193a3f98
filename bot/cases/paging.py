"""Alert staff about a case in rounds, to more people each time, until one of them takes it.

The rows of a round and its number are written together. The job may run twice, and the sweep runs it when it is due.
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
"""With the timeouts of the last request, this stays below the minute of a job."""
LOST_PAGE_STATES = frozenset({"failed", "undelivered", "canceled", "held"})

log = logging.getLogger(__name__)


def page_staff(runtime: Runtime, case_id: int) -> None:
    """Start the next round if nobody has taken the case, or remind an assignee who hasn't answered."""
    current_time = now()
    with runtime.database.write() as db:
        case = cases.find(db, case_id)
        if case is None or not case.is_open:
            return
        is_due = case.page_at is not None and case.page_at <= current_time
        if case.claimed_by and is_due:
            notices.remind_assignee(runtime, db, case, current_time)
        elif case.claimed_by is None and (case.state == "new" or is_due or _has_round_failed(runtime, db, case)):
            _start_round(runtime, db, case, current_time)
        delivery_ids = deliveries.list_due_for_case(db, case_id, current_time)
    _send_pages(runtime, list(delivery_ids))


def _send_pages(runtime: Runtime, delivery_ids: list[str]) -> None:
    """Send the alerts in this job: a fork for each would be slow when two hundred families write at once.

    After some seconds (if Twilio hangs), each remaining alert gets its own job. The sweep sends what a killed process
    leaves.
    """
    deadline = time.monotonic() + INLINE_SEND_SECONDS
    for delivery_id in delivery_ids:
        if time.monotonic() < deadline:
            deliver(runtime, delivery_id)
        else:
            enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)


def _has_round_failed(runtime: Runtime, db: Transaction, case: Case) -> bool:
    """Say whether all texts of the last round failed while there are more people to alert."""
    if case.rounds_since_opened > len(runtime.library.district.paging.widen_to):
        return False
    texts = [
        delivery
        for delivery in deliveries.list_for_case(db, case.id)
        if delivery.kind == "alert" and delivery.transport == "text" and delivery.round == case.rounds - 1
    ]
    return bool(texts) and all(text.state in LOST_PAGE_STATES for text in texts)


def _start_round(runtime: Runtime, db: Transaction, case: Case, current_time: datetime) -> None:
    district, round_number = runtime.library.district, case.rounds_since_opened
    next_round_at = escalation_policy.find_next_round_time(district, case, round_number, current_time)
    if not case_transitions.record_round(db, case.id, case.rounds + 1, next_round_at, current_time):
        return
    text = build_alert_text(runtime.library, runtime.settings.public_base, case)
    spoken_text, call_at = build_spoken_alert(runtime.library, case), current_time + escalation_policy.CALL_DELAY
    for recipient in escalation_policy.list_recipients_for_round(district, case, round_number, current_time):
        page = StaffPage(case.id, recipient.staff, case.rounds, "text", text, recipient.due_at)
        deliveries.plan_page(db, page, current_time)
        if recipient.should_call:
            call = StaffPage(case.id, recipient.staff, case.rounds, "call", spoken_text, call_at)
            deliveries.plan_page(db, call, current_time)
    due_date = district.get_answer_due_date(case.opened_at, case.severity)
    is_due_day_over = district.to_local_time(current_time).date() > due_date
    if escalation_policy.should_notify_family_of_delay(case, round_number, is_due_day_over):
        notices.plan_delay_notice(runtime, db, case, contacts.get(db, case.contact_id), current_time)
    log.info("paged: case=%s severity=%s round=%s", case.id, case.severity, round_number)
