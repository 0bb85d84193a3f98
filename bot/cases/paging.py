"""Paging: a case is carried to staff in rounds, to more people each time, until somebody takes it.

The rows of a round and its number are written together; the job may run twice, and the sweep runs it when it is due.
"""

import logging
import time
from datetime import datetime

from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.base.queues import DELIVER, enqueue
from bot.cases import escalation_policy, notices
from bot.cases.alert_text import alert_text, spoken
from bot.messaging.delivery import deliver
from bot.runtime import Services
from bot.store.cases import case_transitions, cases, deliveries
from bot.store.cases.cases import Case
from bot.store.cases.deliveries import Page
from bot.store.families import contacts

HAND_OVER_SECONDS = 20
"""With the last request's own time-outs this stays below a job's minute."""
LOST = frozenset({"failed", "undelivered", "canceled", "held"})

log = logging.getLogger(__name__)


def page(services: Services, case_id: int) -> None:
    """Carry this case on: the next round if nobody has it, a word to the others if who has it is silent."""
    at = now()
    with services.database.write() as db:
        case = cases.find(db, services.database.vault, case_id)
        if case is None or not case.open:
            return
        due = case.page_at is None or case.page_at <= at
        if case.claimed_by and case.page_at and due:
            notices.chase(services, db, case, at)
        elif case.claimed_by is None and (
            case.state == "new" or (case.page_at and due) or _all_lost(services, db, case)
        ):
            _round(services, db, case, at)
        waiting = deliveries.waiting_of_case(db, case_id, at)
    _hand_over(services, list(waiting))


def _hand_over(services: Services, waiting: list[str]) -> None:
    """Send the pages here and now: a job for each would cost a fork each, when two hundred families write at once.

    What would take too long (Twilio hangs) is left to jobs of its own; what a kill -9 leaves, to the sweep.
    """
    until = time.monotonic() + HAND_OVER_SECONDS
    for delivery_id in waiting:
        if time.monotonic() < until:
            deliver(services, delivery_id)
        else:
            enqueue(services.redis, "urgent", DELIVER, delivery_id)


def _all_lost(services: Services, db: Connection, case: Case) -> bool:
    """No text of the last round arrived anywhere: the next people at once, as long as there are others to ask."""
    if case.round > len(services.library.district.paging.widen_to):
        return False
    pages = [one for one in deliveries.of_case(db, services.database.vault, case.id) if one.kind == "alert"]
    texts = [one for one in pages if one.means == "text" and one.round == case.rounds - 1]
    return bool(texts) and all(one.state in LOST for one in texts)


def _round(services: Services, db: Connection, case: Case, at: datetime) -> None:
    district, vault = services.library.district, services.database.vault
    number, round_ = case.rounds, case.round
    if not case_transitions.set_paged(
        db, case.id, number + 1, escalation_policy.next_page(district, case, round_, at), at
    ):
        return
    text = alert_text(services.library, services.settings.public_base, case)
    for one in escalation_policy.asked(district, case, round_, at):
        deliveries.plan_page(db, vault, Page(case.id, one.staff, number, "text", text, one.due), at)
        if one.call:
            called = Page(
                case.id, one.staff, number, "call", spoken(services.library, case), at + escalation_policy.CALL_AFTER
            )
            deliveries.plan_page(db, vault, called, at)
    due_day_over = district.local(at).date() > district.answer_due(case.opened_at, case.severity)
    if escalation_policy.must_be_honest(case, round_, due_day_over):
        contact = contacts.get(db, vault, case.contact_id)
        notices.nobody_yet(services, db, case, contact, at)
    log.info("paged: case=%s severity=%s round=%s", case.id, case.severity, round_)
