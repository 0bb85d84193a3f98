"""Who was erased, once more in Redis: a backup of the database brings families back, and Redis does not come with it.

By tokens (`erasures.token_of`) that lead to nobody without the row that they are about.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast

from redis import Redis

ERASED_TOKENS_KEY = "puente:erased"
ERASURE_LIST_RETENTION = timedelta(days=366)
"""As long as the rows of `erasures`, and longer than any backup should live."""


def add(redis: Redis, tokens: Mapping[str, datetime]) -> None:
    """Note that these were erased; any number of times."""
    if tokens:
        redis.zadd(ERASED_TOKENS_KEY, {token: at.timestamp() for token, at in tokens.items()})


def list_tokens(redis: Redis, at: datetime) -> list[str]:
    """The tokens of all who were erased within a year; older ones are forgotten."""
    redis.zremrangebyscore(ERASED_TOKENS_KEY, "-inf", (at - ERASURE_LIST_RETENTION).timestamp())
    return [one.decode() for one in cast(list[bytes], redis.zrange(ERASED_TOKENS_KEY, 0, -1))]


def flush_everything_else(redis: Redis) -> None:
    """Empty the whole of Redis but for this: after a restore its conversations and jobs are newer than the database."""
    tokens = cast(list[tuple[bytes, float]], redis.zrange(ERASED_TOKENS_KEY, 0, -1, withscores=True))
    pipe = redis.pipeline()
    pipe.flushdb()
    if tokens:
        pipe.zadd(ERASED_TOKENS_KEY, dict(tokens))
    pipe.execute()
