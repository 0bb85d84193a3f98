"""Send messages to the simulator: a feed in Redis takes the place of Twilio, and the simulator's phones show it.

For development only. Messages on the feed expire after a day.
"""

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from redis import Redis, RedisError

from bot.channels.base import AcceptedMessage, ListedMessage, OutgoingMessage, SendError

FEED_KEY = "puente:simulator:feed"
STATUSES_KEY = "puente:simulator:status"
MAX_FEED_ITEMS = 1000
FEED_TTL_SECONDS = 24 * 3600


class SimulatorChannel:
    """Sends to the phones of the simulator."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def send(self, outgoing: OutgoingMessage) -> AcceptedMessage:
        """Show a text on the phone with this address. The page sends the delivery statuses, as Twilio would."""
        sid = f"SM{secrets.token_hex(16)}"
        try:
            set_status(self._redis, sid, "queued")
            add_to_feed(self._redis, outgoing.to, "in", outgoing.body, sid=sid, delivery=outgoing.id)
        except RedisError:
            raise SendError("unknown") from None
        return AcceptedMessage(sid, "queued")

    def call(self, outgoing: OutgoingMessage) -> AcceptedMessage:
        """Ring the phone with this address. The person at the page presses a key."""
        sid = f"CA{secrets.token_hex(16)}"
        to = outgoing.to.removeprefix("voice:")
        try:
            set_status(self._redis, sid, "queued")
            add_to_feed(self._redis, to, "in", f"📞 {outgoing.body}", kind="call", sid=sid, delivery=outgoing.id)
        except RedisError:
            raise SendError("unknown") from None
        return AcceptedMessage(sid, "queued")

    def list_calls(self, to: str, since: datetime) -> list[ListedMessage]:
        """List the calls to this phone since a moment."""
        messages = self.list_messages(to.removeprefix("voice:"), since)
        return [message for message in messages if message.sid.startswith("CA")]

    def list_messages(self, to: str, since: datetime) -> list[ListedMessage]:
        """List the messages to the phone with this address since a moment."""
        try:
            items = [item for _, item in read_feed(self._redis, "") if item["phone"] == to and item.get("delivery")]
            statuses = load_statuses(self._redis)
        except RedisError:
            raise SendError("unknown") from None
        messages = []
        for item in items:
            sid, created_at = item["sid"], datetime.fromisoformat(item["at"])
            if created_at >= since:
                messages.append(ListedMessage(sid, item["body"], statuses.get(sid, "sent"), created_at))
        return messages


def add_to_feed(redis: Redis, phone: str, direction: str, body: str, **extra: str) -> None:
    """Add a message to the feed. `direction` is from the view of the phone: in, out, or system."""
    item = {"phone": phone, "direction": direction, "body": body, "at": datetime.now(UTC).isoformat(), **extra}
    redis.xadd(FEED_KEY, {"item": json.dumps(item)}, maxlen=MAX_FEED_ITEMS, approximate=True)
    oldest = int((datetime.now(UTC).timestamp() - FEED_TTL_SECONDS) * 1000)
    redis.xtrim(FEED_KEY, minid=oldest, approximate=False)
    redis.expire(FEED_KEY, FEED_TTL_SECONDS)


def read_feed(redis: Redis, after_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (ID, message) of everything after this ID, or everything for "", the oldest first."""
    rows: Any = redis.xrange(FEED_KEY, f"({after_id}" if after_id else "-")
    for entry_id, fields in rows:
        yield entry_id.decode(), json.loads(fields[b"item"])


def set_status(redis: Redis, sid: str, status: str) -> None:
    """Save the delivery status of a message."""
    redis.hset(STATUSES_KEY, sid, status)
    redis.expire(STATUSES_KEY, FEED_TTL_SECONDS)


def find_call(redis: Redis, sid: str) -> dict[str, Any] | None:
    """Find the call on the feed with this SID."""
    return next((item for _, item in read_feed(redis, "") if item.get("kind") == "call" and item["sid"] == sid), None)


def load_statuses(redis: Redis) -> dict[str, str]:
    """Return the status of every message on the feed, by SID."""
    raw_statuses: Any = redis.hgetall(STATUSES_KEY)
    return {sid.decode(): status.decode() for sid, status in raw_statuses.items()}
