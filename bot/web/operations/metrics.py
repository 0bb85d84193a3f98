"""Serve `GET /metrics` for Prometheus. Requests need `Authorization: Bearer` with the value of `METRICS_TOKEN`.

There are two kinds of metrics. The web processes of this machine count some. The others come from the database and
Redis and describe the whole deployment. They are the same on every web host, so aggregate them with `max`, not `sum`.
A snapshot of them is cached for some seconds.
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
from bot.runtime import Runtime
from bot.web.core.current_runtime import get_runtime

SNAPSHOT_CACHE_SECONDS = 10.0
CLAIM_TIME_QUANTILES = (0.5, 0.95)

metrics = Blueprint("metrics", __name__)


@metrics.get("/metrics")
def export_metrics() -> Response:
    """Return all metrics in Prometheus's text format, or 404 if `METRICS_TOKEN` isn't set."""
    expected_token = get_runtime().settings.metrics_token
    if not expected_token:
        abort(404, "To turn on metrics, set METRICS_TOKEN.")
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(token.encode(), expected_token.encode()):
        abort(401, "Send the value of METRICS_TOKEN: Authorization: Bearer ...")
    return Response(_render_metrics(get_snapshot(get_runtime())), content_type=CONTENT_TYPE_LATEST)


def _render_metrics(snapshot: SystemSnapshot) -> bytes:
    deployment_registry = CollectorRegistry()
    deployment_registry.register(_SnapshotCollector(snapshot))
    if not os.environ.get(metrics_dir.MULTIPROCESS_DIR_VARIABLE):
        return generate_latest(REGISTRY) + generate_latest(deployment_registry)
    process_registry = CollectorRegistry()
    MultiProcessCollector(process_registry)  # type: ignore[no-untyped-call]
    return generate_latest(process_registry) + generate_latest(deployment_registry)


_lock = threading.Lock()


def get_snapshot(runtime: Runtime) -> SystemSnapshot:
    """Return the cached snapshot. When it is out of date, one request at a time takes a new one."""
    with _lock:
        valid_until, snapshot = current_app.extensions.get("puente_figures", (0.0, None))
        if snapshot is None or time.monotonic() >= valid_until:
            snapshot = take_snapshot(runtime)
            current_app.extensions["puente_figures"] = (time.monotonic() + SNAPSHOT_CACHE_SECONDS, snapshot)
        return snapshot  # type: ignore[no-any-return]


class _SnapshotCollector:
    """The collector that prometheus_client asks for the deployment's metrics."""

    def __init__(self, snapshot: SystemSnapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Yield all of the deployment's metrics."""
        yield from collect_deployment_metrics(self._snapshot)


def collect_deployment_metrics(snapshot: SystemSnapshot) -> Iterator[Metric]:
    """Yield the metrics of a snapshot."""
    reachability = {("database",): snapshot.database is not None, ("redis",): snapshot.redis is not None}
    yield _build_gauge(
        "up", "Whether the web process reaches the database and Redis (1) or not (0)", ("part",), reachability.items()
    )
    yield _build_gauge("disk_free_ratio", "Free share of the disk that has var/", (), [((), snapshot.free_disk_ratio)])
    active_alarms = {alarm.name for alarm in alert_rules.find_alarms(snapshot)}
    alarm_samples = [((name,), name in active_alarms) for name in alert_rules.ALARM_NAMES]
    yield _build_gauge("alarm", "Whether this alarm of docs/runbook.md is on", ("alarm",), alarm_samples)
    if snapshot.redis:
        yield from _collect_redis_metrics(snapshot.redis, snapshot.taken_at)
    if snapshot.database:
        yield from _collect_case_metrics(snapshot.database, snapshot.taken_at)
        yield from _collect_delivery_metrics(snapshot.database, snapshot.taken_at)
        yield from _collect_other_metrics(snapshot.database)


def _collect_redis_metrics(snapshot: RedisSnapshot, now: datetime) -> Iterator[Metric]:
    yield _build_gauge("queue_jobs", "Waiting jobs", ("queue",), _label_by_name(snapshot.waiting_job_counts))
    oldest_ages = {name: _compute_age(since, now) for name, since in snapshot.oldest_queued_at.items()}
    yield _build_gauge(
        "queue_oldest_seconds", "Seconds that the next job has waited", ("queue",), _label_by_name(oldest_ages)
    )
    yield _build_gauge(
        "queue_failed_jobs",
        "Jobs that failed in the last three days",
        ("queue",),
        _label_by_name(snapshot.failed_job_counts),
    )
    yield _build_gauge("workers", "Workers that Redis lists", (), [((), len(snapshot.worker_heartbeats))])
    heartbeats = {
        "worker": max(snapshot.worker_heartbeats, default=None),
        "scheduler": snapshot.scheduler_heartbeat,
        "web": snapshot.web_seen_at,
    }
    heartbeat_ages = {name: _compute_age(heartbeat, now) for name, heartbeat in heartbeats.items() if heartbeat}
    yield _build_gauge(
        "last_seen_seconds",
        "Seconds since the last heartbeat of a process of this kind",
        ("process",),
        _label_by_name(heartbeat_ages),
    )
    for name, help_, label in REDIS_COUNTERS:
        samples = [
            ((value,) if label else (), count)
            for (counter_name, value), count in snapshot.counters.items()
            if counter_name == name
        ]
        yield _build_counter(name, help_, (label,) if label else (), samples)


REDIS_COUNTERS = (
    ("translations", "Texts that a machine translated", ""),
    ("translation_failures", "Texts that the machine failed to translate, by reason", "reason"),
    ("sweeps", "Runs of the sweep", ""),
    ("swept", "Rows that the sweep continued because no job did", "kind"),
)
"""The counters that workers write to Redis (`bot/base/metrics.py`): name, help text, label or ""."""


def _collect_case_metrics(snapshot: DatabaseSnapshot, now: datetime) -> Iterator[Metric]:
    open_counts: dict[tuple[str, ...], float] = {}
    unclaimed_counts: list[tuple[tuple[str, ...], float]] = []
    unclaimed_ages: list[tuple[tuple[str, ...], float]] = []
    for (severity, is_claimed), (count, oldest_opened_at) in snapshot.open_case_counts.items():
        open_counts[severity,] = open_counts.get((severity,), 0) + count
        if not is_claimed:
            unclaimed_counts.append(((severity,), count))
            unclaimed_ages.append(((severity,), _compute_age(oldest_opened_at, now)))
    yield _build_gauge("cases_open", "Open cases", ("severity",), open_counts.items())
    yield _build_gauge("cases_unclaimed", "Open cases without an assignee", ("severity",), unclaimed_counts)
    help_ = "Age of the oldest open case without an assignee"
    yield _build_gauge("case_oldest_unclaimed_seconds", help_, ("severity",), unclaimed_ages)
    claim_times = [
        ((severity, str(quantile)), _find_quantile(sorted(seconds), quantile))
        for severity, seconds in snapshot.claim_seconds.items()
        for quantile in CLAIM_TIME_QUANTILES
    ]
    help_ = "Seconds from the opening of a case until a staff member took it, for cases taken within a day"
    yield _build_gauge("case_claim_seconds", help_, ("severity", "quantile"), claim_times)


def _collect_delivery_metrics(snapshot: DatabaseSnapshot, now: datetime) -> Iterator[Metric]:
    labels = ("kind", "means", "state")
    yield _build_gauge(
        "deliveries_day", "Deliveries of the last day to one person each", labels, snapshot.delivery_counts.items()
    )
    seconds_late = _compute_age(snapshot.oldest_due_at, now)
    help_ = "Seconds by which the most delayed delivery is late"
    yield _build_gauge("delivery_oldest_due_seconds", help_, (), [((), seconds_late)])
    recent_sends = [(("taken",), snapshot.accepted_send_count), (("not_taken",), snapshot.refused_send_count)]
    help_ = "Deliveries of the last 15 minutes, by whether Twilio accepted them"
    yield _build_gauge("deliveries_lately", help_, ("outcome",), recent_sends)
    yield _build_gauge(
        "unknown_outcomes",
        "Deliveries of which it is unknown whether Twilio accepted them",
        (),
        [((), snapshot.unknown_send_count)],
    )
    codes = [((str(code),), count) for (code,), count in snapshot.twilio_code_counts.items()]
    yield _build_gauge("twilio_errors_day", "Deliveries of the last day with this Twilio error code", ("code",), codes)
    yield _build_gauge(
        "broadcast_recipients",
        "Recipients of announcements that are being sent",
        ("state",),
        snapshot.active_recipient_counts.items(),
    )


def _collect_other_metrics(snapshot: DatabaseSnapshot) -> Iterator[Metric]:
    opt_outs = [(("hour",), snapshot.opt_outs_last_hour), (("day",), snapshot.opt_outs_last_day)]
    yield _build_gauge("opt_outs", "Recent opt-outs", ("within",), opt_outs)
    yield _build_gauge(
        "facts_due",
        "Facts, policies, and partners with a review that is late or due soon",
        ("state",),
        _label_by_name(snapshot.fact_counts),
    )
    yield _build_gauge(
        "recordings_to_review",
        "Recordings without a review",
        (),
        [((), snapshot.unreviewed_recording_count)],
    )
    yield _build_gauge(
        "login_failures", "Failed logins that count toward a lock", (), [((), snapshot.login_failure_count)]
    )
    yield _build_gauge("logins_locked", "Accounts locked after failed logins", (), [((), snapshot.locked_login_count)])


def _label_by_name(counts: object) -> list[tuple[tuple[str, ...], float]]:
    return [((name,), value) for name, value in counts.items()]  # type: ignore[attr-defined]


def _build_gauge(
    name: str, help_: str, labels: tuple[str, ...], samples: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    metric = GaugeMetricFamily(f"puente_{name}", help_, labels=labels)
    for values, number in samples:
        metric.add_metric(values, float(number))
    return metric


def _build_counter(
    name: str, help_: str, labels: tuple[str, ...], samples: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    metric = CounterMetricFamily(f"puente_{name}", help_, labels=labels)
    for values, number in samples:
        metric.add_metric(values, float(number))
    return metric


def _compute_age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


def _find_quantile(ordered: list[float], quantile: float) -> float:
    return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))]
