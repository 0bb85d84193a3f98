"""Remind the owner of a contact about an overdue call, once for each promised day, in working hours."""

import logging
from collections import Counter
from datetime import date, datetime

from bot.base.database import Transaction, now
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.community import contact_rules
from bot.runtime import Runtime
from bot.store.cases import deliveries
from bot.store.community import community_leaders, review_reminders

LEADER_OFFICE_ROLE = "superintendents_office"
log = logging.getLogger(__name__)


def remind_owners(runtime: Runtime) -> None:
    """Plan the reminders. They are saved together with the marks, so that a killed process sends nothing twice."""
    current_time, district = now(), runtime.library.district
    today = district.to_local_time(current_time).date()
    with runtime.database.write() as db:
        owner_counts = Counter(_list_newly_overdue_owners(runtime, db, today, current_time))
        planned = []
        for owner, count in owner_counts.items():
            due_at = district.find_next_work_time(owner, current_time)
            planned.append(deliveries.plan_reminder(db, owner, _build_text(runtime, count), due_at))
    for delivery_id in planned:
        enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery_id)
    if planned:
        log.info("overdue with leaders: contacts=%s texts=%s", owner_counts.total(), len(planned))


def _list_newly_overdue_owners(runtime: Runtime, db: Transaction, today: date, current_time: datetime) -> list[str]:
    """Return the owner of each newly overdue contact or first-week task. A new promised day counts as new."""
    register, district = community_leaders.list_all(db), runtime.library.district
    due = [
        (f"leader {leader.id}", leader.due_on, leader.owner)
        for leader in register
        if contact_rules.is_overdue(leader, today)
    ]
    open_tasks = contact_rules.list_open_tasks(community_leaders.list_tasks(db), register)
    due += [(f"leaders {task.kind}", task.due_on, task.owner) for task in open_tasks if task.due_on < today]
    owners = [
        owner
        for subject, day, owner in due
        if day and review_reminders.record(db, subject, day.isoformat(), current_time)
    ]
    return [owner if owner in district.staff else district.find_owners(LEADER_OFFICE_ROLE)[0] for owner in owners]


def _build_text(runtime: Runtime, count: int) -> str:
    """Build a text without the leader's name, because other people may see a work phone."""
    subject = f"{count} contacts with community leaders are"
    if count == 1:
        subject = "1 contact with a community leader is"
    return f"{runtime.library.district.name}: {subject} overdue. {runtime.settings.public_base}/console/leaders"
