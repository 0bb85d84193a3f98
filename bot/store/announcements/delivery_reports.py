"""Twilio's reports on announcements, kept in Redis until they are written down many at a time.

Fifty thousand messages bring a hundred and fifty thousand reports; one transaction each would leave no room for
families' messages.  A report that is lost with Redis costs a tick on a page; a later one brings the same news.
"""

import json
from dataclasses import dataclass
from uuid import uuid4

from redis import Redis

KEY, LOCK = "puente:reports", "puente:reports:lock"
LOCK_SECONDS = 20

TRIM = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('LTRIM', KEYS[2], ARGV[2], -1)
redis.call('DEL', KEYS[1])
return 1
"""


@dataclass(frozen=True)
class Kept:
    """One report: of which recipient (or SID alone), in Twilio's word."""

    recipient: str | None
    sid: str
    status: str
    code: int | None
    reason: str = ""
    """Of a call: who answered, or that nobody did."""


def put(redis: Redis, report: Kept) -> None:
    """Keep one; raises `redis.RedisError` while Redis is away."""
    redis.rpush(KEY, json.dumps([report.recipient, report.sid, report.status, report.code, report.reason]))


def take(redis: Redis, most: int) -> tuple[str, list[Kept]] | None:
    """(owner, reports) for writing down; None while another process does.  They stay until `done`."""
    owner = uuid4().hex
    if not redis.set(LOCK, owner, nx=True, ex=LOCK_SECONDS):
        return None
    return owner, [Kept(*json.loads(one)) for one in redis.lrange(KEY, 0, most - 1)]


def done(redis: Redis, owner: str, count: int) -> None:
    """The first `count` are written down."""
    redis.eval(TRIM, 2, LOCK, KEY, owner, count)
