"""What Prometheus gets: for the token alone, right, nothing of a family, and the same names as the files in deploy/."""

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
def asked(services: Runtime, client: FlaskClient) -> "Asked":
    services.settings.__dict__["metrics_token"] = TOKEN
    return Asked(client)


class Asked:
    """Prometheus."""

    def __init__(self, client: FlaskClient) -> None:
        self.client, self.text = client, ""

    def __call__(self) -> dict[tuple[str, ...], float]:
        """(name, label values …) → value, read anew."""
        self.client.application.extensions.pop("puente_figures", None)
        answer = self.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        self.text = answer.text
        families = text_string_to_metric_families(answer.text)
        return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_metrics_require_the_token(services: Runtime, client: FlaskClient) -> None:
    assert client.get("/metrics").status_code == 404, "not there without a token"
    services.settings.__dict__["metrics_token"] = TOKEN
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


def test_events_are_counted(asked: Asked, family: Family, services: Runtime) -> None:
    before = asked()
    family.text("ICE is at my door right now, I am Quillonette")
    family.text("yes, the children are inside")
    family.text("STOP")
    metrics.increment_count(services.redis, "translation_failures", TranslationError("busy").reason)
    found = asked()
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
    assert "Quillonette" not in asked.text and family.address.removeprefix("whatsapp:") not in asked.text


def test_queue_age_and_delivery_age_are_reported(asked: Asked, services: Runtime) -> None:
    enqueue(services.redis, "default", "bot.jobs.deliver_message", "x")
    key = next(iter(services.redis.lrange("rq:queue:default", 0, 0))).decode()
    job = Job.fetch(key, connection=services.redis, serializer=JSONSerializer)
    job.enqueued_at = now() - timedelta(minutes=20)
    job.save()
    with services.database.write() as db:
        deliveries.plan_reminder(db, "ana_ruiz", "x", now() - timedelta(minutes=30))
        deliveries.plan_reminder(db, "ana_ruiz", "x", now() + timedelta(hours=3))
    found = asked()
    assert 1190 < found["puente_queue_oldest_seconds", "default"] < 1260
    assert 1790 < found["puente_delivery_oldest_due_seconds",] < 1860
    assert found["puente_alarm", "queue_default"] == found["puente_alarm", "deliveries_late"] == 1
    assert found["puente_alarm", "queue_bulk"] == 0
    assert {key[1] for key in found if key[0] == "puente_alarm"} == set(ALARM_NAMES)


def test_twilio_error_codes_and_rejections_are_counted(services: Runtime) -> None:
    at = now()
    with services.database.write() as db:
        ids = [deliveries.plan_reminder(db, "ana_ruiz", "x", at) for _ in range(6)]
        for one in ids:
            assert deliveries.claim(db, one, at)
        for one in ids[:4]:
            deliveries.release_claim(db, one, "waiting", at + timedelta(minutes=1), 20429)
        deliveries.advance(db, ids[4], "queued", "SM1")
        deliveries.advance(db, ids[5], "failed", error_code=21211)
    with services.database.read() as db:
        assert line_metrics.count_twilio_codes(db, at) == {(20429,): 4, (21211,): 1}
        assert line_metrics.send_attempt_counts(db, at, timedelta(minutes=15)) == (1, 4)


def test_snapshot_is_cached_for_some_seconds(asked: Asked, family: Family, client: FlaskClient) -> None:
    asked()
    family.text("ICE is at my door right now")
    again = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    assert 'puente_cases_open{severity="escalate_now"}' not in again
    assert asked()["puente_cases_open", "escalate_now"] == 1


def test_other_metrics_work_without_redis(asked: Asked, services: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Redis(port=9, retry=Retry(NoBackoff(), 0))
    monkeypatch.setitem(services.__dict__, "redis", gone)
    found = asked()
    assert found["puente_up", "redis"] == 0 and found["puente_alarm", "redis_away"] == 1
    assert "puente_unknown_outcomes" in {key[0] for key in found}
    assert take_snapshot(services).redis is None


def test_web_processes_of_one_gunicorn_share_a_metrics_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(metrics_dir.MULTIPROCESS_DIR_VARIABLE, raising=False)
    (tmp_path / "metrics" / "4194999").mkdir(parents=True)  # of a parent that is gone
    metrics_dir.prepare_metrics_dir(tmp_path)
    assert [one.name for one in (tmp_path / "metrics").iterdir()] == [str(os.getpid())]
    monkeypatch.delenv(metrics_dir.MULTIPROCESS_DIR_VARIABLE)
    monkeypatch.setenv("VAR_DIR", "/proc/nowhere")
    metrics_dir.prepare_metrics_dir(Path("/proc/nowhere"))
    assert metrics_dir.MULTIPROCESS_DIR_VARIABLE not in os.environ
