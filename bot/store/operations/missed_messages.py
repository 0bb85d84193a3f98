"""How far Twilio's list was looked through for messages that never reached us; which ones there were; in Redis.

What Redis has lost is not guessed: with a new one the search begins anew, at that moment.
"""

from datetime import UTC, datetime, timedelta
from typing import cast

from redis import Redis

LOOKED, FOUND, BEGUN = "puente:missed:looked", "puente:missed:found", "puente:missed:begun"
KEPT = timedelta(days=1)


def begin(redis: Redis, at: datetime) -> datetime:
    """Up to where it was looked; `at`, and from now on, if it never was."""
    redis.set(LOOKED, at.timestamp(), nx=True)
    return looked(redis) or at


def looked(redis: Redis) -> datetime | None:
    """Up to where it was looked; None: never yet."""
    found = cast(bytes | None, redis.get(LOOKED))
    return datetime.fromtimestamp(float(found), UTC) if found else None


def note(redis: Redis, until: datetime) -> None:
    """Everything up to there has been answered."""
    redis.set(LOOKED, until.timestamp())


def found(redis: Redis, message_sid: str, at: datetime) -> None:
    """One more that had not reached us."""
    redis.zadd(FOUND, {message_sid: at.timestamp()})
    redis.zremrangebyscore(FOUND, "-inf", (at - KEPT).timestamp())
    redis.expire(FOUND, KEPT)


def begin_one(redis: Redis, message_sid: str) -> None:
    """This one is being answered: until `end_one` it is not done, whoever is killed meanwhile."""
    redis.sadd(BEGUN, message_sid)
    redis.expire(BEGUN, KEPT)


def end_one(redis: Redis, message_sid: str) -> None:
    """Its reply is on the way, or there is none."""
    redis.srem(BEGUN, message_sid)


def begun(redis: Redis) -> frozenset[str]:
    """Those that somebody began to answer and did not end."""
    return frozenset(one.decode() for one in cast(set[bytes], redis.smembers(BEGUN)))


def count(redis: Redis, since: datetime) -> int:
    """How many were found since then."""
    return int(redis.zcount(FOUND, since.timestamp(), "+inf"))
