"""`bot doctor` finds what is wrong in a broken deployment and names the remedy."""

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


def find_failures(runtime: Runtime, *absent: str) -> dict[str, Finding]:
    """Return the failed checks by part; each has a remedy."""
    found = {one.part: one for one in examine(runtime, list(absent)) if not one.is_well}
    assert all(one.remedy for one in found.values())
    return found


def test_healthy_installation_passes(runtime: Runtime, twilio: TwilioStandIn) -> None:
    set_up(twilio)
    with time_machine.travel(datetime.fromtimestamp(int(runtime.redis.time()[0]), UTC)):
        assert set(find_failures(runtime)) <= {"facts"}  # the real date may be after a fact's review date


def test_missing_part_is_named_with_its_remedy(runtime: Runtime) -> None:
    found = find_failures(runtime, "database", "redis", "worker", "scheduler")
    assert list(found)[:4] == ["database", "redis", "worker", "scheduler"]
    assert "worker.py" in found["worker"].remedy


def test_pending_migrations_are_reported(runtime: Runtime) -> None:
    with runtime.database.write() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '0011'"))
    assert "alembic upgrade head" in find_failures(runtime)["migrations"].remedy


def test_database_newer_than_the_program_is_reported(runtime: Runtime) -> None:
    with runtime.database.write() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert "newer than this program" in find_failures(runtime)["migrations"].remedy


@pytest.mark.sqlite
def test_read_only_database_is_reported(runtime: Runtime) -> None:
    url = runtime.settings.database_url.replace("sqlite:///", "sqlite:///file:") + "?mode=ro&uri=true"
    replica = replace(runtime, database=Database(url, runtime.database.vault))
    found = find_failures(replica)
    assert "read-only replica" in found["database, writing"].remedy and "migrations" not in found


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("maxmemory", "1", "OutOfMemoryError"),
        ("maxmemory-policy", "allkeys-lru", "maxmemory-policy is allkeys-lru"),
        ("min-replicas-to-write", "1", "ResponseError"),
    ],
)
def test_redis_that_rejects_or_evicts_data_is_reported(name: str, value: str, message: str, runtime: Runtime) -> None:
    before = runtime.redis.config_get(name)[name]
    runtime.redis.config_set(name, value)
    try:
        assert message in find_failures(runtime)["redis, writing"].observation
    finally:
        runtime.redis.config_set(name, before)


def test_redis_without_persistence_passes_with_advice(runtime: Runtime) -> None:
    runtime.redis.config_set("appendonly", "no")
    try:
        advice = {one.part: one.remedy for one in examine(runtime, [])}["redis, writing"]
    finally:
        runtime.redis.config_set("appendonly", "yes")
    assert "appendonly" in advice


def test_wrong_data_key_is_reported(runtime: Runtime, family: Family) -> None:
    family.text("hello")
    family.text("1")
    other = Database(runtime.settings.database_url, Vault(["another key that is long enough, but not the one"]))
    assert "Restore the key" in find_failures(replace(runtime, database=other))["DATA_KEY"].remedy


def test_unconfigured_proxy_is_reported(runtime: Runtime) -> None:
    for proxies, environment, well in ((0, "production", False), (1, "production", True), (0, "development", True)):
        settings = runtime.settings.model_copy(update={"environment": environment, "trusted_proxies": proxies})
        assert ("TRUSTED_PROXIES" not in find_failures(replace(runtime, settings=settings))) is well


def test_wrong_clock_is_reported(runtime: Runtime) -> None:
    with time_machine.travel(now() + timedelta(days=900)):
        assert "NTP" in find_failures(runtime)["clock"].remedy


def test_waiting_jobs_without_worker_are_reported(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(checks.MAX_QUEUE_LENGTHS, "urgent", 0)
    runtime.redis.rpush("rq:queue:urgent", "a job")
    assert "urgent: 1 wait" in find_failures(runtime)["queues"].observation


def test_address_unreachable_for_twilio_is_reported(runtime: Runtime) -> None:
    for url in ("http://puente.test", "https://localhost"):
        given = runtime.settings.model_copy(update={"public_url": url})
        fresh = replace(runtime, settings=given)
        assert "PUBLIC_URL" in find_failures(fresh)["PUBLIC_URL"].remedy


def test_short_code_without_calls_and_wrong_token_are_reported(runtime: Runtime, twilio: TwilioStandIn) -> None:
    given = runtime.settings.model_copy(update={"twilio_sms_from": "55501"})
    assert "cannot call" in find_failures(replace(runtime, settings=given))["sender"].remedy
    given = runtime.settings.model_copy(update={"twilio_auth_token": "not the token"})
    assert "TWILIO_AUTH_TOKEN" in find_failures(replace(runtime, settings=given))["Twilio"].remedy


def test_nearly_full_disk_is_reported(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MIN_FREE_DISK_BYTES", 2**80)
    assert "Free space" in find_failures(runtime)["disk"].remedy


def test_facts_past_review_are_reported(runtime: Runtime) -> None:
    with time_machine.travel(now() + timedelta(days=900)):
        assert "past review" in find_failures(runtime)["facts"].observation
