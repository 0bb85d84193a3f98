"""Is the program well?  `/healthz`: this process lives.  `/readyz`: all that a message needs has been seen lately."""

from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, jsonify
from redis import RedisError
from rq import Worker
from rq.cron import CronScheduler
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bot.runtime import Services
from bot.web.core.current_runtime import services

LATELY = timedelta(seconds=90)

health = Blueprint("health", __name__)


@health.get("/healthz")
def healthz() -> str:
    """This process answers."""
    return "ok\n"


@health.get("/readyz")
def readyz() -> tuple[Response, int]:
    """200 with nothing missing, or 503 naming what is."""
    absent = missing(services())
    return jsonify(ready=not absent, missing=absent), 503 if absent else 200


def missing(services: Services) -> list[str]:
    """Which of database, redis, worker and scheduler have not been seen within the last minute and a half."""
    absent = [] if _database(services) else ["database"]
    try:
        services.redis.ping()
        absent += [] if _worker(services) else ["worker"]
        absent += [] if _scheduler(services) else ["scheduler"]
    except RedisError:
        absent += ["redis", "worker", "scheduler"]
    return absent


def _database(services: Services) -> bool:
    try:
        with services.database.read() as db:
            db.execute(text("SELECT 1 FROM alembic_version"))
    except SQLAlchemyError:
        return False
    return True


def _worker(services: Services) -> bool:
    beats = [worker.last_heartbeat for worker in Worker.all(connection=services.redis)]
    return any(beat and _lately(beat) for beat in beats)


def _scheduler(services: Services) -> bool:
    beats = [scheduler.last_heartbeat for scheduler in CronScheduler.all(services.redis)]
    return any(beat and _lately(beat) for beat in beats)


def _lately(moment: datetime) -> bool:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return datetime.now(UTC) - aware < LATELY
