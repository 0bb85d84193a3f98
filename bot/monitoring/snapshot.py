"""Read the figures of the whole deployment from the database and Redis, where all processes leave their results."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from redis import RedisError
from rq import Queue, Worker
from rq.cron import CronScheduler
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer
from sqlalchemy.exc import SQLAlchemyError

from bot.base import metrics
from bot.base.database import Transaction, now
from bot.base.queues import QUEUE_NAMES
from bot.content.review_queue import NOT_SET_UP, list_tasks
from bot.messaging import partner_directory
from bot.runtime import Runtime
from bot.store.operations import line_metrics, missed_messages

RECENT_PERIOD = timedelta(minutes=15)
ONE_HOUR = timedelta(hours=1)
WEB_LAST_SEEN_KEY = "puente:seen:web"
"""When a web process last reported, in seconds since 1970."""

T = TypeVar("T")


@dataclass(frozen=True)
class DatabaseSnapshot:
    """The figures from the database. `store/operations/line_metrics` explains them."""

    open_case_counts: Mapping[tuple[str, bool], tuple[int, datetime]]
    claim_seconds: Mapping[str, list[float]]
    delivery_counts: Mapping[tuple[str, str, str], int]
    twilio_code_counts: Mapping[tuple[int], int]
    oldest_due_at: datetime | None
    accepted_send_count: int
    refused_send_count: int
    unknown_send_count: int
    active_recipient_counts: Mapping[tuple[str], int]
    opt_outs_last_hour: int
    opt_outs_last_day: int
    login_failure_count: int
    locked_login_count: int
    unreviewed_recording_count: int
    fact_counts: Mapping[str, int]


@dataclass(frozen=True)
class RedisSnapshot:
    """The figures from Redis: queues with their oldest job, heartbeats, and counters."""

    waiting_job_counts: Mapping[str, int]
    failed_job_counts: Mapping[str, int]
    oldest_queued_at: Mapping[str, datetime | None]
    worker_heartbeats: tuple[datetime, ...]
    scheduler_heartbeat: datetime | None
    web_seen_at: datetime | None
    is_translator_resting: bool
    """Whether the translator pauses for a minute after repeated failures."""
    missed_message_count: int = 0
    """Messages of the last hour that did not reach Puente and were found in Twilio's list."""
    counters: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True)
class SystemSnapshot:
    """All figures at one moment. None means that the part did not answer."""

    taken_at: datetime
    database: DatabaseSnapshot | None
    redis: RedisSnapshot | None
    free_disk_ratio: float
    """The free share of the disk with `var/`, which on one machine also holds the database."""
    encoder_problem: str = ""
    """Why this process understands messages without the encoder. Empty if it uses the encoder, or if none is set."""


def take_snapshot(runtime: Runtime) -> SystemSnapshot:
    """Return the current figures. Raises nothing if the database or Redis is away."""
    current_time = now()
    return SystemSnapshot(
        current_time,
        _run_or_none(lambda: _read_database(runtime, current_time)),
        _run_or_none(lambda: _read_redis(runtime)),
        get_free_disk_ratio(runtime),
        runtime.library.phrasebook.nlu_model.encoder_problem,
    )


def get_free_disk_ratio(runtime: Runtime) -> float:
    """Return the free share from 0 to 1, or 1 if the folder cannot be read."""
    try:
        usage = shutil.disk_usage(runtime.settings.var_dir)
    except OSError:
        return 1.0
    return usage.free / usage.total


def _run_or_none(read_part: Callable[[], T]) -> T | None:
    try:
        return read_part()
    except (SQLAlchemyError, RedisError):
        return None


def _read_database(runtime: Runtime, current_time: datetime) -> DatabaseSnapshot:
    facts = _count_overdue_facts(runtime, current_time)
    with runtime.database.read() as db:
        return _query_database(db, current_time, facts)


def _query_database(db: Transaction, current_time: datetime, fact_counts: Mapping[str, int]) -> DatabaseSnapshot:
    accepted_count, refused_count = line_metrics.send_attempt_counts(db, current_time, RECENT_PERIOD)
    failures, locked = line_metrics.count_failed_logins(db, current_time)
    return DatabaseSnapshot(
        open_case_counts=line_metrics.count_open_cases(db),
        claim_seconds=line_metrics.time_to_claim(db, current_time),
        delivery_counts=line_metrics.count_deliveries(db, current_time),
        twilio_code_counts=line_metrics.count_twilio_codes(db, current_time),
        oldest_due_at=line_metrics.find_oldest_due_at(db, current_time),
        accepted_send_count=accepted_count,
        refused_send_count=refused_count,
        unknown_send_count=line_metrics.count_unknown_sends(db),
        active_recipient_counts=line_metrics.count_active_recipients(db),
        opt_outs_last_hour=line_metrics.count_opt_outs(db, current_time, ONE_HOUR),
        opt_outs_last_day=line_metrics.count_opt_outs(db, current_time, line_metrics.ONE_DAY),
        login_failure_count=failures,
        locked_login_count=locked,
        unreviewed_recording_count=line_metrics.count_unreviewed_recordings(db),
        fact_counts=fact_counts,
    )


def _count_overdue_facts(runtime: Runtime, current_time: datetime) -> Mapping[str, int]:
    """Count texts that families no longer get, and those that end within two weeks."""
    today = runtime.library.district.to_local_time(current_time).date()
    newest_checks = partner_directory.list_newest_checks(runtime, current_time)
    tasks = [task for task in list_tasks(runtime.library, today, newest_checks) if task.since > NOT_SET_UP]
    expired_count = sum(1 for task in tasks if task.is_overdue(today))
    return {"expired": expired_count, "soon": len(tasks) - expired_count}


def _read_redis(runtime: Runtime) -> RedisSnapshot:
    redis = runtime.redis
    queues = {name: Queue(name, connection=redis, serializer=JSONSerializer) for name in QUEUE_NAMES}
    worker_beats = [worker.last_heartbeat for worker in Worker.all(connection=redis)]
    scheduler_beats = [scheduler.last_heartbeat for scheduler in CronScheduler.all(redis)]
    web_seen = redis.get(WEB_LAST_SEEN_KEY)
    return RedisSnapshot(
        waiting_job_counts={name: queue.count for name, queue in queues.items()},
        failed_job_counts={name: FailedJobRegistry(queue=queue).count for name, queue in queues.items()},
        oldest_queued_at={name: _find_oldest_queued_at(queue) for name, queue in queues.items()},
        worker_heartbeats=tuple(_ensure_utc(beat) for beat in worker_beats if beat),
        scheduler_heartbeat=max((_ensure_utc(beat) for beat in scheduler_beats if beat), default=None),
        web_seen_at=datetime.fromtimestamp(float(web_seen), UTC) if isinstance(web_seen, bytes) else None,
        is_translator_resting=bool(redis.exists("puente:translator:googletrans:resting")),
        missed_message_count=missed_messages.count_since(redis, now() - ONE_HOUR),
        counters=metrics.load_counts(redis),
    )


def _find_oldest_queued_at(queue: Queue) -> datetime | None:
    """Return when the first job of the queue was queued."""
    for job_id in queue.get_job_ids(0, 1):
        try:
            job = Job.fetch(job_id, connection=queue.connection, serializer=JSONSerializer)
        except NoSuchJobError:
            continue  # the job expired, or a worker just took it
        return _ensure_utc(job.enqueued_at) if job.enqueued_at else None
    return None


def _ensure_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
