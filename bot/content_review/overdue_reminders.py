"""The owner of a text that is past its time is told, once, in working hours; until then families get a person."""

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
"""So many subjects stand in one text; the page has them all."""

log = logging.getLogger(__name__)


def remind_owners(runtime: Runtime) -> None:
    """Tell the owners of what has fallen due since the last time; the rows and the texts are written together."""
    at = now()
    today = runtime.library.district.to_local_time(at).date()
    due = list_tasks(runtime.library, today, partner_directory.list_newest_checks(runtime, at))
    dated = [one for one in due if one.since > NOT_SET_UP]
    expired = [one for one in dated if one.is_overdue(today)]
    soon = [one for one in dated if one.should_warn_early and not one.is_overdue(today)]
    with runtime.database.write() as db:
        new = [task for task in expired if review_reminders.record(db, task.subject, task.since.isoformat(), at)]
        near = [
            task for task in soon if review_reminders.record(db, f"{task.subject}, soon", task.since.isoformat(), at)
        ]
        planned = [*_plan_expiry_texts(runtime, db, new, at), *_plan_early_warnings(runtime, db, near, at)]
    for delivery_id in planned:
        enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery_id)
    if new:
        log.info("owners told: tasks=%s texts=%s", len(new), len(planned))


def _plan_expiry_texts(runtime: Runtime, db: Transaction, new_tasks: list[ReviewTask], at: datetime) -> list[str]:
    """One text to each person, whatever number of things that person has to look at."""
    district, of_person = runtime.library.district, defaultdict(list)
    for task in new_tasks:
        for person in district.find_owners(task.owner):
            of_person[person].append(task.subject)
    planned = []
    for person, subjects in of_person.items():
        due = district.staff[person].hours.find_next_moment(district.to_local_time(at)).astimezone(at.tzinfo)
        body = _build_text(runtime, subjects)
        planned.append(deliveries.plan_reminder(db, person, body, due))
    return planned


def _plan_early_warnings(
    runtime: Runtime, db: Transaction, upcoming_tasks: list[ReviewTask], at: datetime
) -> list[str]:
    """Before its time is over: counsel needs days, not minutes."""
    district, planned = runtime.library.district, []
    for task in upcoming_tasks:
        body = f"{district.name}: {task.subject} is {task.effect} from {task.since.isoformat()} on. {task.todo}"
        for person in district.find_owners(task.owner):
            due = district.staff[person].hours.find_next_moment(district.to_local_time(at)).astimezone(at.tzinfo)
            planned.append(deliveries.plan_reminder(db, person, body, due))
    return planned


def _build_text(runtime: Runtime, subjects: list[str]) -> str:
    more = f" and {len(subjects) - MAX_SUBJECTS_IN_TEXT} more" if len(subjects) > MAX_SUBJECTS_IN_TEXT else ""
    return (
        f"{runtime.library.district.name}: not said to families any more until you have checked it:"
        f" {', '.join(subjects[:MAX_SUBJECTS_IN_TEXT])}{more}. {runtime.settings.public_base}/console/content"
    )
