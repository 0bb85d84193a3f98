"""The sweep: finds rows that no job will carry on (a killed process, a Redis that forgot) and queues them again."""

import logging
from datetime import timedelta

from rq import Queue
from rq.serializers import JSONSerializer

from bot.announcements.sweep import sweep_announcements
from bot.base import metrics
from bot.base.database import now
from bot.base.queues import ALERT_CASE, DELIVER, DRAFT, FOLLOW_UP, NAMES, TRANSLATE, Name, enqueue
from bot.incidents.end import end_idle_incidents
from bot.meetings.reminders import sweep_meetings
from bot.messaging.catalog_drafts import version_of
from bot.messaging.delivery import LEASE
from bot.runtime import Services
from bot.store.cases import case_messages, cases, deliveries
from bot.store.families import catalog_drafts, follow_ups
from bot.voice_notes.job import sweep_voice_notes

NEW_CASE_GRACE_PERIOD = timedelta(seconds=5)
"""A case younger than this has its job on the way."""
SWEEP_BATCH_SIZE = 500
"""So many rows of a kind are queued in one sweep, and none into a queue that holds as many: jobs must not pile up."""

URGENT_DELIVERY_KINDS = frozenset({"alert", "notice", "talk"})
"""Kinds of deliveries that a person waits for."""

log = logging.getLogger(__name__)


def sweep_all(services: Services) -> None:
    """Queue cases without alerts, deliveries that are due or whose sender died, due follow-ups, languages to draft."""
    at = now()
    room = {name: _has_capacity(services, name) for name in NAMES}
    with services.database.read() as db:
        late = cases.list_due_for_paging(db, at - NEW_CASE_GRACE_PERIOD, at) if room["urgent"] else ()
        untranslated = case_messages.list_pending_ids(db, at - LEASE, SWEEP_BATCH_SIZE) if room["urgent"] else ()
        unfinished = deliveries.list_unfinished(db, at, at - LEASE, SWEEP_BATCH_SIZE)
        due = follow_ups.list_due(db, at, SWEEP_BATCH_SIZE) if room["default"] else ()
        undrafted = (
            catalog_drafts.list_due_languages(db, version_of(services.library), at) if services.translator else ()
        )
    for case_id in late:
        enqueue(services.redis, "urgent", ALERT_CASE, case_id)
    for message_id in untranslated:
        enqueue(services.redis, "urgent", TRANSLATE, message_id)
    for delivery_id, kind in unfinished:
        queue: Name = "urgent" if kind in URGENT_DELIVERY_KINDS else "default"
        if room[queue]:
            enqueue(services.redis, queue, DELIVER, delivery_id)
    for follow_up_id in due:
        enqueue(services.redis, "default", FOLLOW_UP, follow_up_id)
    for language in undrafted:
        enqueue(services.redis, "bulk", DRAFT, language)
    if room["default"]:
        sweep_voice_notes(services, SWEEP_BATCH_SIZE)
    sweep_announcements(services)
    end_idle_incidents(services)
    sweep_meetings(services)
    metrics.count(services.redis, "sweeps")
    for kind, many in (("cases", len(late)), ("deliveries", len(unfinished)), ("follow_ups", len(due))):
        metrics.count(services.redis, "swept", kind, many)
    if late or unfinished or due:
        log.info("swept: cases=%s deliveries=%s follow_ups=%s", len(late), len(unfinished), len(due))


def _has_capacity(services: Services, name: Name) -> bool:
    return Queue(name, connection=services.redis, serializer=JSONSerializer).count < SWEEP_BATCH_SIZE
