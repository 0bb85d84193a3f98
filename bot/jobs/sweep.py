"""The sweep: finds rows that no job will carry on (a killed process, a Redis that forgot) and queues them again."""

import logging
from datetime import timedelta

from rq import Queue
from rq.serializers import JSONSerializer

from bot.messaging.send import LEASE
from bot.queues import ALERT_CASE, DELIVER, FOLLOW_UP, NAMES, Name, enqueue
from bot.services import Services
from bot.store import cases, deliveries, follow_ups
from bot.store.db import now

GRACE = timedelta(seconds=5)
"""A case younger than this has its job on the way."""
AT_ONCE = 500
"""So many rows of a kind are queued in one sweep, and none into a queue that holds as many: jobs must not pile up."""

log = logging.getLogger(__name__)


def sweep_all(services: Services) -> None:
    """Queue every case without alerts, every delivery that is due or whose sender died, every follow-up that is due."""
    at = now()
    room = {name: _has_room(services, name) for name in NAMES}
    with services.database.read() as db:
        late = cases.not_alerted(db, at - GRACE) if room["urgent"] else ()
        unfinished = deliveries.unfinished(db, at, at - LEASE, AT_ONCE)
        due = follow_ups.due(db, at, AT_ONCE) if room["default"] else ()
    for case_id in late:
        enqueue(services.redis, "urgent", ALERT_CASE, case_id)
    for delivery_id, kind in unfinished:
        queue: Name = "urgent" if kind == "alert" else "default"
        if room[queue]:
            enqueue(services.redis, queue, DELIVER, delivery_id)
    for follow_up_id in due:
        enqueue(services.redis, "default", FOLLOW_UP, follow_up_id)
    if late or unfinished or due:
        log.info("swept: cases=%s deliveries=%s follow_ups=%s", len(late), len(unfinished), len(due))


def _has_room(services: Services, name: Name) -> bool:
    return Queue(name, connection=services.redis, serializer=JSONSerializer).count < AT_ONCE
