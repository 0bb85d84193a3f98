"""Twilio's reports on announcements, kept in Redis until they are written down many at a time.

Fifty thousand messages bring a hundred and fifty thousand reports; one transaction each would leave no room for
families' messages.  A report that is lost with Redis costs a tick on a page; a later one brings the same news.
"""

import json
from dataclasses import dataclass
from uuid import uuid4

from redis import Redis

REPORTS_KEY, REPORTS_LOCK_KEY = "puente:reports", "puente:reports:lock"
REPORTS_LOCK_SECONDS = 20

TRIM_REPORTS_SCRIPT = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('LTRIM', KEYS[2], ARGV[2], -1)
redis.call('DEL', KEYS[1])
return 1
"""


@dataclass(frozen=True)
class PendingReceipt:
    """One report: of which recipient (or SID alone), in Twilio's word."""

    recipient: str | None
    sid: str
    status: str
    code: int | None
    reason: str = ""
    """Of a call: who answered, or that nobody did."""


def add(redis: Redis, report: PendingReceipt) -> None:
    """Keep one; raises `redis.RedisError` while Redis is away."""
    redis.rpush(REPORTS_KEY, json.dumps([report.recipient, report.sid, report.status, report.code, report.reason]))


def take(redis: Redis, limit: int) -> tuple[str, list[PendingReceipt]] | None:
    """(owner, reports) for writing down; None while another process does.  They stay until `done`."""
    owner = uuid4().hex
    if not redis.set(REPORTS_LOCK_KEY, owner, nx=True, ex=REPORTS_LOCK_SECONDS):
        return None
    return owner, [PendingReceipt(*json.loads(one)) for one in redis.lrange(REPORTS_KEY, 0, limit - 1)]


def remove_written(redis: Redis, owner: str, count: int) -> None:
    """The first `count` are written down."""
    redis.eval(TRIM_REPORTS_SCRIPT, 2, REPORTS_LOCK_KEY, REPORTS_KEY, owner, count)
