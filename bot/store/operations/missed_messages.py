"""How far Twilio's list was looked through for messages that never reached us; which ones there were; in Redis.

What Redis has lost is not guessed: with a new one the search begins anew, at that moment.
"""

from datetime import UTC, datetime, timedelta
from typing import cast

from redis import Redis

CHECKED_UNTIL_KEY, MISSED_MESSAGES_KEY, IN_PROGRESS_KEY = (
    "puente:missed:looked",
    "puente:missed:found",
    "puente:missed:begun",
)
MISSED_MESSAGES_RETENTION = timedelta(days=1)


def start_search(redis: Redis, at: datetime) -> datetime:
    """Up to where it was looked; `at`, and from now on, if it never was."""
    redis.set(CHECKED_UNTIL_KEY, at.timestamp(), nx=True)
    return get_checked_until(redis) or at


def get_checked_until(redis: Redis) -> datetime | None:
    """Up to where it was looked; None: never yet."""
    found = cast(bytes | None, redis.get(CHECKED_UNTIL_KEY))
    return datetime.fromtimestamp(float(found), UTC) if found else None


def set_checked_until(redis: Redis, until: datetime) -> None:
    """Everything up to there has been answered."""
    redis.set(CHECKED_UNTIL_KEY, until.timestamp())


def record(redis: Redis, message_sid: str, at: datetime) -> None:
    """One more that had not reached us."""
    redis.zadd(MISSED_MESSAGES_KEY, {message_sid: at.timestamp()})
    redis.zremrangebyscore(MISSED_MESSAGES_KEY, "-inf", (at - MISSED_MESSAGES_RETENTION).timestamp())
    redis.expire(MISSED_MESSAGES_KEY, MISSED_MESSAGES_RETENTION)


def mark_in_progress(redis: Redis, message_sid: str) -> None:
    """This one is being answered: until `end_one` it is not done, whoever is killed meanwhile."""
    redis.sadd(IN_PROGRESS_KEY, message_sid)
    redis.expire(IN_PROGRESS_KEY, MISSED_MESSAGES_RETENTION)


def clear_in_progress(redis: Redis, message_sid: str) -> None:
    """Its reply is on the way, or there is none."""
    redis.srem(IN_PROGRESS_KEY, message_sid)


def list_in_progress(redis: Redis) -> frozenset[str]:
    """Those that somebody began to answer and did not end."""
    return frozenset(one.decode() for one in cast(set[bytes], redis.smembers(IN_PROGRESS_KEY)))


def count_since(redis: Redis, since: datetime) -> int:
    """How many were found since then."""
    return int(redis.zcount(MISSED_MESSAGES_KEY, since.timestamp(), "+inf"))
