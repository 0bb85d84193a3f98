"""Queue of Twilio's delivery reports on announcements, in Redis, until a job writes many of them at once.

Fifty thousand messages cause a hundred and fifty thousand reports. One transaction for each would delay families'
messages. If Redis loses a report, a page shows an older state until the next report.
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
    """One report about a recipient, or about an SID if `recipient` is None.

    `status` is Twilio's delivery status.
    """

    recipient: str | None
    sid: str
    status: str
    code: int | None
    reason: str = ""
    """For a call: who answered, or why no one answered."""


def add(redis: Redis, report: PendingReceipt) -> None:
    """Add a report to the queue.

    Raises `redis.RedisError` if Redis is not available.
    """
    redis.rpush(REPORTS_KEY, json.dumps([report.recipient, report.sid, report.status, report.code, report.reason]))


def take(redis: Redis, limit: int) -> tuple[str, list[PendingReceipt]] | None:
    """Return (owner, reports) to write to the database, or None if another process holds the lock.

    The reports stay in the queue until `remove_written`.
    """
    owner = uuid4().hex
    if not redis.set(REPORTS_LOCK_KEY, owner, nx=True, ex=REPORTS_LOCK_SECONDS):
        return None
    items = redis.lrange(REPORTS_KEY, 0, limit - 1)
    return owner, [PendingReceipt(*json.loads(item)) for item in items]


def remove_written(redis: Redis, owner: str, count: int) -> None:
    """Remove the first `count` reports, which are in the database now."""
    redis.eval(TRIM_REPORTS_SCRIPT, 2, REPORTS_LOCK_KEY, REPORTS_KEY, owner, count)
