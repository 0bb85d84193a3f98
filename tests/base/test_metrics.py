"""Prometheus metrics: they need the token, are correct, contain no family data, and use the names in deploy/."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq.job import Job
from rq.serializers import JSONSerializer

from bot.base import metrics, metrics_dir
from bot.base.database import now
from bot.base.queues import enqueue
from bot.base.settings import SettingsError, load_settings
from bot.monitoring.alert_rules import ALARM_NAMES
from bot.monitoring.snapshot import take_snapshot
from bot.runtime import Runtime
from bot.store.cases import deliveries
from bot.store.operations import line_metrics
from bot.translation import TranslationError
from tests.conftest import Family

TOKEN = "t" * 24


@pytest.fixture
def read_metrics(runtime: Runtime, client: FlaskClient) -> "MetricsReader":
    runtime.settings.__dict__["metrics_token"] = TOKEN
    return MetricsReader(client)


class MetricsReader:
    """Return a function that reads the metrics as Prometheus does."""

    def __init__(self, client: FlaskClient) -> None:
        self.client, self.text = client, ""

    def __call__(self) -> dict[tuple[str, ...], float]:
        """Read (name, label values …) → value again."""
        self.client.application.extensions.pop("puente_figures", None)
        answer = self.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        self.text = answer.text
        families = text_string_to_metric_families(answer.text)
        return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_metrics_require_the_token(runtime: Runtime, client: FlaskClient) -> None:
    assert client.get("/metrics").status_code == 404, "not there without a token"
    runtime.settings.__dict__["metrics_token"] = TOKEN
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": TOKEN[:-1]},
        {"Authorization": "Bearer é"},
    ):
        assert client.get("/metrics", headers=headers).status_code == 401
    assert client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    with pytest.raises(SettingsError, match="METRICS_TOKEN"):
        load_settings(metrics_token="short")


def test_events_are_counted(read_metrics: MetricsReader, family: Family, runtime: Runtime) -> None:
    before = read_metrics()
    family.text("ICE is at my door right now, I am Quillonette")
    family.text("yes, the children are inside")
    family.text("STOP")
    metrics.increment_count(runtime.redis, "translation_failures", TranslationError("busy").reason)
    found = read_metrics()
    channel = "whatsapp" if family.address.startswith("whatsapp") else "sms"
    new = ("puente_messages_in_total", channel)
    assert found[new] - before.get(new, 0) == 3
    done = ("puente_webhook_seconds_count", "ok", "messages")
    assert found[done] - before.get(done, 0) == 3
    assert found["puente_cases_unclaimed", "escalate_now"] == found["puente_cases_open", "escalate_now"] == 1
    assert found["puente_opt_outs", "hour"] == 1
    assert found["puente_translation_failures_total", "busy"] == 1
    assert found["puente_queue_jobs", "urgent"] >= 1
    assert found["puente_up", "database"] == found["puente_up", "redis"] == 1
    assert "Quillonette" not in read_metrics.text and family.address.removeprefix("whatsapp:") not in read_metrics.text


def test_queue_age_and_delivery_age_are_reported(read_metrics: MetricsReader, runtime: Runtime) -> None:
    enqueue(runtime.redis, "default", "bot.jobs.deliver_message", "x")
    key = next(iter(runtime.redis.lrange("rq:queue:default", 0, 0))).decode()
    job = Job.fetch(key, connection=runtime.redis, serializer=JSONSerializer)
    job.enqueued_at = now() - timedelta(minutes=20)
    job.save()
    with runtime.database.write() as db:
        deliveries.plan_reminder(db, "ana_ruiz", "x", now() - timedelta(minutes=30))
        deliveries.plan_reminder(db, "ana_ruiz", "x", now() + timedelta(hours=3))
    found = read_metrics()
    assert 1190 < found["puente_queue_oldest_seconds", "default"] < 1260
    assert 1790 < found["puente_delivery_oldest_due_seconds",] < 1860
    assert found["puente_alarm", "queue_default"] == found["puente_alarm", "deliveries_late"] == 1
    assert found["puente_alarm", "queue_bulk"] == 0
    assert {key[1] for key in found if key[0] == "puente_alarm"} == set(ALARM_NAMES)


def test_twilio_error_codes_and_rejections_are_counted(runtime: Runtime) -> None:
    at = now()
    with runtime.database.write() as db:
        ids = [deliveries.plan_reminder(db, "ana_ruiz", "x", at) for _ in range(6)]
        for one in ids:
            assert deliveries.claim(db, one, at)
        for one in ids[:4]:
            deliveries.release_claim(db, one, "waiting", at + timedelta(minutes=1), 20429)
        deliveries.advance(db, ids[4], "queued", "SM1")
        deliveries.advance(db, ids[5], "failed", error_code=21211)
    with runtime.database.read() as db:
        assert line_metrics.count_twilio_codes(db, at) == {(20429,): 4, (21211,): 1}
        assert line_metrics.send_attempt_counts(db, at, timedelta(minutes=15)) == (1, 4)


def test_snapshot_is_cached_for_some_seconds(read_metrics: MetricsReader, family: Family, client: FlaskClient) -> None:
    read_metrics()
    family.text("ICE is at my door right now")
    again = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    assert 'puente_cases_open{severity="escalate_now"}' not in again
    assert read_metrics()["puente_cases_open", "escalate_now"] == 1


def test_other_metrics_work_without_redis(
    read_metrics: MetricsReader, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Redis(port=9, retry=Retry(NoBackoff(), 0))
    monkeypatch.setitem(runtime.__dict__, "redis", gone)
    found = read_metrics()
    assert found["puente_up", "redis"] == 0 and found["puente_alarm", "redis_away"] == 1
    assert "puente_unknown_outcomes" in {key[0] for key in found}
    assert take_snapshot(runtime).redis is None


def test_web_processes_of_one_gunicorn_share_a_metrics_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(metrics_dir.MULTIPROCESS_DIR_VARIABLE, raising=False)
    (tmp_path / "metrics" / "4194999").mkdir(parents=True)  # belongs to a parent that no longer runs
    metrics_dir.prepare_metrics_dir(tmp_path)
    assert [one.name for one in (tmp_path / "metrics").iterdir()] == [str(os.getpid())]
    monkeypatch.delenv(metrics_dir.MULTIPROCESS_DIR_VARIABLE)
    monkeypatch.setenv("VAR_DIR", "/proc/nowhere")
    metrics_dir.prepare_metrics_dir(Path("/proc/nowhere"))
    assert metrics_dir.MULTIPROCESS_DIR_VARIABLE not in os.environ
