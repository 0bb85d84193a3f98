"""The sweep: find rows without a job, after a process was killed or Redis lost its data, and queue them again."""

import logging
from collections.abc import Sequence
from datetime import timedelta

from rq import Queue
from rq.serializers import JSONSerializer

from bot.announcements.sweep import sweep_announcements
from bot.base import metrics
from bot.base.database import now
from bot.base.queues import (
    ALERT_CASE_JOB,
    DELIVER_MESSAGE_JOB,
    DRAFT_LANGUAGE_JOB,
    QUEUE_NAMES,
    START_FOLLOW_UP_JOB,
    TRANSLATE_MESSAGE_JOB,
    QueueName,
    enqueue,
)
from bot.incidents.end import end_idle_incidents
from bot.meetings.reminders import sweep_meetings
from bot.messaging.catalog_drafts import compute_texts_version
from bot.messaging.delivery import CLAIM_LEASE
from bot.runtime import Runtime
from bot.store.cases import case_messages, cases, deliveries
from bot.store.families import catalog_drafts, follow_ups
from bot.voice_notes.job import sweep_voice_notes

NEW_CASE_GRACE_PERIOD = timedelta(seconds=5)
"""A younger case has its job in the queue."""
SWEEP_BATCH_SIZE = 500
"""The limit for rows of a kind in one sweep, and for the length of a queue, so that jobs don't pile up."""

URGENT_DELIVERY_KINDS = frozenset({"alert", "notice", "talk"})
"""The kinds of deliveries that a person waits for."""

log = logging.getLogger(__name__)


def sweep_all(runtime: Runtime) -> None:
    """Queue cases without alerts, due or lost deliveries, due follow-ups, and languages to draft."""
    current_time = now()
    has_capacity = {name: _has_capacity(runtime, name) for name in QUEUE_NAMES}
    lease_start = current_time - CLAIM_LEASE
    unalerted_case_ids: Sequence[int] = ()
    untranslated: Sequence[int] = ()
    due: Sequence[int] = ()
    undrafted: Sequence[str] = ()
    with runtime.database.read() as db:
        if has_capacity["urgent"]:
            newest_opened_at = current_time - NEW_CASE_GRACE_PERIOD
            unalerted_case_ids = cases.list_due_for_paging(db, newest_opened_at, current_time)
            untranslated = case_messages.list_pending_ids(db, lease_start, SWEEP_BATCH_SIZE)
        unfinished = deliveries.list_unfinished(db, current_time, lease_start, SWEEP_BATCH_SIZE)
        if has_capacity["default"]:
            due = follow_ups.list_due(db, current_time, SWEEP_BATCH_SIZE)
        if runtime.translator:
            version = compute_texts_version(runtime.library)
            undrafted = catalog_drafts.list_due_languages(db, version, current_time)
    for case_id in unalerted_case_ids:
        enqueue(runtime.redis, "urgent", ALERT_CASE_JOB, case_id)
    for message_id in untranslated:
        enqueue(runtime.redis, "urgent", TRANSLATE_MESSAGE_JOB, message_id)
    for delivery_id, kind in unfinished:
        queue: QueueName = "urgent" if kind in URGENT_DELIVERY_KINDS else "default"
        if has_capacity[queue]:
            enqueue(runtime.redis, queue, DELIVER_MESSAGE_JOB, delivery_id)
    for follow_up_id in due:
        enqueue(runtime.redis, "default", START_FOLLOW_UP_JOB, follow_up_id)
    for language in undrafted:
        enqueue(runtime.redis, "bulk", DRAFT_LANGUAGE_JOB, language)
    if has_capacity["default"]:
        sweep_voice_notes(runtime, SWEEP_BATCH_SIZE)
    sweep_announcements(runtime)
    end_idle_incidents(runtime)
    sweep_meetings(runtime)
    metrics.increment_count(runtime.redis, "sweeps")
    for kind, count in (("cases", len(unalerted_case_ids)), ("deliveries", len(unfinished)), ("follow_ups", len(due))):
        metrics.increment_count(runtime.redis, "swept", kind, count)
    if unalerted_case_ids or unfinished or due:
        log.info("swept: cases=%s deliveries=%s follow_ups=%s", len(unalerted_case_ids), len(unfinished), len(due))


def _has_capacity(runtime: Runtime, name: QueueName) -> bool:
    return Queue(name, connection=runtime.redis, serializer=JSONSerializer).count < SWEEP_BATCH_SIZE
