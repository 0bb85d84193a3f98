"""Tokens of erased families in Redis, so that families that a restored backup brings back can be erased again.

A database backup doesn't include Redis. A token (`erasure_log.compute_token`) identifies a family only together with
the restored row of that family.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast

from redis import Redis

ERASED_TOKENS_KEY = "puente:erased"
ERASURE_LIST_RETENTION = timedelta(days=366)
"""As long as the rows of `erasures`, and longer than any backup may be kept."""


def add(redis: Redis, tokens: Mapping[str, datetime]) -> None:
    """Add the tokens of erased families, with the times of the erasures. Adding a token again changes nothing."""
    if tokens:
        redis.zadd(ERASED_TOKENS_KEY, {token: at.timestamp() for token, at in tokens.items()})


def list_tokens(redis: Redis, now: datetime) -> list[str]:
    """Return the tokens of the families that were erased within a year, and delete older ones."""
    redis.zremrangebyscore(ERASED_TOKENS_KEY, "-inf", (now - ERASURE_LIST_RETENTION).timestamp())
    return [token.decode() for token in cast(list[bytes], redis.zrange(ERASED_TOKENS_KEY, 0, -1))]


def flush_everything_else(redis: Redis) -> None:
    """Delete everything in Redis except the tokens: after a restore, it is newer than the database."""
    tokens = cast(list[tuple[bytes, float]], redis.zrange(ERASED_TOKENS_KEY, 0, -1, withscores=True))
    pipe = redis.pipeline()
    pipe.flushdb()
    if tokens:
        pipe.zadd(ERASED_TOKENS_KEY, dict(tokens))
    pipe.execute()
