"""Who keeps a contact is told that a call is overdue: once for each promised day, in that person's working hours."""

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
    """Tell the keepers; note and text are written together, so a killed process tells nobody twice."""
    at, district = now(), runtime.library.district
    with runtime.database.write() as db:
        late = Counter(_list_newly_overdue_owners(runtime, db, district.to_local_time(at).date(), at))
        planned = [
            deliveries.plan_reminder(db, person, _build_text(runtime, count), district.find_next_work_time(person, at))
            for person, count in late.items()
        ]
    for delivery_id in planned:
        enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery_id)
    if planned:
        log.info("overdue with leaders: contacts=%s texts=%s", late.total(), len(planned))


def _list_newly_overdue_owners(runtime: Runtime, db: Transaction, today: date, at: datetime) -> list[str]:
    """The keeper of each contact or task of the first week that nobody was told of; another day is told anew."""
    register, district = community_leaders.list_all(db), runtime.library.district
    due = [(f"leader {one.id}", one.due_on, one.owner) for one in register if contact_rules.is_overdue(one, today)]
    plan = contact_rules.list_open_tasks(community_leaders.list_tasks(db), register)
    due += [(f"leaders {one.kind}", one.due_on, one.owner) for one in plan if one.due_on < today]
    found = [who for subject, day, who in due if day and review_reminders.record(db, subject, day.isoformat(), at)]
    return [who if who in district.staff else district.find_owners(LEADER_OFFICE_ROLE)[0] for who in found]


def _build_text(runtime: Runtime, count: int) -> str:
    """No name of a leader: a work phone may lie on a desk."""
    what = "1 contact with a community leader is" if count == 1 else f"{count} contacts with community leaders are"
    where = f"{runtime.settings.public_base}/console/leaders"
    return f"{runtime.library.district.name}: {what} overdue. {where}"
