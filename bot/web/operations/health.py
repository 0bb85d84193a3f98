"""Serve `/healthz`, which shows that this process runs, and `/readyz`, which checks everything that a message needs."""

from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, jsonify
from redis import RedisError
from rq import Worker
from rq.cron import CronScheduler
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bot.runtime import Runtime
from bot.web.core.current_runtime import get_runtime

MAX_HEARTBEAT_AGE = timedelta(seconds=90)

health = Blueprint("health", __name__)


@health.get("/healthz")
def show_liveness() -> str:
    """Answer that this process runs."""
    return "ok\n"


@health.get("/readyz")
def show_readiness() -> tuple[Response, int]:
    """Answer 200 if everything is available, or else 503 and the names of the missing parts."""
    missing_parts = find_missing_parts(get_runtime())
    return jsonify(ready=not missing_parts, missing=missing_parts), 503 if missing_parts else 200


def find_missing_parts(runtime: Runtime) -> list[str]:
    """Return which of database, redis, worker, and scheduler are missing.

    A worker or scheduler is missing after 90 seconds without a heartbeat.
    """
    missing_parts = []
    if not _is_database_reachable(runtime):
        missing_parts.append("database")
    try:
        runtime.redis.ping()
        if not _is_worker_alive(runtime):
            missing_parts.append("worker")
        if not _is_scheduler_alive(runtime):
            missing_parts.append("scheduler")
    except RedisError:
        missing_parts += ["redis", "worker", "scheduler"]
    return missing_parts


def _is_database_reachable(runtime: Runtime) -> bool:
    try:
        with runtime.database.read() as db:
            db.execute(text("SELECT 1 FROM alembic_version"))
    except SQLAlchemyError:
        return False
    return True


def _is_worker_alive(runtime: Runtime) -> bool:
    heartbeats = [worker.last_heartbeat for worker in Worker.all(connection=runtime.redis)]
    return any(heartbeat and _is_recent(heartbeat) for heartbeat in heartbeats)


def _is_scheduler_alive(runtime: Runtime) -> bool:
    heartbeats = [scheduler.last_heartbeat for scheduler in CronScheduler.all(runtime.redis)]
    return any(heartbeat and _is_recent(heartbeat) for heartbeat in heartbeats)


def _is_recent(moment: datetime) -> bool:
    aware_moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return datetime.now(UTC) - aware_moment < MAX_HEARTBEAT_AGE
