"""The alarm rules, one pure function each. docs/runbook.md explains each alarm and what to do about it.

deploy/prometheus/alerts.yml has the same limits for districts with Prometheus. A test compares them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bot.monitoring.snapshot import SystemSnapshot

AlarmLevel = Literal["text", "page"]
"""`text`: the technical contact gets an SMS at any hour. `page`: only the page "Is all well?" shows it, because other
staff get a message about it, or because it can wait."""

MAX_HEARTBEAT_AGE_SECONDS = 90
"""Workers report to Redis every few seconds, and the scheduler at least once a minute."""
MAX_QUEUE_WAIT_SECONDS = {"urgent": 120, "default": 600, "bulk": 3600}
MAX_DELIVERY_DELAY_SECONDS = 900
MIN_REFUSED_SENDS = 5
"""An alarm needs at least this many rejected messages in 15 minutes, and more rejected than accepted ones."""
MIN_UNKNOWN_SENDS = 20
MAX_UNCLAIMED_SECONDS = {"escalate_now": 900, "escalate_day": 24 * 3600}
MIN_OPT_OUTS_PER_HOUR = 20
"""More opt-outs in an hour than an announcement to a few thousand families usually causes."""
MIN_FREE_DISK_RATIO = 0.10
MIN_LOCKED_LOGINS = 3


@dataclass(frozen=True)
class ActiveAlarm:
    """One active alarm. `value` is its figure, such as "312 s" or "4 %"."""

    name: str
    level: AlarmLevel
    value: str


def find_alarms(snapshot: SystemSnapshot) -> list[ActiveAlarm]:
    """Return all active alarms, with those that are sent by SMS first."""
    active_alarms = [alarm for rule in ALARM_RULES for alarm in rule(snapshot)]
    return sorted(active_alarms, key=lambda alarm: alarm.level != "text")


def _check_stores(snapshot: SystemSnapshot) -> Iterator[ActiveAlarm]:
    if snapshot.database is None:
        yield ActiveAlarm("database_away", "text", "")
    if snapshot.redis is None:
        yield ActiveAlarm("redis_away", "text", "")


def _check_processes(snapshot: SystemSnapshot) -> Iterator[ActiveAlarm]:
    redis, taken_at = snapshot.redis, snapshot.taken_at
    if redis is None:
        return
    worker_seen_at = max(redis.worker_heartbeats, default=None)
    if not _is_fresh(worker_seen_at, taken_at):
        yield ActiveAlarm("worker_missing", "text", _format_age(worker_seen_at, taken_at))
    if not _is_fresh(redis.scheduler_heartbeat, taken_at):
        yield ActiveAlarm("scheduler_missing", "text", _format_age(redis.scheduler_heartbeat, taken_at))
    web_seen_at = redis.web_seen_at
    if web_seen_at is not None and (taken_at - web_seen_at).total_seconds() > 3 * MAX_HEARTBEAT_AGE_SECONDS:
        yield ActiveAlarm("web_missing", "text", _format_age(web_seen_at, taken_at))
    if redis.missed_message_count:
        yield ActiveAlarm("messages_missed", "text", str(redis.missed_message_count))


def _check_queues(snapshot: SystemSnapshot) -> Iterator[ActiveAlarm]:
    for name, max_seconds in MAX_QUEUE_WAIT_SECONDS.items():
        since = snapshot.redis.oldest_queued_at.get(name) if snapshot.redis else None
        if since and (snapshot.taken_at - since).total_seconds() > max_seconds:
            yield ActiveAlarm(f"queue_{name}", "text", _format_age(since, snapshot.taken_at))


def _check_sending(snapshot: SystemSnapshot) -> Iterator[ActiveAlarm]:
    database, taken_at = snapshot.database, snapshot.taken_at
    if database is None:
        return
    refused_count, accepted_count = database.refused_send_count, database.accepted_send_count
    if refused_count >= MIN_REFUSED_SENDS and refused_count > accepted_count:
        yield ActiveAlarm("twilio_failing", "text", f"{refused_count} / {refused_count + accepted_count}")
    oldest_due_at = database.oldest_due_at
    if oldest_due_at and (taken_at - oldest_due_at).total_seconds() > MAX_DELIVERY_DELAY_SECONDS:
        yield ActiveAlarm("deliveries_late", "text", _format_age(oldest_due_at, taken_at))
    if database.unknown_send_count >= MIN_UNKNOWN_SENDS:
        yield ActiveAlarm("unknown_outcomes", "text", str(database.unknown_send_count))


def _check_disk(snapshot: SystemSnapshot) -> Iterator[ActiveAlarm]:
    if snapshot.free_disk_ratio < MIN_FREE_DISK_RATIO:
        yield ActiveAlarm("disk_full", "text", f"{snapshot.free_disk_ratio:.0%}")


def _check_people(snapshot: SystemSnapshot) -> Iterator[ActiveAlarm]:
    """Yield alarms that other staff get messages about. The technical contact sees them on the page."""
    database = snapshot.database
    if database is None:
        return
    for severity, max_seconds in MAX_UNCLAIMED_SECONDS.items():
        count, oldest = database.open_case_counts.get((severity, False), (0, snapshot.taken_at))
        if count and (snapshot.taken_at - oldest).total_seconds() > max_seconds:
            yield ActiveAlarm(f"unclaimed_{severity}", "page", f"{count}, {_format_age(oldest, snapshot.taken_at)}")
    if database.opt_outs_last_hour >= MIN_OPT_OUTS_PER_HOUR:
        yield ActiveAlarm("opt_outs", "text", str(database.opt_outs_last_hour))
    if database.fact_counts.get("expired"):
        yield ActiveAlarm("facts_expired", "page", str(database.fact_counts["expired"]))
    if database.locked_login_count >= MIN_LOCKED_LOGINS:
        yield ActiveAlarm("logins_locked", "text", str(database.locked_login_count))


def _check_translation(snapshot: SystemSnapshot) -> Iterator[ActiveAlarm]:
    if snapshot.redis and snapshot.redis.is_translator_resting:
        yield ActiveAlarm("translation_failing", "page", "")


def _check_encoder(snapshot: SystemSnapshot) -> Iterator[ActiveAlarm]:
    if snapshot.encoder_problem:
        yield ActiveAlarm("encoder_failing", "text", "")


ALARM_RULES: tuple[Callable[[SystemSnapshot], Iterator[ActiveAlarm]], ...] = (
    *(_check_stores, _check_processes, _check_queues, _check_sending, _check_disk),
    *(_check_people, _check_translation, _check_encoder),
)
ALARM_NAMES = (
    *("database_away", "redis_away", "worker_missing", "scheduler_missing", "web_missing", "messages_missed"),
    *(f"queue_{name}" for name in MAX_QUEUE_WAIT_SECONDS),
    *("twilio_failing", "deliveries_late", "unknown_outcomes", "disk_full"),
    *(f"unclaimed_{severity}" for severity in MAX_UNCLAIMED_SECONDS),
    *("opt_outs", "facts_expired", "logins_locked", "translation_failing", "encoder_failing"),
)
"""All alarm names. The page and the runbook explain each of them."""


def _is_fresh(seen_at: datetime | None, current_time: datetime) -> bool:
    return seen_at is not None and current_time - seen_at < timedelta(seconds=MAX_HEARTBEAT_AGE_SECONDS)


def _format_age(since: datetime | None, current_time: datetime) -> str:
    if since is None:
        return ""
    return f"{max(0, int((current_time - since).total_seconds()))} s"
