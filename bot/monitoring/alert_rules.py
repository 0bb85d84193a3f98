"""Which figures are alarms: pure, one rule each.  docs/runbook.md says of each what it means and what to do.

The same limits stand in deploy/prometheus/alerts.yml, for districts that have a Prometheus; a test compares them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bot.monitoring.snapshot import Figures

Level = Literal["text", "page"]
"""`text`: the technical contact is told by text, at any hour; `page`: it stands on the page "Is all well?" alone:
other people are told (owners of facts, staff on call) or it can wait."""

WORKER_SECONDS = 90
"""Workers tell Redis every few seconds that they live; the scheduler, each minute at the latest."""
QUEUE_SECONDS = {"urgent": 120, "default": 600, "bulk": 3600}
DUE_SECONDS = 900
NOT_TAKEN = 5
"""So many sends of a quarter of an hour that Twilio did not take, and more than it took."""
UNKNOWN = 20
UNCLAIMED_SECONDS = {"escalate_now": 900, "escalate_day": 24 * 3600}
OPT_OUTS = 20
"""In an hour: more than an announcement to a few thousand families brings by itself."""
DISK_FREE = 0.10
LOCKED = 3


@dataclass(frozen=True)
class Found:
    """One alarm; `figure` is how bad it is, in words of numbers ("312 s", "4 %")."""

    name: str
    level: Level
    figure: str


def found(figures: Figures) -> list[Found]:
    """All alarms of this moment, those that are told by text first."""
    every = [one for rule in RULES for one in rule(figures)]
    return sorted(every, key=lambda one: one.level != "text")


def _stores(figures: Figures) -> Iterator[Found]:
    if figures.database is None:
        yield Found("database_away", "text", "")
    if figures.redis is None:
        yield Found("redis_away", "text", "")


def _processes(figures: Figures) -> Iterator[Found]:
    seen = figures.redis
    if seen is None:
        return
    if not _fresh(max(seen.workers, default=None), figures.at):
        yield Found("worker_missing", "text", _ago(max(seen.workers, default=None), figures.at))
    if not _fresh(seen.scheduler, figures.at):
        yield Found("scheduler_missing", "text", _ago(seen.scheduler, figures.at))
    if seen.web is not None and (figures.at - seen.web).total_seconds() > 3 * WORKER_SECONDS:
        yield Found("web_missing", "text", _ago(seen.web, figures.at))
    if seen.missed:
        yield Found("messages_missed", "text", str(seen.missed))


def _queues(figures: Figures) -> Iterator[Found]:
    for name, most in QUEUE_SECONDS.items():
        since = figures.redis.oldest.get(name) if figures.redis else None
        if since and (figures.at - since).total_seconds() > most:
            yield Found(f"queue_{name}", "text", _ago(since, figures.at))


def _sending(figures: Figures) -> Iterator[Found]:
    known = figures.database
    if known is None:
        return
    if known.not_taken >= NOT_TAKEN and known.not_taken > known.taken:
        yield Found("twilio_failing", "text", f"{known.not_taken} / {known.not_taken + known.taken}")
    if known.due_since and (figures.at - known.due_since).total_seconds() > DUE_SECONDS:
        yield Found("deliveries_late", "text", _ago(known.due_since, figures.at))
    if known.unknown >= UNKNOWN:
        yield Found("unknown_outcomes", "text", str(known.unknown))


def _disk(figures: Figures) -> Iterator[Found]:
    if figures.disk_free < DISK_FREE:
        yield Found("disk_full", "text", f"{figures.disk_free:.0%}")


def _people(figures: Figures) -> Iterator[Found]:
    """What others are told of; who looks after the machines sees it here."""
    known = figures.database
    if known is None:
        return
    for severity, most in UNCLAIMED_SECONDS.items():
        many, oldest = known.open_cases.get((severity, False), (0, figures.at))
        if many and (figures.at - oldest).total_seconds() > most:
            yield Found(f"unclaimed_{severity}", "page", f"{many}, {_ago(oldest, figures.at)}")
    if known.opt_outs_hour >= OPT_OUTS:
        yield Found("opt_outs", "text", str(known.opt_outs_hour))
    if known.facts.get("expired"):
        yield Found("facts_expired", "page", str(known.facts["expired"]))
    if known.logins_locked >= LOCKED:
        yield Found("logins_locked", "text", str(known.logins_locked))


def _translation(figures: Figures) -> Iterator[Found]:
    if figures.redis and figures.redis.resting:
        yield Found("translation_failing", "page", "")


RULES: tuple[Callable[[Figures], Iterator[Found]], ...] = (
    *(_stores, _processes, _queues, _sending, _disk),
    *(_people, _translation),
)
NAMES = (
    *("database_away", "redis_away", "worker_missing", "scheduler_missing", "web_missing", "messages_missed"),
    *(f"queue_{name}" for name in QUEUE_SECONDS),
    *("twilio_failing", "deliveries_late", "unknown_outcomes", "disk_full"),
    *(f"unclaimed_{severity}" for severity in UNCLAIMED_SECONDS),
    *("opt_outs", "facts_expired", "logins_locked", "translation_failing"),
)
"""Every name that there is: the page explains each, and so does the runbook."""


def _fresh(seen: datetime | None, at: datetime) -> bool:
    return seen is not None and at - seen < timedelta(seconds=WORKER_SECONDS)


def _ago(since: datetime | None, at: datetime) -> str:
    return "" if since is None else f"{max(0, int((at - since).total_seconds()))} s"
