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
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from bot.base import metrics
from bot.base.database import now
from bot.base.queues import NAMES
from bot.content.review_queue import NEVER_WRITTEN, tasks
from bot.messaging import partner_directory
from bot.runtime import Services
from bot.store.operations import line_metrics, missed_messages

LATELY = timedelta(minutes=15)
HOUR = timedelta(hours=1)
WEB_SEEN = "puente:seen:web"
"""When a web process last looked, in seconds since 1970."""

T = TypeVar("T")


@dataclass(frozen=True)
class InDatabase:
    """What the database knows; the fields are explained in `store/operations/line_metrics`."""

    open_cases: Mapping[tuple[str, bool], tuple[int, datetime]]
    first_claims: Mapping[str, list[float]]
    sent: Mapping[tuple[str, str, str], int]
    twilio_codes: Mapping[tuple[int], int]
    due_since: datetime | None
    taken: int
    not_taken: int
    unknown: int
    sending: Mapping[tuple[str], int]
    opt_outs_hour: int
    opt_outs_day: int
    login_failures: int
    logins_locked: int
    recordings_to_review: int
    facts: Mapping[str, int]


@dataclass(frozen=True)
class InRedis:
    """What Redis knows: queues (waiting, failed, when the oldest was queued), who was seen when, what was counted."""

    waiting: Mapping[str, int]
    failed: Mapping[str, int]
    oldest: Mapping[str, datetime | None]
    workers: tuple[datetime, ...]
    scheduler: datetime | None
    web: datetime | None
    resting: bool
    """Whether the translator is left alone for a minute, because it failed again and again."""
    missed: int = 0
    """Messages of the last hour that had not reached us, and were found in Twilio's list."""
    counted: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Figures:
    """All of it, at a moment; None: that part could not be asked."""

    at: datetime
    database: InDatabase | None
    redis: InRedis | None
    disk_free: float
    """Of the disk with `var/` (the database, on one machine): the part that is free."""


def read(services: Services) -> Figures:
    """The figures now; raises nothing for a database or a Redis that is away."""
    at = now()
    return Figures(
        at, _or_none(lambda: _database(services, at)), _or_none(lambda: _redis(services)), disk_free(services)
    )


def disk_free(services: Services) -> float:
    """From 0 to 1; 1 where the folder cannot be seen."""
    try:
        found = shutil.disk_usage(services.settings.var_dir)
    except OSError:
        return 1.0
    return found.free / found.total


def _or_none(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except (SQLAlchemyError, RedisError):
        return None


def _database(services: Services, at: datetime) -> InDatabase:
    facts = _facts(services, at)
    with services.database.read() as db:
        return _rows(db, at, facts)


def _rows(db: Connection, at: datetime, facts: Mapping[str, int]) -> InDatabase:
    taken, not_taken = line_metrics.trying(db, at, LATELY)
    failures, locked = line_metrics.failed_logins(db, at)
    return InDatabase(
        open_cases=line_metrics.open_cases(db),
        first_claims=line_metrics.first_claims(db, at),
        sent=line_metrics.sent(db, at),
        twilio_codes=line_metrics.twilio_codes(db, at),
        due_since=line_metrics.due_since(db, at),
        taken=taken,
        not_taken=not_taken,
        unknown=line_metrics.unknown(db),
        sending=line_metrics.sending(db),
        opt_outs_hour=line_metrics.opt_outs(db, at, HOUR),
        opt_outs_day=line_metrics.opt_outs(db, at, line_metrics.DAY),
        login_failures=failures,
        logins_locked=locked,
        recordings_to_review=line_metrics.recordings_to_review(db),
        facts=facts,
    )


def _facts(services: Services, at: datetime) -> Mapping[str, int]:
    """What is not said any more, and what will not be within two weeks (facts, policies, partners, the protocol)."""
    today = services.library.district.local(at).date()
    due = [
        one
        for one in tasks(services.library, today, partner_directory.checks(services, at))
        if one.since > NEVER_WRITTEN
    ]
    expired = sum(1 for one in due if one.overdue(today))
    return {"expired": expired, "soon": len(due) - expired}


def _redis(services: Services) -> InRedis:
    redis = services.redis
    queues = {name: Queue(name, connection=redis, serializer=JSONSerializer) for name in NAMES}
    beats = [worker.last_heartbeat for worker in Worker.all(connection=redis)]
    crons = [one.last_heartbeat for one in CronScheduler.all(redis)]
    web = redis.get(WEB_SEEN)
    return InRedis(
        waiting={name: queue.count for name, queue in queues.items()},
        failed={name: FailedJobRegistry(queue=queue).count for name, queue in queues.items()},
        oldest={name: _oldest(queue) for name, queue in queues.items()},
        workers=tuple(_aware(beat) for beat in beats if beat),
        scheduler=max((_aware(beat) for beat in crons if beat), default=None),
        web=datetime.fromtimestamp(float(web), UTC) if isinstance(web, bytes) else None,
        resting=bool(redis.exists("puente:translator:googletrans:resting")),
        missed=missed_messages.count(redis, now() - HOUR),
        counted=metrics.counted(redis),
    )


def _oldest(queue: Queue) -> datetime | None:
    """When the job at the head was queued."""
    for job_id in queue.get_job_ids(0, 1):
        try:
            job = Job.fetch(job_id, connection=queue.connection, serializer=JSONSerializer)
        except NoSuchJobError:
            continue  # run out, or just taken
        return _aware(job.enqueued_at) if job.enqueued_at else None
    return None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
