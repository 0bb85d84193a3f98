"""Remind the owner of an overdue support need once, in working hours."""

import logging
from collections import Counter

from bot.base.database import now
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.runtime import Runtime
from bot.store.cases import deliveries
from bot.store.schools import support_needs

log = logging.getLogger(__name__)


def remind_owners(runtime: Runtime) -> None:
    """Plan the reminders. They are saved together with the claims, so that each owner gets one."""
    current_time, district = now(), runtime.library.district
    with runtime.database.write() as db:
        overdue = support_needs.claim_overdue(db, district.to_local_time(current_time).date(), current_time)
        owner_counts = Counter(owner for owner, _ in overdue if owner in district.staff)
        planned = []
        for owner, count in owner_counts.items():
            due_at = district.find_next_work_time(owner, current_time)
            planned.append(deliveries.plan_reminder(db, owner, _build_text(runtime, count), due_at))
    for delivery_id in planned:
        enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery_id)
    if overdue:
        log.info("overdue: needs=%s owners=%s", len(overdue), len(planned))


def _build_text(runtime: Runtime, count: int) -> str:
    subject = f"{count} needs of families are"
    if count == 1:
        subject = "1 need of a family is"
    name, base = runtime.library.district.name, runtime.settings.public_base
    return f"{name}: {subject} past the promised day. {base}/console/needs"
