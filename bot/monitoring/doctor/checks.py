"""The parts that this deployment stands on: database, Redis, processes, settings, disk, facts."""

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
"""Claims, time-outs and "seen lately" are compared across machines: clocks that differ by more do harm."""
MIN_FREE_DISK_BYTES = 500 * 1024**2
MAX_QUEUE_LENGTHS = {"urgent": 20, "default": 200, "bulk": 2000}
"""Jobs that wait; more means that workers are too few, or stuck."""


def run_checks(runtime: Runtime, missing_parts: list[str]) -> Iterator[Finding]:
    """All parts, in the order in which one mends them; `absent` as /readyz names it."""
    for part, remedy in _PART_REMEDIES.items():
        yield Finding(part, False, "missing", remedy) if part in missing_parts else Finding(part, True, "seen")
    for check, needs in DOCTOR_CHECKS:
        if needs not in missing_parts:
            yield _run_safely(check, runtime)


def _run_safely(check: Callable[[Runtime], Finding], runtime: Runtime) -> Finding:
    """That a check broke off is a finding too."""
    try:
        return check(runtime)
    except (SQLAlchemyError, RedisError) as error:
        return Finding(check.__name__.strip("_"), False, type(error).__name__, "Mend what stands above first.")


_PART_REMEDIES = {
    "database": "Is DATABASE_URL right, does the server run, and was `python -m alembic upgrade head` run?",
    "redis": 'Is REDIS_URL right, and does the server run? Until then only emergencies and "a person" are answered.',
    "worker": "Start `python worker.py` (the Procfile's worker): until then no alert and no reply of staff leaves.",
    "scheduler": "Start the Procfile's scheduler: until then nothing lost is found again, and no reminder leaves.",
}


def _check_database_write(runtime: Runtime) -> Finding:
    """What can be read cannot always be written: a full disk, a replica, a file that belongs to somebody else."""
    try:
        with runtime.database.write() as db:
            db.execute(text("UPDATE alembic_version SET version_num = version_num"))
    except SQLAlchemyError as error:
        remedy = "Is its disk full, is it a read-only replica, is the file the program user's? No message is kept."
        return Finding("database, writing", False, type(error).__name__, remedy)
    return Finding("database, writing", True, "can be written")


def _check_migrations(runtime: Runtime) -> Finding:
    scripts = ScriptDirectory.from_config(Config(str(ROOT / "alembic.ini")))
    newest, known = scripts.get_current_head(), {one.revision for one in scripts.walk_revisions()}
    with runtime.database.read() as db:
        there = MigrationContext.configure(db.connection).get_current_revision()
    remedy = "Run `python -m alembic upgrade head`, then restart all processes."
    if there is not None and there not in known:
        remedy = "The database is newer than this program: docs/runbook.md, Update and back."
    return Finding("migrations", there == newest, f"{there} of {newest}", "" if there == newest else remedy)


def _check_keys(runtime: Runtime) -> Finding:
    with runtime.database.read() as db:
        wrong = reindex.explain_wrong_keys(db)
    return Finding("DATA_KEY", not wrong, "opens what is stored" if not wrong else "does not fit", wrong)


def _check_clock(runtime: Runtime) -> Finding:
    there = runtime.redis.time()
    apart = abs(datetime.now(UTC) - datetime.fromtimestamp(there[0] + there[1] / 1e6, UTC))
    well = apart <= MAX_CLOCK_SKEW
    return Finding(
        "clock", well, f"{apart.total_seconds():.0f} s from Redis'", "" if well else "Set up NTP on every machine."
    )


def _check_redis_write(runtime: Runtime) -> Finding:
    """Whether Redis takes what it is given and throws nothing away by itself."""
    try:
        runtime.redis.set("puente:doctor", "1", ex=60)
    except RedisError as error:
        remedy = "Is its memory or disk full, is it a replica? Until it can be written it counts as away."
        return Finding("redis, writing", False, type(error).__name__, remedy)
    told: Any = runtime.redis.info()
    policy = told.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        remedy = "Set maxmemory-policy to noeviction: a lock or queue that is thrown away is lost."
        return Finding("redis, writing", False, f"maxmemory-policy is {policy}", remedy)
    if told.get("aof_last_write_status", "ok") != "ok":
        return Finding("redis, writing", False, "its file cannot be written", "Make room on its disk.")
    advice = (
        "" if told.get("aof_enabled", 1) else "Set appendonly to yes, or what is queued is gone after each restart."
    )
    return Finding("redis, writing", True, "can be written", advice)


def _check_queues(runtime: Runtime) -> Finding:
    long = {
        name: count
        for name in QUEUE_NAMES
        if (count := Queue(name, connection=runtime.redis, serializer=JSONSerializer).count) > MAX_QUEUE_LENGTHS[name]
    }
    seen = ", ".join(f"{name}: {count} wait" for name, count in long.items()) or "short"
    return Finding("queues", not long, seen, "Start more workers, and look into their logs." if long else "")


def _check_address(runtime: Runtime) -> Finding:
    settings = runtime.settings
    base, live = urlsplit(settings.public_base), settings.is_live
    well = not live or (base.scheme == "https" and base.hostname not in (None, "localhost", "127.0.0.1"))
    remedy = "Set PUBLIC_URL to the https address that Twilio calls: the signature is made for it."
    return Finding("PUBLIC_URL", well, f"{base.scheme}://{base.hostname}", "" if well else remedy)


def _check_proxies(runtime: Runtime) -> Finding:
    """In production something else speaks https, so that at least one proxy stands before this program."""
    number = runtime.settings.trusted_proxies
    well = number > 0 or runtime.settings.environment != "production"
    remedy = (
        "Set TRUSTED_PROXIES to how many of your own proxies stand before this program (1 for an nginx): else all staff"
        " are one address, and twenty wrong tries of anybody keep all of them from logging in."
    )
    return Finding("TRUSTED_PROXIES", well, str(number), "" if well else remedy)


def _check_sender(runtime: Runtime) -> Finding:
    settings = runtime.settings
    if not settings.is_live:
        return Finding("sender", True, "messages go to the simulator")
    if not can_send_sms(runtime):
        remedy = (
            "Set TWILIO_SMS_FROM or TWILIO_MESSAGING_SERVICE_SID: without SMS, who is not on WhatsApp gets nothing."
        )
        return Finding("sender", False, "no SMS", remedy)
    if not can_call(runtime):
        return Finding(
            "sender", False, "a short code", "Set TWILIO_SMS_FROM to a +1 number: a short code cannot call staff."
        )
    return Finding("sender", True, "SMS and calls")


def _check_disk(runtime: Runtime) -> Finding:
    free = shutil.disk_usage(runtime.settings.var_dir if runtime.settings.var_dir.exists() else ROOT).free
    well = free >= MIN_FREE_DISK_BYTES
    return Finding(
        "disk", well, f"{free / 1024**3:.1f} GB free", "" if well else "Make room: a full disk loses messages."
    )


def _check_facts(runtime: Runtime) -> Finding:
    district, today = runtime.library.district, runtime.library.district.to_local_time(now()).date()
    partners = list(district.partners.values())
    stale = [
        name
        for name, fact in runtime.library.facts.items()
        if not fact.is_usable(today, district.policies, partners) and not fact.partners
    ]
    remedy = "They are not said; their owners have a task (console, Upkeep). `python -m bot check` names each."
    return Finding(
        "facts", not stale, f"{len(stale)} past review or unset" if stale else "in date", remedy if stale else ""
    )


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
)
"""Each check, and the part that it needs."""
