"""What each process counts for Prometheus by itself: webhooks, messages that came, databases that were away.

All else is read from the database and Redis when somebody asks (`bot/monitoring/snapshot.py`), because those know it
for the whole deployment and after every restart.  Labels take few values, and none of a family.

Several web processes of one gunicorn write into one folder (prometheus_client's multiprocess mode), so that whichever
is asked answers for all; the folder is named in the environment before prometheus_client is imported
(`bot/base/metrics_dir.py`).
What happens in workers is counted in Redis (`count`), since a work-horse lives for one job.
"""

import logging
from collections.abc import Mapping
from typing import Any

from prometheus_client import Counter, Histogram
from redis import Redis, RedisError

COUNTS_KEY = "puente:counts"
"""A hash in Redis: `name|label` → how often."""

WEBHOOK_SECONDS = Histogram(
    "puente_webhook_seconds",
    "Time until Twilio had its answer (it waits 15 s), by webhook and by what became of it",
    ("webhook", "result"),
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)
MESSAGES_IN = Counter("puente_messages_in", "Messages that came in, by channel", ("channel",))
STORE_ERRORS = Counter("puente_store_errors", "Messages for which Redis or the database was away", ("store",))

RESULT_BY_STATUS_CLASS = {2: "ok", 4: "refused", 5: "failed"}
log = logging.getLogger(__name__)


def record_webhook(name: str, status: int, seconds: float) -> None:
    """One request of Twilio's was answered so, after this time."""
    WEBHOOK_SECONDS.labels(name, RESULT_BY_STATUS_CLASS.get(status // 100, "ok")).observe(seconds)


def increment_count(redis: Redis, name: str, label: str = "", amount: int = 1) -> None:
    """Count something of the whole deployment; not while Redis is away."""
    if amount:
        try:
            redis.hincrby(COUNTS_KEY, f"{name}|{label}", amount)
        except RedisError as error:
            log.warning("not counted: kind=%s reason=%s", name, type(error).__name__)


def load_counts(redis: Redis) -> Mapping[tuple[str, str], int]:
    """(name, label) → how often, since Redis began; raises `RedisError`."""
    raw_counts: Any = redis.hgetall(COUNTS_KEY)
    return {_parse_count_key(key): int(amount) for key, amount in raw_counts.items()}


def _parse_count_key(key: bytes) -> tuple[str, str]:
    name, _, label = key.decode().partition("|")
    return name, label
