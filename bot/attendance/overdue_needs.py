"""The owner of a need that is past its day is told, once, in working hours."""

import logging
from collections import Counter

from bot.base.database import now
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.runtime import Runtime
from bot.store.cases import deliveries
from bot.store.schools import support_needs

log = logging.getLogger(__name__)


def remind_owners(runtime: Runtime) -> None:
    """Tell the owners; the rows and the texts are written together, so each is told once."""
    at, district = now(), runtime.library.district
    with runtime.database.write() as db:
        late = support_needs.claim_overdue(db, district.to_local_time(at).date(), at)
        planned = []
        for owner, count in Counter(owner for owner, _ in late if owner in district.staff).items():
            due = district.find_next_work_time(owner, at)
            planned.append(deliveries.plan_reminder(db, owner, _build_text(runtime, count), due))
    for delivery_id in planned:
        enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery_id)
    if late:
        log.info("overdue: needs=%s owners=%s", len(late), len(planned))


def _build_text(runtime: Runtime, count: int) -> str:
    what = "1 need of a family is" if count == 1 else f"{count} needs of families are"
    return (
        f"{runtime.library.district.name}: {what} past the promised day. {runtime.settings.public_base}/console/needs"
    )
