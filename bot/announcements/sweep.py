"""Find announcements without a job: released ones that are due, rows of dead workers, and late delivery reports."""

from redis import RedisError

from bot.announcements import delivery_results, launch
from bot.announcements.sender import CLAIM_LEASE
from bot.base.database import now
from bot.base.queues import SEND_ANNOUNCEMENT_JOB, START_ANNOUNCEMENT_JOB, TRANSLATE_ANNOUNCEMENT_JOB, enqueue
from bot.messaging import suppression_rules
from bot.runtime import Runtime
from bot.store.announcements import announcements, recipients, translations

REQUEUE_AFTER_SECONDS = 30
"""How long a job that the sweep queued is not queued again, because it may wait behind others."""
TRANSLATION_BATCH_SIZE = 50
SYSTEM_ACTOR = "helper"


def sweep_announcements(runtime: Runtime) -> None:
    """Queue the announcements and translations that are due."""
    current_time = now()
    lease_start = current_time - CLAIM_LEASE
    _pause_attendance(runtime)
    with runtime.database.read() as db:
        ready = announcements.list_by_state(db, "ready")
        freezing = announcements.list_by_state(db, "freezing")
        sending = announcements.list_by_state(db, "sending")
        due_ids = [row.id for row in sending if recipients.has_work(db, row.id, current_time, lease_start)]
        ended_ids = [row.id for row in sending if not recipients.has_open(db, row.id)]
        untranslated = translations.list_due(db, current_time, TRANSLATION_BATCH_SIZE)
        valid_ids = [row.id for row in (*sending, *announcements.list_still_valid(db, current_time))]
        held = [valid_id for valid_id in valid_ids if recipients.list_held_languages(db, valid_id)]
    for announcement_id in held:
        launch.release_approved_languages(runtime, announcement_id)
    for announcement in ready:
        launch.queue_if_due(runtime, announcement)
    for announcement in freezing:
        _enqueue_once(runtime, "default", START_ANNOUNCEMENT_JOB, announcement.id)
    for announcement_id in dict.fromkeys((*due_ids, *ended_ids)):
        for slot in range(launch.SENDER_SLOT_COUNT):
            _enqueue_once(runtime, "bulk", SEND_ANNOUNCEMENT_JOB, announcement_id, slot)
    for announcement_id, language in untranslated:
        _enqueue_once(runtime, "default", TRANSLATE_ANNOUNCEMENT_JOB, announcement_id, language)
    _record_late_reports(runtime)


def _pause_attendance(runtime: Runtime) -> None:
    """After agents came to a school, pause announcements about attendance to its families."""
    with runtime.database.read() as db:
        active = announcements.list_by_state(db, "freezing", "sending")
    if any(announcement.kind == suppression_rules.ATTENDANCE_KIND for announcement in active):
        launch.pause_held_announcements(runtime, SYSTEM_ACTOR)


def _enqueue_once(runtime: Runtime, queue: str, job: str, *ids: int | str) -> None:
    """Queue a job at most once in `REQUEUE_AFTER_SECONDS`, while it may wait behind others."""
    mark = f"puente:queued:{job}:{':'.join(map(str, ids))}"
    try:
        if runtime.redis.set(mark, 1, nx=True, ex=REQUEUE_AFTER_SECONDS):
            enqueue(runtime.redis, queue, job, *ids)  # type: ignore[arg-type]  # one of the queues' names
    except RedisError:
        return  # the next sweep tries again


def _record_late_reports(runtime: Runtime) -> None:
    """Save delivery reports that came after the last job of an announcement."""
    while delivery_results.record_pending_reports(runtime) >= delivery_results.REPORT_BATCH_SIZE:
        pass
