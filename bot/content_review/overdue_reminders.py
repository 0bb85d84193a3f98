"""Remind the owner of an expired text once, in working hours. Until the review, families reach a person instead."""

import logging
from collections import defaultdict
from datetime import datetime

from bot.base.database import Transaction, now
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.content.review_queue import NOT_SET_UP, ReviewTask, list_tasks
from bot.messaging import partner_directory
from bot.runtime import Runtime
from bot.store.cases import deliveries
from bot.store.community import review_reminders

MAX_SUBJECTS_IN_TEXT = 5
"""How many subjects one text names. The page shows all."""

log = logging.getLogger(__name__)


def remind_owners(runtime: Runtime) -> None:
    """Remind the owners of newly expired or soon expiring texts. Marks and texts are saved together."""
    current_time = now()
    today = runtime.library.district.to_local_time(current_time).date()
    tasks = list_tasks(runtime.library, today, partner_directory.list_newest_checks(runtime, current_time))
    dated = [task for task in tasks if task.since > NOT_SET_UP]
    expired = [task for task in dated if task.is_overdue(today)]
    ending_soon = [task for task in dated if task.should_warn_early and not task.is_overdue(today)]
    with runtime.database.write() as db:
        new = [task for task in expired if _record_reminder(db, task.subject, task, current_time)]
        near = [task for task in ending_soon if _record_reminder(db, f"{task.subject}, soon", task, current_time)]
        planned = [
            *_plan_expiry_texts(runtime, db, new, current_time),
            *_plan_early_warnings(runtime, db, near, current_time),
        ]
    for delivery_id in planned:
        enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery_id)
    if new:
        log.info("owners reminded: tasks=%s texts=%s", len(new), len(planned))


def _record_reminder(db: Transaction, subject: str, task: ReviewTask, current_time: datetime) -> bool:
    return review_reminders.record(db, subject, task.since.isoformat(), current_time)


def _find_work_time(runtime: Runtime, person: str, current_time: datetime) -> datetime:
    district = runtime.library.district
    local_time = district.to_local_time(current_time)
    return district.staff[person].hours.find_next_moment(local_time).astimezone(current_time.tzinfo)


def _plan_expiry_texts(
    runtime: Runtime, db: Transaction, new_tasks: list[ReviewTask], current_time: datetime
) -> list[str]:
    """Plan one text for each owner, however many expired texts that person owns."""
    subjects_by_person = defaultdict(list)
    for task in new_tasks:
        for person in runtime.library.district.find_owners(task.owner):
            subjects_by_person[person].append(task.subject)
    planned = []
    for person, subjects in subjects_by_person.items():
        due_at = _find_work_time(runtime, person, current_time)
        planned.append(deliveries.plan_reminder(db, person, _build_text(runtime, subjects), due_at))
    return planned


def _plan_early_warnings(
    runtime: Runtime, db: Transaction, upcoming_tasks: list[ReviewTask], current_time: datetime
) -> list[str]:
    """Plan warnings before texts expire, because counsel needs days to review them."""
    district, planned = runtime.library.district, []
    for task in upcoming_tasks:
        body = f"{district.name}: {task.subject} is {task.effect} from {task.since.isoformat()} on. {task.todo}"
        for person in district.find_owners(task.owner):
            due_at = _find_work_time(runtime, person, current_time)
            planned.append(deliveries.plan_reminder(db, person, body, due_at))
    return planned


def _build_text(runtime: Runtime, subjects: list[str]) -> str:
    names = ", ".join(subjects[:MAX_SUBJECTS_IN_TEXT])
    if len(subjects) > MAX_SUBJECTS_IN_TEXT:
        names += f" and {len(subjects) - MAX_SUBJECTS_IN_TEXT} more"
    district_name, base = runtime.library.district.name, runtime.settings.public_base
    return f"{district_name}: until you review it, Puente doesn't tell families about: {names}. {base}/console/content"
