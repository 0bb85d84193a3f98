"""The simulator's way out: what would go to Twilio is put on a feed in Redis, which the simulator's phones show.

Development only; everything on the feed is gone after a day.
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
        """Show a text on the phone with this address; its receipts come from the page, as Twilio's would."""
        sid = f"SM{secrets.token_hex(16)}"
        try:
            set_status(self._redis, sid, "queued")
            add_to_feed(self._redis, outgoing.to, "in", outgoing.body, sid=sid, delivery=outgoing.id)
        except RedisError:
            raise SendError("unknown") from None
        return AcceptedMessage(sid, "queued")

    def call(self, outgoing: OutgoingMessage) -> AcceptedMessage:
        """Let the phone with this address ring; its owner presses a key on the page."""
        sid = f"CA{secrets.token_hex(16)}"
        to = outgoing.to.removeprefix("voice:")
        try:
            set_status(self._redis, sid, "queued")
            add_to_feed(self._redis, to, "in", f"📞 {outgoing.body}", kind="call", sid=sid, delivery=outgoing.id)
        except RedisError:
            raise SendError("unknown") from None
        return AcceptedMessage(sid, "queued")

    def list_calls(self, to: str, since: datetime) -> list[ListedMessage]:
        """The calls to this phone since then."""
        return [
            message for message in self.list_messages(to.removeprefix("voice:"), since) if message.sid.startswith("CA")
        ]

    def list_messages(self, to: str, since: datetime) -> list[ListedMessage]:
        """What the phone with this address got since then."""
        try:
            sent = [item for _, item in read_feed(self._redis, "") if item["phone"] == to and item.get("delivery")]
            statuses = load_statuses(self._redis)
        except RedisError:
            raise SendError("unknown") from None
        messages = [
            ListedMessage(
                item["sid"], item["body"], statuses.get(item["sid"], "sent"), datetime.fromisoformat(item["at"])
            )
            for item in sent
        ]
        return [message for message in messages if message.created_at >= since]


def add_to_feed(redis: Redis, phone: str, direction: str, body: str, **extra: str) -> None:
    """Add a message to the feed; `direction` is as the phone sees it: in, out, or system."""
    item = {"phone": phone, "direction": direction, "body": body, "at": datetime.now(UTC).isoformat(), **extra}
    redis.xadd(FEED_KEY, {"item": json.dumps(item)}, maxlen=MAX_FEED_ITEMS, approximate=True)
    oldest = int((datetime.now(UTC).timestamp() - FEED_TTL_SECONDS) * 1000)
    redis.xtrim(FEED_KEY, minid=oldest, approximate=False)
    redis.expire(FEED_KEY, FEED_TTL_SECONDS)


def read_feed(redis: Redis, after_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(id, message) of everything after this id (empty for all), oldest first."""
    rows: Any = redis.xrange(FEED_KEY, f"({after_id}" if after_id else "-")
    for entry_id, fields in rows:
        yield entry_id.decode(), json.loads(fields[b"item"])


def set_status(redis: Redis, sid: str, status: str) -> None:
    """Keep how far a message has come: its ticks."""
    redis.hset(STATUSES_KEY, sid, status)
    redis.expire(STATUSES_KEY, FEED_TTL_SECONDS)


def find_call(redis: Redis, sid: str) -> dict[str, Any] | None:
    """The call on the feed that has this SID."""
    return next((item for _, item in read_feed(redis, "") if item.get("kind") == "call" and item["sid"] == sid), None)


def load_statuses(redis: Redis) -> dict[str, str]:
    """The status of every message on the feed, by SID."""
    raw_statuses: Any = redis.hgetall(STATUSES_KEY)
    return {sid.decode(): status.decode() for sid, status in raw_statuses.items()}
