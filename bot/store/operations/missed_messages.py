"""Progress of the search for messages that Twilio received but that never reached Puente, in Redis.

If Redis loses these values, the search starts again at the current time and doesn't guess what was missed.
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


def start_search(redis: Redis, now: datetime) -> datetime:
    """Return the time up to which messages were checked. If there is none, set it to `now`."""
    redis.set(CHECKED_UNTIL_KEY, now.timestamp(), nx=True)
    return get_checked_until(redis) or now


def get_checked_until(redis: Redis) -> datetime | None:
    """Return the time up to which messages were checked, or None before the first search."""
    timestamp = cast(bytes | None, redis.get(CHECKED_UNTIL_KEY))
    return datetime.fromtimestamp(float(timestamp), UTC) if timestamp else None


def set_checked_until(redis: Redis, until: datetime) -> None:
    """Record that every message up to this time has been answered."""
    redis.set(CHECKED_UNTIL_KEY, until.timestamp())


def record(redis: Redis, message_sid: str, now: datetime) -> None:
    """Record one missed message."""
    redis.zadd(MISSED_MESSAGES_KEY, {message_sid: now.timestamp()})
    redis.zremrangebyscore(MISSED_MESSAGES_KEY, "-inf", (now - MISSED_MESSAGES_RETENTION).timestamp())
    redis.expire(MISSED_MESSAGES_KEY, MISSED_MESSAGES_RETENTION)


def mark_in_progress(redis: Redis, message_sid: str) -> None:
    """Mark a message as being answered. If the process stops, the mark stays until `clear_in_progress`."""
    redis.sadd(IN_PROGRESS_KEY, message_sid)
    redis.expire(IN_PROGRESS_KEY, MISSED_MESSAGES_RETENTION)


def clear_in_progress(redis: Redis, message_sid: str) -> None:
    """Remove the mark when the reply is planned or no reply is needed."""
    redis.srem(IN_PROGRESS_KEY, message_sid)


def list_in_progress(redis: Redis) -> frozenset[str]:
    """Return the SIDs of messages that a process started to answer and didn't finish."""
    return frozenset(message_sid.decode() for message_sid in cast(set[bytes], redis.smembers(IN_PROGRESS_KEY)))


def count_since(redis: Redis, since: datetime) -> int:
    """Return how many missed messages were found since this time."""
    return int(redis.zcount(MISSED_MESSAGES_KEY, since.timestamp(), "+inf"))
