"""Check the parts of this deployment: database, Redis, processes, settings, disk, and facts."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from redis import RedisError
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bot.base.database import now
from bot.base.queues import QUEUE_NAMES
from bot.base.settings import ROOT
from bot.messaging.contact_policy import can_call, can_send_sms
from bot.monitoring.doctor.finding import Finding
from bot.runtime import Runtime
from bot.store.lifecycle import reindex

MAX_CLOCK_SKEW = timedelta(seconds=30)
"""Claims and time-outs are compared across machines. A larger difference between clocks causes errors."""
MIN_FREE_DISK_BYTES = 500 * 1024**2
MAX_QUEUE_LENGTHS = {"urgent": 20, "default": 200, "bulk": 2000}
"""Waiting jobs. More of them mean too few workers, or stuck ones."""


def run_checks(runtime: Runtime, missing_parts: list[str]) -> Iterator[Finding]:
    """Yield the findings in the order in which to fix them. `missing_parts` has the names that /readyz uses."""
    for part, remedy in _PART_REMEDIES.items():
        if part in missing_parts:
            yield Finding(part, False, "missing", remedy)
        else:
            yield Finding(part, True, "seen")
    for check, needed_part in DOCTOR_CHECKS:
        if needed_part not in missing_parts:
            yield _run_safely(check, runtime)


def _run_safely(check: Callable[[Runtime], Finding], runtime: Runtime) -> Finding:
    """Turn the error of a failed check into a finding."""
    try:
        return check(runtime)
    except (SQLAlchemyError, RedisError) as error:
        return Finding(check.__name__.strip("_"), False, type(error).__name__, "Fix the findings above first.")


_PART_REMEDIES = {
    "database": "Check DATABASE_URL, the database server, and whether `python -m alembic upgrade head` was run.",
    "redis": 'Check REDIS_URL and the Redis server. Until then, only emergencies and "a person" are answered.',
    "worker": "Start `python worker.py` (the Procfile's worker). Until then, no alert or staff reply is sent.",
    "scheduler": "Start the Procfile's scheduler. Until then, no reminder is sent, and lost jobs are not queued again.",
}


def _check_database_write(runtime: Runtime) -> Finding:
    """Check writing, because a full disk, a replica, or a file of another user can be read but not written."""
    try:
        with runtime.database.write() as db:
            db.execute(text("UPDATE alembic_version SET version_num = version_num"))
    except SQLAlchemyError as error:
        remedy = "Check for a full disk, a read-only replica, or a file of another user. Messages cannot be saved."
        return Finding("database, writing", False, type(error).__name__, remedy)
    return Finding("database, writing", True, "can be written")


def _check_migrations(runtime: Runtime) -> Finding:
    scripts = ScriptDirectory.from_config(Config(str(ROOT / "alembic.ini")))
    newest, revisions = scripts.get_current_head(), {script.revision for script in scripts.walk_revisions()}
    with runtime.database.read() as db:
        current = MigrationContext.configure(db.connection).get_current_revision()
    if current == newest:
        return Finding("migrations", True, f"{current} of {newest}")
    remedy = "Run `python -m alembic upgrade head`, then restart all processes."
    if current is not None and current not in revisions:
        remedy = "The database is newer than this program. See docs/runbook.md, Update and back."
    return Finding("migrations", False, f"{current} of {newest}", remedy)


def _check_keys(runtime: Runtime) -> Finding:
    with runtime.database.read() as db:
        problem = reindex.explain_wrong_keys(db)
    if problem:
        return Finding("DATA_KEY", False, "does not fit", problem)
    return Finding("DATA_KEY", True, "decrypts what is stored")


def _check_clock(runtime: Runtime) -> Finding:
    seconds, microseconds = runtime.redis.time()
    difference = abs(datetime.now(UTC) - datetime.fromtimestamp(seconds + microseconds / 1e6, UTC))
    observation = f"{difference.total_seconds():.0f} s from the clock of Redis"
    if difference > MAX_CLOCK_SKEW:
        return Finding("clock", False, observation, "Set up NTP on every machine.")
    return Finding("clock", True, observation)


def _check_redis_write(runtime: Runtime) -> Finding:
    """Check that Redis accepts writes and evicts nothing."""
    try:
        runtime.redis.set("puente:doctor", "1", ex=60)
    except RedisError as error:
        remedy = "Check for full memory, a full disk, or a replica. Until it can be written, Redis counts as away."
        return Finding("redis, writing", False, type(error).__name__, remedy)
    info: Any = runtime.redis.info()
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        remedy = "Set maxmemory-policy to noeviction, because an evicted lock or queue is lost."
        return Finding("redis, writing", False, f"maxmemory-policy is {policy}", remedy)
    if info.get("aof_last_write_status", "ok") != "ok":
        return Finding("redis, writing", False, "cannot write its file", "Free space on its disk.")
    advice = ""
    if not info.get("aof_enabled", 1):
        advice = "Set appendonly to yes, because without it each restart loses the queues."
    return Finding("redis, writing", True, "can be written", advice)


def _check_queues(runtime: Runtime) -> Finding:
    long_queues = {
        name: count
        for name in QUEUE_NAMES
        if (count := Queue(name, connection=runtime.redis, serializer=JSONSerializer).count) > MAX_QUEUE_LENGTHS[name]
    }
    if not long_queues:
        return Finding("queues", True, "short")
    observation = ", ".join(f"{name}: {count} wait" for name, count in long_queues.items())
    return Finding("queues", False, observation, "Start more workers, and check their logs.")


def _check_address(runtime: Runtime) -> Finding:
    settings = runtime.settings
    base = urlsplit(settings.public_base)
    is_public = base.scheme == "https" and base.hostname not in (None, "localhost", "127.0.0.1")
    observation = f"{base.scheme}://{base.hostname}"
    if is_public or not settings.is_live:
        return Finding("PUBLIC_URL", True, observation)
    remedy = "Set PUBLIC_URL to the https address that Twilio calls, because Twilio signs that address."
    return Finding("PUBLIC_URL", False, observation, remedy)


def _check_proxies(runtime: Runtime) -> Finding:
    """Check for a trusted proxy in production, because a proxy must terminate https before Puente."""
    count = runtime.settings.trusted_proxies
    if count > 0 or runtime.settings.environment != "production":
        return Finding("TRUSTED_PROXIES", True, str(count))
    remedy = (
        "Set TRUSTED_PROXIES to the number of your proxies before Puente (1 for an nginx). Without it, all staff share"
        " one address, and twenty wrong passwords from anyone block all logins."
    )
    return Finding("TRUSTED_PROXIES", False, str(count), remedy)


def _check_sender(runtime: Runtime) -> Finding:
    settings = runtime.settings
    if not settings.is_live:
        return Finding("sender", True, "messages go to the simulator")
    if not can_send_sms(runtime):
        remedy = (
            "Set TWILIO_SMS_FROM or TWILIO_MESSAGING_SERVICE_SID. Without SMS, families without WhatsApp get nothing."
        )
        return Finding("sender", False, "no SMS", remedy)
    if not can_call(runtime):
        remedy = "Set TWILIO_SMS_FROM to a +1 number, because a short code cannot call staff."
        return Finding("sender", False, "a short code", remedy)
    return Finding("sender", True, "SMS and calls")


def _check_disk(runtime: Runtime) -> Finding:
    var_dir = runtime.settings.var_dir
    free_bytes = shutil.disk_usage(var_dir if var_dir.exists() else ROOT).free
    observation = f"{free_bytes / 1024**3:.1f} GB free"
    if free_bytes < MIN_FREE_DISK_BYTES:
        return Finding("disk", False, observation, "Free space, because a full disk loses messages.")
    return Finding("disk", True, observation)


def _check_encoder(runtime: Runtime) -> Finding:
    nlu_model = runtime.library.phrasebook.nlu_model
    if nlu_model.encoder_problem:
        remedy = "Puente understands fewer messages. Copy flows/encoder/ again, correct ENCODER, or run `make teach`."
        return Finding("encoder", False, nlu_model.encoder_problem, remedy)
    return Finding("encoder", True, "gives the vectors that the models learned from" if nlu_model.encoder else "off")


def _check_facts(runtime: Runtime) -> Finding:
    district = runtime.library.district
    today = district.to_local_time(now()).date()
    partners = list(district.partners.values())
    stale = [
        name
        for name, fact in runtime.library.facts.items()
        if not fact.is_usable(today, district.policies, partners) and not fact.partners
    ]
    if not stale:
        return Finding("facts", True, "in date")
    remedy = "Families don't get them. Their owners have a task (console, Upkeep). `python -m bot check` lists them."
    return Finding("facts", False, f"{len(stale)} past review or unset", remedy)


DOCTOR_CHECKS: tuple[tuple[Callable[[Runtime], Finding], str], ...] = (
    (_check_database_write, "database"),
    (_check_migrations, "database"),
    (_check_keys, "database"),
    (_check_redis_write, "redis"),
    (_check_clock, "redis"),
    (_check_queues, "redis"),
    (_check_address, ""),
    (_check_proxies, ""),
    (_check_sender, ""),
    (_check_disk, ""),
    (_check_facts, ""),
    (_check_encoder, ""),
)
"""Each check with the part that it needs."""
