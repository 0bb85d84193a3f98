"""`GET /metrics` for Prometheus, for whoever has `METRICS_TOKEN` (`Authorization: Bearer …`); not there without one.

Two kinds of figures: what this machine's web processes counted, and what database and Redis know of the whole
deployment (the same from every web host: take `max`, not `sum`).  The latter are read when asked, and kept for some
seconds, however many ask.
"""

import hmac
import os
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import datetime

from flask import Blueprint, Response, abort, current_app, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from bot.base import metrics_dir
from bot.monitoring import alert_rules
from bot.monitoring.snapshot import DatabaseSnapshot, RedisSnapshot, SystemSnapshot, take_snapshot
from bot.runtime import Services
from bot.web.core.current_runtime import services

KEPT_SECONDS = 10.0
SHARES = (0.5, 0.95)

metrics = Blueprint("metrics", __name__)


@metrics.get("/metrics")
def all_metrics() -> Response:
    """Every figure, in Prometheus' text format."""
    wanted = services().settings.metrics_token
    if not wanted:
        abort(404, "Set METRICS_TOKEN to have metrics.")
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        abort(401, "Metrics need the token of METRICS_TOKEN: Authorization: Bearer ...")
    return Response(_written(kept(services())), content_type=CONTENT_TYPE_LATEST)


def _written(figures: SystemSnapshot) -> bytes:
    own = CollectorRegistry()
    own.register(_Deployment(figures))
    if not os.environ.get(metrics_dir.NAME):
        return generate_latest(REGISTRY) + generate_latest(own)
    of_all = CollectorRegistry()
    MultiProcessCollector(of_all)  # type: ignore[no-untyped-call]
    return generate_latest(of_all) + generate_latest(own)


_lock = threading.Lock()


def kept(services: Services) -> SystemSnapshot:
    """The figures of the last seconds; read anew by one request at a time."""
    with _lock:
        until, figures = current_app.extensions.get("puente_figures", (0.0, None))
        if figures is None or time.monotonic() >= until:
            figures = take_snapshot(services)
            current_app.extensions["puente_figures"] = (time.monotonic() + KEPT_SECONDS, figures)
        return figures  # type: ignore[no-any-return]


class _Deployment:
    """What prometheus_client asks for the deployment's figures."""

    def __init__(self, figures: SystemSnapshot) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        yield from deployment(self._figures)


def deployment(figures: SystemSnapshot) -> Iterator[Metric]:
    """The figures as metrics."""
    up = {("database",): figures.database is not None, ("redis",): figures.redis is not None}
    yield _gauge("up", "Whether the web process reaches the database and Redis (1) or not (0)", ("part",), up.items())
    yield _gauge("disk_free_ratio", "Free part of the disk that holds var/", (), [((), figures.free_disk_ratio)])
    current = {one.name for one in alert_rules.find_alarms(figures)}
    alarms = [((name,), name in current) for name in alert_rules.ALARM_NAMES]
    yield _gauge("alarm", "Whether this alarm of docs/runbook.md is on at this moment", ("alarm",), alarms)
    if figures.redis:
        yield from _of_redis(figures.redis, figures.taken_at)
    if figures.database:
        yield from _of_cases(figures.database, figures.taken_at)
        yield from _of_sending(figures.database, figures.taken_at)
        yield from _of_the_rest(figures.database)


def _of_redis(seen: RedisSnapshot, at: datetime) -> Iterator[Metric]:
    yield _gauge("queue_jobs", "Jobs that wait", ("queue",), _by(seen.waiting_job_counts))
    oldest = {name: _seconds(since, at) for name, since in seen.oldest_queued_at.items()}
    yield _gauge("queue_oldest_seconds", "How long the next job has waited", ("queue",), _by(oldest))
    yield _gauge("queue_failed_jobs", "Jobs that failed within three days", ("queue",), _by(seen.failed_job_counts))
    yield _gauge("workers", "Workers that Redis knows", (), [((), len(seen.worker_heartbeats))])
    beats = {
        "worker": max(seen.worker_heartbeats, default=None),
        "scheduler": seen.scheduler_heartbeat,
        "web": seen.web_seen_at,
    }
    known = {name: _seconds(beat, at) for name, beat in beats.items() if beat}
    yield _gauge(
        "last_seen_seconds", "How long ago a process of this kind said that it lives", ("process",), _by(known)
    )
    for name, help_, label in COUNTED:
        found = [((value,) if label else (), many) for (one, value), many in seen.counters.items() if one == name]
        yield _counter(name, help_, (label,) if label else (), found)


COUNTED = (
    ("translations", "Texts that the machine translated", ""),
    ("translation_failures", "Texts that it did not translate, by reason", "reason"),
    ("sweeps", "Runs of the sweep", ""),
    ("swept", "What the sweep found that no job would have carried on", "kind"),
)
"""What workers count in Redis (`bot/base/metrics.py`): name, meaning, the label."""


def _of_cases(known: DatabaseSnapshot, at: datetime) -> Iterator[Metric]:
    many: dict[tuple[str, ...], float] = {}
    for (severity, _), (number, _oldest) in known.open_case_counts.items():
        many[severity,] = many.get((severity,), 0) + number
    nobody = [((key[0],), found) for key, found in known.open_case_counts.items() if not key[1]]
    yield _gauge("cases_open", "Cases that somebody still has to see to", ("severity",), many.items())
    yield _gauge(
        "cases_unclaimed", "Open cases that nobody has taken", ("severity",), [(key, found[0]) for key, found in nobody]
    )
    ages = [(key, _seconds(found[1], at)) for key, found in nobody]
    yield _gauge("case_oldest_unclaimed_seconds", "Age of the oldest of these", ("severity",), ages)
    claims = [
        ((severity, str(share)), _share(sorted(seconds), share))
        for severity, seconds in known.claim_seconds.items()
        for share in SHARES
    ]
    help_ = "From the opening of a case to whoever took it, of the cases taken within a day"
    yield _gauge("case_claim_seconds", help_, ("severity", "quantile"), claims)


def _of_sending(known: DatabaseSnapshot, at: datetime) -> Iterator[Metric]:
    labels = ("kind", "means", "state")
    yield _gauge("deliveries_day", "Messages of the last day to one person each", labels, known.delivery_counts.items())
    late = _seconds(known.oldest_due_at, at) if known.oldest_due_at else 0
    yield _gauge("delivery_oldest_due_seconds", "How late the latest message is", (), [((), late)])
    lately = [(("taken",), known.accepted_send_count), (("not_taken",), known.refused_send_count)]
    yield _gauge("deliveries_lately", "Sends of the last 15 minutes, by whether Twilio took them", ("outcome",), lately)
    yield _gauge(
        "unknown_outcomes",
        "Sends of which nobody knows yet whether Twilio took them",
        (),
        [((), known.unknown_send_count)],
    )
    codes = [((str(code),), many) for (code,), many in known.twilio_code_counts.items()]
    yield _gauge("twilio_errors_day", "Deliveries of the last day with this error code of Twilio's", ("code",), codes)
    yield _gauge(
        "broadcast_recipients",
        "Recipients of announcements on their way",
        ("state",),
        known.active_recipient_counts.items(),
    )


def _of_the_rest(known: DatabaseSnapshot) -> Iterator[Metric]:
    stopped = [(("hour",), known.opt_outs_last_hour), (("day",), known.opt_outs_last_day)]
    yield _gauge("opt_outs", "Addresses that stopped the messages lately", ("within",), stopped)
    yield _gauge(
        "facts_due", "Facts, policies and partners past their time, or soon", ("state",), _by(known.fact_counts)
    )
    yield _gauge(
        "recordings_to_review", "Recordings that nobody has listened to", (), [((), known.unreviewed_recording_count)]
    )
    yield _gauge("login_failures", "Wrong tries to log in that count now", (), [((), known.login_failure_count)])
    yield _gauge("logins_locked", "Logins locked after wrong tries", (), [((), known.locked_login_count)])


def _by(found: object) -> list[tuple[tuple[str, ...], float]]:
    return [((name,), value) for name, value in found.items()]  # type: ignore[attr-defined]


def _gauge(name: str, help_: str, labels: tuple[str, ...], found: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    made = GaugeMetricFamily(f"puente_{name}", help_, labels=labels)
    for values, number in found:
        made.add_metric(values, float(number))
    return made


def _counter(name: str, help_: str, labels: tuple[str, ...], found: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    made = CounterMetricFamily(f"puente_{name}", help_, labels=labels)
    for values, number in found:
        made.add_metric(values, float(number))
    return made


def _seconds(since: datetime | None, at: datetime) -> float:
    return max(0.0, (at - since).total_seconds()) if since else 0.0


def _share(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
