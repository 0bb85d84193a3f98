"""No sender exceeds its rate, however many workers ask. The WhatsApp daily limit is respected."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from redis import Redis

from bot.announcements.sender_rate_limit import SenderTokenBucket
from bot.content.district import SendingRate


def test_concurrent_workers_respect_the_rate(clean_redis: Redis) -> None:
    bucket = SenderTokenBucket(clean_redis, "sms:test", SendingRate(per_second=100))

    def work(_: int) -> int:
        end, got = time.perf_counter() + 1.0, 0
        while time.perf_counter() < end:
            got += bucket.take_permits(64)
            time.sleep(0.005)
        return got

    started = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        got = sum(pool.map(work, range(4)))
    seconds = time.perf_counter() - started
    assert got <= 100 * seconds + 40, "what the bucket holds, and no more"
    assert got >= 60, "and it does let through"


def test_unused_permits_are_returned(clean_redis: Redis) -> None:
    bucket = SenderTokenBucket(clean_redis, "sms:test", SendingRate(per_second=50))
    bucket.take_permits(1)
    time.sleep(0.5)
    first = bucket.take_permits(20)
    bucket.return_permits(first)
    assert first > 0 and bucket.take_permits(20) >= first


def test_whatsapp_daily_limit_is_respected_and_can_be_unlimited(clean_redis: Redis) -> None:
    buckets = [SenderTokenBucket(clean_redis, "whatsapp:test", SendingRate(per_day=5)) for _ in range(2)]
    assert [buckets[number % 2].take_daily_permit() for number in range(7)] == [True] * 5 + [False] * 2
    assert SenderTokenBucket(clean_redis, "sms:test", SendingRate()).take_permits(64) == 64
    assert all(SenderTokenBucket(clean_redis, "sms:test", SendingRate()).take_daily_permit() for _ in range(9))


def test_whatsapp_daily_limit_uses_a_sliding_window(clean_redis: Redis) -> None:
    bucket = SenderTokenBucket(clean_redis, "whatsapp:test", SendingRate(per_day=2))
    with time_machine.travel("2026-11-30T12:00:00+00:00", tick=False) as clock:
        assert bucket.take_daily_permit()
        clock.shift(23 * 3600)
        assert [bucket.take_daily_permit() for _ in range(2)] == [True, False]
        clock.shift(3601)
        assert [bucket.take_daily_permit() for _ in range(2)] == [True, False], "the first one is a day ago"


def test_cooldown_grows_after_repeated_too_many_requests(clean_redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.announcements.sender_rate_limit.COOLDOWN_SECONDS", 0.1)
    bucket = SenderTokenBucket(clean_redis, "sms:test", SendingRate())
    bucket.start_cooldown()
    assert bucket.take_permits(10) == 0
    time.sleep(0.12)
    assert bucket.take_permits(10) == 10
    bucket.start_cooldown()
    assert clean_redis.pttl("puente:rest:sms:test") > 120
