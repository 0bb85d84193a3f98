"""Announcements that no job will carry on: released ones whose hour has come, rows whose worker died, late reports."""

from redis import RedisError

from bot.announcements import delivery_results, launch
from bot.announcements.sender import CLAIM_LEASE
from bot.base.database import now
from bot.base.queues import SEND_ANNOUNCEMENT_JOB, START_ANNOUNCEMENT_JOB, TRANSLATE_ANNOUNCEMENT_JOB, enqueue
from bot.messaging import suppression_rules
from bot.runtime import Runtime
from bot.store.announcements import announcements, recipients, translations

REQUEUE_AFTER_SECONDS = 30
"""So long a job that was queued here is not queued again; it may wait behind others."""
TRANSLATION_BATCH_SIZE = 50
SYSTEM_ACTOR = "helper"


def sweep_announcements(runtime: Runtime) -> None:
    """Queue what is due."""
    at = now()
    _pause_attendance(runtime)
    with runtime.database.read() as db:
        ready = announcements.list_by_state(db, "ready")
        freezing = announcements.list_by_state(db, "freezing")
        sending = announcements.list_by_state(db, "sending")
        work = [one.id for one in sending if recipients.has_work(db, one.id, at, at - CLAIM_LEASE)]
        ended = [one.id for one in sending if not recipients.has_open(db, one.id)]
        untranslated = translations.list_due(db, at, TRANSLATION_BATCH_SIZE)
        true_yet = [one.id for one in (*sending, *announcements.list_still_valid(db, at))]
        held = [one for one in true_yet if recipients.list_held_languages(db, one)]
    for announcement_id in held:
        launch.release_approved_languages(runtime, announcement_id)
    for announcement in ready:
        launch.queue_if_due(runtime, announcement)
    for announcement in freezing:
        _enqueue_once(runtime, "default", START_ANNOUNCEMENT_JOB, announcement.id)
    for announcement_id in dict.fromkeys((*work, *ended)):
        for slot in range(launch.SENDER_SLOT_COUNT):
            _enqueue_once(runtime, "bulk", SEND_ANNOUNCEMENT_JOB, announcement_id, slot)
    for announcement_id, language in untranslated:
        _enqueue_once(runtime, "default", TRANSLATE_ANNOUNCEMENT_JOB, announcement_id, language)
    _record_late_reports(runtime)


def _pause_attendance(runtime: Runtime) -> None:
    """Agents came to a school while something about attendance was on its way to its families: it waits."""
    with runtime.database.read() as db:
        on_its_way = announcements.list_by_state(db, "freezing", "sending")
    if any(one.kind == suppression_rules.ATTENDANCE_KIND for one in on_its_way):
        launch.pause_held_announcements(runtime, SYSTEM_ACTOR)


def _enqueue_once(runtime: Runtime, queue: str, job: str, *ids: int | str) -> None:
    """Once in a while, not at each sweep while the job waits behind others."""
    mark = f"puente:queued:{job}:{':'.join(map(str, ids))}"
    try:
        if runtime.redis.set(mark, 1, nx=True, ex=REQUEUE_AFTER_SECONDS):
            enqueue(runtime.redis, queue, job, *ids)  # type: ignore[arg-type]  # one of the queues' names
    except RedisError:
        return  # the next sweep


def _record_late_reports(runtime: Runtime) -> None:
    """Reports that came after the last job of an announcement."""
    while delivery_results.record_pending_reports(runtime) >= delivery_results.REPORT_BATCH_SIZE:
        pass
