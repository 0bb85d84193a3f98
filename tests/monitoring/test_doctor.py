"""`bot doctor` finds what is wrong in a broken deployment, and says what to do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import text

from bot.base.database import Database, now
from bot.base.encryption import Vault
from bot.monitoring.doctor import Finding, checks, examine
from bot.runtime import Runtime
from tests.conftest import Family
from tests.monitoring.test_twilio_checks import set_up
from tests.stand_in import TwilioStandIn


def wrong(services: Runtime, *absent: str) -> dict[str, Finding]:
    """What is not well, by part; each with a remedy."""
    found = {one.part: one for one in examine(services, list(absent)) if not one.is_well}
    assert all(one.remedy for one in found.values())
    return found


def test_healthy_installation_passes(services: Runtime, twilio: TwilioStandIn) -> None:
    set_up(twilio)
    with time_machine.travel(datetime.fromtimestamp(int(services.redis.time()[0]), UTC)):
        assert set(wrong(services)) <= {"facts"}  # the true day may be past a fact's review


def test_missing_part_is_named_with_its_remedy(services: Runtime) -> None:
    found = wrong(services, "database", "redis", "worker", "scheduler")
    assert list(found)[:4] == ["database", "redis", "worker", "scheduler"]
    assert "worker.py" in found["worker"].remedy


def test_pending_migrations_are_reported(services: Runtime) -> None:
    with services.database.write() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '0011'"))
    assert "alembic upgrade head" in wrong(services)["migrations"].remedy


def test_database_newer_than_the_program_is_reported(services: Runtime) -> None:
    with services.database.write() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert "newer than this program" in wrong(services)["migrations"].remedy


@pytest.mark.sqlite
def test_read_only_database_is_reported(services: Runtime) -> None:
    url = services.settings.database_url.replace("sqlite:///", "sqlite:///file:") + "?mode=ro&uri=true"
    replica = replace(services, database=Database(url, services.database.vault))
    found = wrong(replica)
    assert "read-only replica" in found["database, writing"].remedy and "migrations" not in found


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("maxmemory", "1", "OutOfMemoryError"),
        ("maxmemory-policy", "allkeys-lru", "maxmemory-policy is allkeys-lru"),
        ("min-replicas-to-write", "1", "ResponseError"),
    ],
)
def test_redis_that_rejects_or_evicts_data_is_reported(name: str, value: str, told: str, services: Runtime) -> None:
    before = services.redis.config_get(name)[name]
    services.redis.config_set(name, value)
    try:
        assert told in wrong(services)["redis, writing"].observation
    finally:
        services.redis.config_set(name, before)


def test_redis_without_persistence_passes_with_advice(services: Runtime) -> None:
    services.redis.config_set("appendonly", "no")
    try:
        advice = {one.part: one.remedy for one in examine(services, [])}["redis, writing"]
    finally:
        services.redis.config_set("appendonly", "yes")
    assert "appendonly" in advice


def test_wrong_data_key_is_reported(services: Runtime, family: Family) -> None:
    family.text("hello")
    family.text("1")
    other = Database(services.settings.database_url, Vault(["another key that is long enough, but not the one"]))
    assert "Restore the key" in wrong(replace(services, database=other))["DATA_KEY"].remedy


def test_unconfigured_proxy_is_reported(services: Runtime) -> None:
    for proxies, environment, well in ((0, "production", False), (1, "production", True), (0, "development", True)):
        settings = services.settings.model_copy(update={"environment": environment, "trusted_proxies": proxies})
        assert ("TRUSTED_PROXIES" not in wrong(replace(services, settings=settings))) is well


def test_wrong_clock_is_reported(services: Runtime) -> None:
    with time_machine.travel(now() + timedelta(days=900)):
        assert "NTP" in wrong(services)["clock"].remedy


def test_waiting_jobs_without_worker_are_reported(services: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(checks.MAX_QUEUE_LENGTHS, "urgent", 0)
    services.redis.rpush("rq:queue:urgent", "a job")
    assert "urgent: 1 wait" in wrong(services)["queues"].observation


def test_address_unreachable_for_twilio_is_reported(services: Runtime) -> None:
    for url in ("http://puente.test", "https://localhost"):
        given = services.settings.model_copy(update={"public_url": url})
        fresh = replace(services, settings=given)
        assert "PUBLIC_URL" in wrong(fresh)["PUBLIC_URL"].remedy


def test_short_code_without_calls_and_wrong_token_are_reported(services: Runtime, twilio: TwilioStandIn) -> None:
    given = services.settings.model_copy(update={"twilio_sms_from": "55501"})
    assert "cannot call" in wrong(replace(services, settings=given))["sender"].remedy
    given = services.settings.model_copy(update={"twilio_auth_token": "not the token"})
    assert "TWILIO_AUTH_TOKEN" in wrong(replace(services, settings=given))["Twilio"].remedy


def test_nearly_full_disk_is_reported(services: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MIN_FREE_DISK_BYTES", 2**80)
    assert "Free space" in wrong(services)["disk"].remedy


def test_facts_past_review_are_reported(services: Runtime) -> None:
    with time_machine.travel(now() + timedelta(days=900)):
        assert "past review" in wrong(services)["facts"].observation
