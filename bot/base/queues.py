"""The queues: their names, and the one way a job gets into them (by dotted name, with a row's id).

A job carries nothing but ids.  If Redis is away when a job should be queued, nothing is lost: the row is in the
database, and the sweep queues what has no job (design, promise 1).
"""

import logging
from typing import Any, Literal

from redis import Redis, RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from bot.base.logs import trace

Name = Literal["urgent", "default", "bulk"]

NAMES: tuple[Name, ...] = ("urgent", "default", "bulk")
"""In the order in which a worker empties them: alerts, then replies and follow-ups, then announcements."""

ALERT_CASE = "bot.jobs.alert_case"
DELIVER = "bot.jobs.deliver_message"
FOLLOW_UP = "bot.jobs.start_follow_up"
TRANSLATE = "bot.jobs.translate_message"
TALK_LOST = "bot.jobs.handle_undelivered_message"
DRAFT = "bot.jobs.draft_language"
TRANSLATE_ANNOUNCEMENT = "bot.jobs.translate_announcement"
TRANSLATE_SHEET = "bot.jobs.translate_answer_sheet"
START_ANNOUNCEMENT = "bot.jobs.start_announcement"
BROADCAST = "bot.jobs.send_announcement"
MAKE_KIT = "bot.jobs.make_share_kit"
VOICE_NOTE = "bot.jobs.process_voice_note"
SWEEP = "bot.jobs.run_sweep"

JOB_SECONDS = 60
"""No job may take longer: each holds one row and makes at most a few requests with time-outs."""

log = logging.getLogger(__name__)


def enqueue(redis: Redis, queue: Name, job: str, *ids: str | int) -> bool:
    """Queue `job` (one of the names above) for these row ids; False if Redis is away (the sweep will see to it)."""
    options: dict[str, Any] = {"job_timeout": JOB_SECONDS, "result_ttl": 0, "failure_ttl": 3 * 24 * 3600}
    options["meta"] = {"trace": trace()} if trace() else None
    try:
        Queue(queue, connection=redis, serializer=JSONSerializer).enqueue(job, *ids, **options)
    except RedisError as error:
        log.warning("not queued, left to the sweep: job=%s ids=%s reason=%s", job, ids, type(error).__name__)
        return False
    return True
