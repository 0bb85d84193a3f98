"""An alarm reaches a person without Prometheus: once when it starts, and once when it is resolved."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from flask.testing import FlaskClient
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from bot.base.database import Database
from bot.base.settings import ROOT
from bot.content.library import Library
from bot.monitoring import alert_rules, notifier
from bot.monitoring.snapshot import DatabaseSnapshot, RedisSnapshot, SystemSnapshot
from bot.runtime import Runtime
from bot.web.console.oversight.health_page import ALARM_TEXTS
from bot.web.console.registration import issue_password
from tests.conftest import NOW
from tests.stand_in import TwilioStandIn
from tests.web.console.test_console import log_in
from tests.web.console.test_login import cheap_passwords

__all__ = ["cheap_passwords"]

THEO = "+12175550184"
AT = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
HEALTHY = SystemSnapshot(
    AT,
    DatabaseSnapshot({}, {}, {}, {}, None, 9, 0, 0, {}, 0, 0, 0, 0, 0, {}),
    RedisSnapshot({}, {}, {}, (AT,), AT, AT, False),
    0.5,
)


def find_alarm_names(figures: SystemSnapshot) -> list[str]:
    return [one.name for one in alert_rules.find_alarms(figures)]


def test_healthy_service_has_no_alarm() -> None:
    assert find_alarm_names(HEALTHY) == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"database": None}, "database_away"),
        ({"redis": None}, "redis_away"),
        ({"redis.worker_heartbeats": ()}, "worker_missing"),
        ({"redis.worker_heartbeats": (AT - timedelta(seconds=95),)}, "worker_missing"),
        ({"redis.scheduler_heartbeat": None}, "scheduler_missing"),
        ({"redis.web_seen_at": AT - timedelta(minutes=10)}, "web_missing"),
        ({"redis.missed_message_count": 1}, "messages_missed"),
        ({"redis.oldest_queued_at": {"urgent": AT - timedelta(seconds=130)}}, "queue_urgent"),
        ({"redis.oldest_queued_at": {"default": AT - timedelta(minutes=11)}}, "queue_default"),
        ({"redis.oldest_queued_at": {"bulk": AT - timedelta(minutes=61)}}, "queue_bulk"),
        ({"redis.is_translator_resting": True}, "translation_failing"),
        ({"database.refused_send_count": 10}, "twilio_failing"),
        ({"database.oldest_due_at": AT - timedelta(minutes=16)}, "deliveries_late"),
        ({"database.unknown_send_count": 20}, "unknown_outcomes"),
        (
            {"database.open_case_counts": {("escalate_now", False): (1, AT - timedelta(minutes=16))}},
            "unclaimed_escalate_now",
        ),
        (
            {"database.open_case_counts": {("escalate_day", False): (1, AT - timedelta(hours=25))}},
            "unclaimed_escalate_day",
        ),
        ({"database.opt_outs_last_hour": 20}, "opt_outs"),
        ({"database.fact_counts": {"expired": 1}}, "facts_expired"),
        ({"database.locked_login_count": 3}, "logins_locked"),
        ({"free_disk_ratio": 0.09}, "disk_full"),
        ({"encoder_problem": "the folder is missing"}, "encoder_failing"),
    ],
)
def test_each_rule_raises_its_alarm(change: dict[str, object], name: str) -> None:
    ((place, value),) = change.items()
    room, _, field = place.partition(".")
    changed = replace(getattr(HEALTHY, room), **{field: value}) if field else value
    assert find_alarm_names(replace(HEALTHY, **{room: changed})) == [name]


def test_values_within_limits_raise_no_alarm() -> None:
    assert HEALTHY.redis and HEALTHY.database
    oldest = {"urgent": AT - timedelta(seconds=119), "bulk": AT - timedelta(minutes=59)}
    claimed = {("escalate_now", True): (9, AT - timedelta(days=3)), ("follow_up", False): (9, AT - timedelta(days=3))}
    redis = replace(
        HEALTHY.redis, oldest_queued_at=oldest, worker_heartbeats=(AT - timedelta(seconds=80), AT - timedelta(days=1))
    )
    database = replace(
        HEALTHY.database, refused_send_count=8, opt_outs_last_hour=19, open_case_counts=claimed, unknown_send_count=19
    )
    assert find_alarm_names(replace(HEALTHY, redis=redis, database=database)) == []


def test_every_alarm_is_documented_everywhere() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    every = set(alert_rules.ALARM_NAMES)
    assert set(ALARM_TEXTS) == every
    assert set(notifier.ALARM_SMS_TEXTS) <= every
    for name in every:
        assert f"### {name}\n" in runbook, name


@pytest.fixture
def alive(runtime: Runtime) -> Iterator[Runtime]:
    """A worker and a scheduler with fresh heartbeats; the translator, the facts, and the disk are fine."""
    crons = runtime.redis
    worker = Worker([Queue("urgent", connection=crons, serializer=JSONSerializer)], connection=crons)
    worker.register_birth()
    yield runtime


def test_technical_contact_is_alerted_once_and_once_when_resolved(
    alive: Runtime, twilio: TwilioStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = {"now": replace(HEALTHY, redis=replace(HEALTHY.redis, worker_heartbeats=()))}  # type: ignore[type-var]
    monkeypatch.setattr(notifier, "take_snapshot", lambda _: figures["now"])

    def minute(number: float) -> list[str]:
        at = NOW + timedelta(minutes=number)
        figures["now"] = replace(figures["now"], taken_at=at)
        if figures["now"].redis and figures["now"].redis.scheduler_heartbeat:
            figures["now"] = replace(
                figures["now"], redis=replace(figures["now"].redis, scheduler_heartbeat=at, web_seen_at=at)
            )
        with time_machine.travel(at):
            notifier.check_alarms(alive)
        return [one.body for one in twilio.sent_to(THEO)]

    assert minute(0) == [] == minute(1), "a restart wakes nobody"
    (first,) = minute(2)
    assert "no worker runs" in first and "/console/well" in first and "Riverbend" in first
    assert minute(3) == minute(10) == [first], "once"
    well = figures["now"].redis
    assert well
    figures["now"] = replace(figures["now"], redis=replace(well, worker_heartbeats=(NOW + timedelta(days=1),)))
    assert minute(11) == [first], "it may come again"
    told = minute(16)
    assert len(told) == 2 and 'this alarm is over: "no worker runs' in told[1]
    assert minute(30) == told
    figures["now"] = replace(figures["now"], redis=replace(well, worker_heartbeats=()))
    minute(31)
    assert len(minute(34)) == 3, "another time is another alarm"


def test_alarm_resolved_before_any_alert_sends_nothing(
    alive: Runtime, twilio: TwilioStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for minute, disk in ((0, 0.01), (1, 0.5), (8, 0.5), (9, 0.01)):
        at = NOW + timedelta(minutes=minute)
        seen = replace(HEALTHY.redis, worker_heartbeats=(at,), scheduler_heartbeat=at, web_seen_at=at)  # type: ignore[type-var]
        figures = replace(HEALTHY, taken_at=at, redis=seen, free_disk_ratio=disk)
        monkeypatch.setattr(notifier, "take_snapshot", lambda _, figures=figures: figures)
        with time_machine.travel(at):
            notifier.check_alarms(alive)
    assert twilio.sent_to(THEO) == []


def test_unreachable_database_still_alerts(runtime: Runtime, twilio: TwilioStandIn, tmp_path: Path) -> None:
    away = replace(runtime, database=Database(f"sqlite:///{tmp_path}/no/such/folder.db", runtime.database.vault))
    for _ in range(2):
        notifier.check_alarms(away)
    assert twilio.sent_to(THEO) == []
    for _ in range(5):
        notifier.check_alarms(away)
    assert ["the database doesn't answer" in one.body for one in twilio.sent_to(THEO)] == [True]
    notifier.check_alarms(runtime)
    assert [one.body for one in twilio.sent_to(THEO) if "this alarm is over" in one.body]


def test_missing_database_and_redis_break_nothing(runtime: Runtime, tmp_path: Path) -> None:
    away = replace(
        runtime,
        database=Database(f"sqlite:///{tmp_path}/no/such/folder.db", runtime.database.vault),
        redis=Redis(port=9, retry=Retry(NoBackoff(), 0)),
    )
    assert {one.name for one in notifier.check_alarms(away)} >= {"database_away", "redis_away"}


def test_fallback_contact_is_alerted_when_none_is_named(runtime: Runtime, library: Library) -> None:
    nobody = replace(library, district=library.district.model_copy(update={"technical": None}))
    assert notifier.list_technical_contacts(replace(runtime, library=nobody)) == ("ana_ruiz",)
    assert notifier.list_technical_contacts(runtime) == ("theo_lang",)


def test_page_shows_problems_and_remedies(runtime: Runtime, client: FlaskClient) -> None:
    log_in(client, "theo", issue_password(runtime, "theo"))
    client.application.extensions.pop("puente_figures", None)
    page = client.get("/console/well").text
    assert "No worker is running" in page and "Restart the worker process." in page
    assert "If something fails, Theo Lang gets a text" in page
    assert "runbook.md#worker_missing" in page
