"""The figures of the whole deployment: read from database and Redis, where every process's work can be seen."""

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
"""When a web process last looked, in seconds since 1970."""

T = TypeVar("T")


@dataclass(frozen=True)
class DatabaseSnapshot:
    """What the database knows; the fields are explained in `store/operations/line_metrics`."""

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
    """What Redis knows: queues (waiting, failed, when the oldest was queued), who was seen when, what was counted."""

    waiting_job_counts: Mapping[str, int]
    failed_job_counts: Mapping[str, int]
    oldest_queued_at: Mapping[str, datetime | None]
    worker_heartbeats: tuple[datetime, ...]
    scheduler_heartbeat: datetime | None
    web_seen_at: datetime | None
    is_translator_resting: bool
    """Whether the translator is left alone for a minute, because it failed again and again."""
    missed_message_count: int = 0
    """Messages of the last hour that had not reached us, and were found in Twilio's list."""
    counters: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True)
class SystemSnapshot:
    """All of it, at a moment; None: that part could not be asked."""

    taken_at: datetime
    database: DatabaseSnapshot | None
    redis: RedisSnapshot | None
    free_disk_ratio: float
    """Of the disk with `var/` (the database, on one machine): the part that is free."""


def take_snapshot(runtime: Runtime) -> SystemSnapshot:
    """The figures now; raises nothing for a database or a Redis that is away."""
    at = now()
    return SystemSnapshot(
        at,
        _run_or_none(lambda: _read_database(runtime, at)),
        _run_or_none(lambda: _read_redis(runtime)),
        get_free_disk_ratio(runtime),
    )


def get_free_disk_ratio(runtime: Runtime) -> float:
    """From 0 to 1; 1 where the folder cannot be seen."""
    try:
        found = shutil.disk_usage(runtime.settings.var_dir)
    except OSError:
        return 1.0
    return found.free / found.total


def _run_or_none(read_part: Callable[[], T]) -> T | None:
    try:
        return read_part()
    except (SQLAlchemyError, RedisError):
        return None


def _read_database(runtime: Runtime, at: datetime) -> DatabaseSnapshot:
    facts = _count_overdue_facts(runtime, at)
    with runtime.database.read() as db:
        return _query_database(db, at, facts)


def _query_database(db: Transaction, at: datetime, fact_counts: Mapping[str, int]) -> DatabaseSnapshot:
    taken, not_taken = line_metrics.send_attempt_counts(db, at, RECENT_PERIOD)
    failures, locked = line_metrics.count_failed_logins(db, at)
    return DatabaseSnapshot(
        open_case_counts=line_metrics.count_open_cases(db),
        claim_seconds=line_metrics.time_to_claim(db, at),
        delivery_counts=line_metrics.count_deliveries(db, at),
        twilio_code_counts=line_metrics.count_twilio_codes(db, at),
        oldest_due_at=line_metrics.find_oldest_due_at(db, at),
        accepted_send_count=taken,
        refused_send_count=not_taken,
        unknown_send_count=line_metrics.count_unknown_sends(db),
        active_recipient_counts=line_metrics.count_active_recipients(db),
        opt_outs_last_hour=line_metrics.count_opt_outs(db, at, ONE_HOUR),
        opt_outs_last_day=line_metrics.count_opt_outs(db, at, line_metrics.ONE_DAY),
        login_failure_count=failures,
        locked_login_count=locked,
        unreviewed_recording_count=line_metrics.count_unreviewed_recordings(db),
        fact_counts=fact_counts,
    )


def _count_overdue_facts(runtime: Runtime, at: datetime) -> Mapping[str, int]:
    """What is not said any more, and what will not be within two weeks (facts, policies, partners, the protocol)."""
    today = runtime.library.district.to_local_time(at).date()
    due = [
        one
        for one in list_tasks(runtime.library, today, partner_directory.list_newest_checks(runtime, at))
        if one.since > NOT_SET_UP
    ]
    expired = sum(1 for one in due if one.is_overdue(today))
    return {"expired": expired, "soon": len(due) - expired}


def _read_redis(runtime: Runtime) -> RedisSnapshot:
    redis = runtime.redis
    queues = {name: Queue(name, connection=redis, serializer=JSONSerializer) for name in QUEUE_NAMES}
    beats = [worker.last_heartbeat for worker in Worker.all(connection=redis)]
    crons = [one.last_heartbeat for one in CronScheduler.all(redis)]
    web = redis.get(WEB_LAST_SEEN_KEY)
    return RedisSnapshot(
        waiting_job_counts={name: queue.count for name, queue in queues.items()},
        failed_job_counts={name: FailedJobRegistry(queue=queue).count for name, queue in queues.items()},
        oldest_queued_at={name: _find_oldest_queued_at(queue) for name, queue in queues.items()},
        worker_heartbeats=tuple(_ensure_utc(beat) for beat in beats if beat),
        scheduler_heartbeat=max((_ensure_utc(beat) for beat in crons if beat), default=None),
        web_seen_at=datetime.fromtimestamp(float(web), UTC) if isinstance(web, bytes) else None,
        is_translator_resting=bool(redis.exists("puente:translator:googletrans:resting")),
        missed_message_count=missed_messages.count_since(redis, now() - ONE_HOUR),
        counters=metrics.load_counts(redis),
    )


def _find_oldest_queued_at(queue: Queue) -> datetime | None:
    """When the job at the head was queued."""
    for job_id in queue.get_job_ids(0, 1):
        try:
            job = Job.fetch(job_id, connection=queue.connection, serializer=JSONSerializer)
        except NoSuchJobError:
            continue  # run out, or just taken
        return _ensure_utc(job.enqueued_at) if job.enqueued_at else None
    return None


def _ensure_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
