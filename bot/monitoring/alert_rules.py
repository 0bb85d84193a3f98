"""Which figures are alarms: pure, one rule each.  docs/runbook.md says of each what it means and what to do.

The same limits stand in deploy/prometheus/alerts.yml, for districts that have a Prometheus; a test compares them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bot.monitoring.snapshot import SystemSnapshot

AlarmLevel = Literal["text", "page"]
"""`text`: the technical contact is told by text, at any hour; `page`: it stands on the page "Is all well?" alone:
other people are told (owners of facts, staff on call) or it can wait."""

MAX_HEARTBEAT_AGE_SECONDS = 90
"""Workers tell Redis every few seconds that they live; the scheduler, each minute at the latest."""
MAX_QUEUE_WAIT_SECONDS = {"urgent": 120, "default": 600, "bulk": 3600}
MAX_DELIVERY_DELAY_SECONDS = 900
MIN_REFUSED_SENDS = 5
"""So many sends of a quarter of an hour that Twilio did not take, and more than it took."""
MIN_UNKNOWN_SENDS = 20
MAX_UNCLAIMED_SECONDS = {"escalate_now": 900, "escalate_day": 24 * 3600}
MIN_OPT_OUTS_PER_HOUR = 20
"""In an hour: more than an announcement to a few thousand families brings by itself."""
MIN_FREE_DISK_RATIO = 0.10
MIN_LOCKED_LOGINS = 3


@dataclass(frozen=True)
class ActiveAlarm:
    """One alarm; `figure` is how bad it is, in words of numbers ("312 s", "4 %")."""

    name: str
    level: AlarmLevel
    value: str


def find_alarms(snapshot: SystemSnapshot) -> list[ActiveAlarm]:
    """All alarms of this moment, those that are told by text first."""
    every = [one for rule in ALARM_RULES for one in rule(snapshot)]
    return sorted(every, key=lambda one: one.level != "text")


def _check_stores(snapshot: SystemSnapshot) -> Iterator[ActiveAlarm]:
    if snapshot.database is None:
        yield ActiveAlarm("database_away", "text", "")
    if snapshot.redis is None:
        yield ActiveAlarm("redis_away", "text", "")


def _check_processes(snapshot: SystemSnapshot) -> Iterator[ActiveAlarm]:
    seen = snapshot.redis
    if seen is None:
        return
    if not _is_fresh(max(seen.worker_heartbeats, default=None), snapshot.taken_at):
        yield ActiveAlarm(
            "worker_missing", "text", _format_age(max(seen.worker_heartbeats, default=None), snapshot.taken_at)
        )
    if not _is_fresh(seen.scheduler_heartbeat, snapshot.taken_at):
        yield ActiveAlarm("scheduler_missing", "text", _format_age(seen.scheduler_heartbeat, snapshot.taken_at))
    if (
        seen.web_seen_at is not None
        and (snapshot.taken_at - seen.web_seen_at).total_seconds() > 3 * MAX_HEARTBEAT_AGE_SECONDS
    ):
        yield ActiveAlarm("web_missing", "text", _format_age(seen.web_seen_at, snapshot.taken_at))
    if seen.missed_message_count:
        yield ActiveAlarm("messages_missed", "text", str(seen.missed_message_count))


def _check_queues(snapshot: SystemSnapshot) -> Iterator[ActiveAlarm]:
    for name, most in MAX_QUEUE_WAIT_SECONDS.items():
        since = snapshot.redis.oldest_queued_at.get(name) if snapshot.redis else None
        if since and (snapshot.taken_at - since).total_seconds() > most:
            yield ActiveAlarm(f"queue_{name}", "text", _format_age(since, snapshot.taken_at))


def _check_sending(snapshot: SystemSnapshot) -> Iterator[ActiveAlarm]:
    known = snapshot.database
    if known is None:
        return
    if known.refused_send_count >= MIN_REFUSED_SENDS and known.refused_send_count > known.accepted_send_count:
        yield ActiveAlarm(
            "twilio_failing",
            "text",
            f"{known.refused_send_count} / {known.refused_send_count + known.accepted_send_count}",
        )
    if known.oldest_due_at and (snapshot.taken_at - known.oldest_due_at).total_seconds() > MAX_DELIVERY_DELAY_SECONDS:
        yield ActiveAlarm("deliveries_late", "text", _format_age(known.oldest_due_at, snapshot.taken_at))
    if known.unknown_send_count >= MIN_UNKNOWN_SENDS:
        yield ActiveAlarm("unknown_outcomes", "text", str(known.unknown_send_count))


def _check_disk(snapshot: SystemSnapshot) -> Iterator[ActiveAlarm]:
    if snapshot.free_disk_ratio < MIN_FREE_DISK_RATIO:
        yield ActiveAlarm("disk_full", "text", f"{snapshot.free_disk_ratio:.0%}")


def _check_people(snapshot: SystemSnapshot) -> Iterator[ActiveAlarm]:
    """What others are told of; who looks after the machines sees it here."""
    known = snapshot.database
    if known is None:
        return
    for severity, most in MAX_UNCLAIMED_SECONDS.items():
        many, oldest = known.open_case_counts.get((severity, False), (0, snapshot.taken_at))
        if many and (snapshot.taken_at - oldest).total_seconds() > most:
            yield ActiveAlarm(f"unclaimed_{severity}", "page", f"{many}, {_format_age(oldest, snapshot.taken_at)}")
    if known.opt_outs_last_hour >= MIN_OPT_OUTS_PER_HOUR:
        yield ActiveAlarm("opt_outs", "text", str(known.opt_outs_last_hour))
    if known.fact_counts.get("expired"):
        yield ActiveAlarm("facts_expired", "page", str(known.fact_counts["expired"]))
    if known.locked_login_count >= MIN_LOCKED_LOGINS:
        yield ActiveAlarm("logins_locked", "text", str(known.locked_login_count))


def _check_translation(snapshot: SystemSnapshot) -> Iterator[ActiveAlarm]:
    if snapshot.redis and snapshot.redis.is_translator_resting:
        yield ActiveAlarm("translation_failing", "page", "")


ALARM_RULES: tuple[Callable[[SystemSnapshot], Iterator[ActiveAlarm]], ...] = (
    *(_check_stores, _check_processes, _check_queues, _check_sending, _check_disk),
    *(_check_people, _check_translation),
)
ALARM_NAMES = (
    *("database_away", "redis_away", "worker_missing", "scheduler_missing", "web_missing", "messages_missed"),
    *(f"queue_{name}" for name in MAX_QUEUE_WAIT_SECONDS),
    *("twilio_failing", "deliveries_late", "unknown_outcomes", "disk_full"),
    *(f"unclaimed_{severity}" for severity in MAX_UNCLAIMED_SECONDS),
    *("opt_outs", "facts_expired", "logins_locked", "translation_failing"),
)
"""Every name that there is: the page explains each, and so does the runbook."""


def _is_fresh(seen: datetime | None, at: datetime) -> bool:
    return seen is not None and at - seen < timedelta(seconds=MAX_HEARTBEAT_AGE_SECONDS)


def _format_age(since: datetime | None, at: datetime) -> str:
    return "" if since is None else f"{max(0, int((at - since).total_seconds()))} s"
