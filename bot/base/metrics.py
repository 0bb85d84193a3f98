"""Count events for Prometheus in each process: webhooks, inbound messages, and store failures.

A scrape reads all other numbers from the database and Redis (`bot/monitoring/snapshot.py`), which cover the whole
deployment and survive a restart. Labels have few values and contain no family data.

The web processes of one gunicorn write to one folder (prometheus_client's multiprocess mode), so that each of them can
answer for all. `bot/base/metrics_dir.py` names the folder in the environment before prometheus_client is imported.
Workers count in Redis (`increment_count`), since an RQ work-horse runs only one job.
"""

import logging
from collections.abc import Mapping
from typing import Any

from prometheus_client import Counter, Histogram
from redis import Redis, RedisError

COUNTS_KEY = "puente:counts"
"""A hash in Redis that maps `name|label` to a count."""

WEBHOOK_SECONDS = Histogram(
    "puente_webhook_seconds",
    "Seconds until Twilio got its response (it waits 15), by webhook and result",
    ("webhook", "result"),
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)
MESSAGES_IN = Counter("puente_messages_in", "Inbound messages, by channel", ("channel",))
PAGE_DECISIONS = Counter(
    "puente_page_decisions", "Messages that paged staff (now), got a question first (ask), or neither (no)", ("page",)
)
STORE_ERRORS = Counter("puente_store_errors", "Messages for which Redis or the database was unavailable", ("store",))

RESULT_BY_STATUS_CLASS = {2: "ok", 4: "refused", 5: "failed"}
log = logging.getLogger(__name__)


def record_webhook(name: str, status: int, seconds: float) -> None:
    """Record the status and the duration of one Twilio request."""
    WEBHOOK_SECONDS.labels(name, RESULT_BY_STATUS_CLASS.get(status // 100, "ok")).observe(seconds)


def increment_count(redis: Redis, name: str, label: str = "", amount: int = 1) -> None:
    """Add to a count of the whole deployment. While Redis is unavailable, nothing is counted."""
    if amount:
        try:
            redis.hincrby(COUNTS_KEY, f"{name}|{label}", amount)
        except RedisError as error:
            log.warning("not counted: kind=%s reason=%s", name, type(error).__name__)


def load_counts(redis: Redis) -> Mapping[tuple[str, str], int]:
    """Return the counts since Redis started, by (name, label). Raises `RedisError`."""
    raw_counts: Any = redis.hgetall(COUNTS_KEY)
    return {_parse_count_key(key): int(amount) for key, amount in raw_counts.items()}


def _parse_count_key(key: bytes) -> tuple[str, str]:
    name, _, label = key.decode().partition("|")
    return name, label
