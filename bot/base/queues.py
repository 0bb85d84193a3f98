"""Queue jobs by dotted name with the IDs of their rows.

A job contains only IDs. If Redis is unavailable, nothing is lost: the row is in the database, and the sweep queues
rows that have no job (design, promise 1).
"""

import logging
from typing import Any, Literal

from redis import Redis, RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from bot.base.logs import get_trace

QueueName = Literal["urgent", "default", "bulk"]

QUEUE_NAMES: tuple[QueueName, ...] = ("urgent", "default", "bulk")
"""The order in which a worker empties them: alerts, then replies and follow-ups, then announcements."""

ALERT_CASE_JOB = "bot.jobs.alert_case"
DELIVER_MESSAGE_JOB = "bot.jobs.deliver_message"
START_FOLLOW_UP_JOB = "bot.jobs.start_follow_up"
TRANSLATE_MESSAGE_JOB = "bot.jobs.translate_message"
HANDLE_UNDELIVERED_MESSAGE_JOB = "bot.jobs.handle_undelivered_message"
DRAFT_LANGUAGE_JOB = "bot.jobs.draft_language"
TRANSLATE_ANNOUNCEMENT_JOB = "bot.jobs.translate_announcement"
TRANSLATE_ANSWER_SHEET_JOB = "bot.jobs.translate_answer_sheet"
START_ANNOUNCEMENT_JOB = "bot.jobs.start_announcement"
SEND_ANNOUNCEMENT_JOB = "bot.jobs.send_announcement"
MAKE_SHARE_KIT_JOB = "bot.jobs.make_share_kit"
PROCESS_VOICE_NOTE_JOB = "bot.jobs.process_voice_note"
RUN_SWEEP_JOB = "bot.jobs.run_sweep"

JOB_TIMEOUT_SECONDS = 60
"""The limit of every job: each claims one row and makes at most a few requests, which have timeouts."""

log = logging.getLogger(__name__)


def enqueue(redis: Redis, queue: QueueName, job: str, *ids: str | int) -> bool:
    """Queue `job` for these row IDs. Returns False if Redis is unavailable; the sweep then queues the job."""
    options: dict[str, Any] = {"job_timeout": JOB_TIMEOUT_SECONDS, "result_ttl": 0, "failure_ttl": 3 * 24 * 3600}
    trace = get_trace()
    options["meta"] = {"trace": trace} if trace else None
    try:
        Queue(queue, connection=redis, serializer=JSONSerializer).enqueue(job, *ids, **options)
    except RedisError as error:
        log.warning("not queued, left to the sweep: job=%s ids=%s reason=%s", job, ids, type(error).__name__)
        return False
    return True
