"""The conversation of the day, in Redis: sealed, for 24 hours, changed by one process at a time.

Two scripts, one at the door and one on the way out.  `enter` looks whether the message was answered before, and takes
the family's lock (an owner token with an expiry, so that a killed process frees it).  `leave` saves the conversation
and the reply **only while the lock is still ours**: whoever was too slow cannot write over the one who came after.
"""

import json
import logging
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from redis import Redis, ResponseError

from bot.base.encryption import Unreadable, Vault
from bot.base.redis_scripts import OwnLine
from bot.store.families import flow_stats, rate_counters
from bot.store.families.rate_counters import Measure, Pace

KEPT_SECONDS = 24 * 3600
"""How long a conversation is kept, and WhatsApp's service window, which is as long (twilio.md, section 3)."""
LOCK_MS = 8_000
"""Longer than any message takes, shorter than Twilio's 15 s: a retry after a kill -9 still gets its answer."""

log = logging.getLogger(__name__)

ENTER = (
    rate_counters.COUNT
    + """
local reply = redis.call('GET', KEYS[1])
if reply then return {'seen', reply, '', ''} end
if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return {'busy', '', '', ''} end
local talk = redis.call('GET', KEYS[3])
local found = pace({unpack(KEYS, 5)}, {unpack(ARGV, 3)}, talk and 1 or 0)
return {'go', talk or '', redis.call('GET', KEYS[4]) or '', found}
"""
)

LEAVE = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'EX', ARGV[2])
redis.call('SET', KEYS[3], ARGV[4], 'EX', ARGV[2])
redis.call('SET', KEYS[4], '1', 'EX', ARGV[2])
redis.call('LPUSH', KEYS[5], ARGV[5])
redis.call('LTRIM', KEYS[5], 0, ARGV[6] - 1)
redis.call('EXPIRE', KEYS[5], ARGV[2])
for n = 8, #ARGV do redis.call('HINCRBY', KEYS[6], ARGV[n], 1) end
if #ARGV > 7 then redis.call('EXPIRE', KEYS[6], ARGV[7]) end
redis.call('DEL', KEYS[2])
return 1
"""

CONTINUE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
return 1
"""

RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


Counts = tuple[str, list[str]] | None


@dataclass
class Conversation:
    """Where a family stands: the pure part as plain data (`talk`), and which notices it has had today.

    `contact`, `stopped`, `notes` and `told` repeat what the database says of the contact, so that most messages need
    no query; whoever changes that elsewhere calls `forget`.
    """

    talk: dict[str, Any] = field(default_factory=dict)
    noticed: list[str] = field(default_factory=list)
    contact: int | None = None
    stopped: bool = False
    notes: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    turns: list[list[str]] = field(default_factory=list)
    """The last turns, [who, text], masked: they go with a case that is opened."""
    asked: bool = False
    """We wrote last, unasked; the family's next message is an answer."""
    spoke: bool = False
    """The family sends voice notes: answers go by voice too, where somebody has recorded them."""


@dataclass(frozen=True)
class Entry:
    """What `enter` found: `seen` (with the reply), `busy`, or `go` (with the conversation, the lock is ours)."""

    outcome: Literal["seen", "busy", "go"]
    reply: str = ""
    conversation: Conversation = field(default_factory=Conversation)
    talking: int | None = None
    """The case about which a person talks with this family."""
    pace: Pace = "free"


class Conversations:
    """All conversations of the last day.  `family` is always the keyed hash of an address."""

    def __init__(self, redis: Redis, vault: Vault) -> None:
        self.redis, self._vault = redis, vault
        self._line = OwnLine(redis)
        self._enter = redis.register_script(ENTER)
        self._pace = redis.register_script(rate_counters.ALONE)
        self._leave = redis.register_script(LEAVE)
        self._continue = redis.register_script(CONTINUE)
        self._release = redis.register_script(RELEASE)

    def enter(self, family: str, message_sid: str, owner: str, measure: Measure | None = None) -> Entry:
        """Ask to handle this message as `owner` (a random token); it is counted, if it was not seen before."""
        keys = [_seen(message_sid), _lock(family), _talk(family), _talking(family), *rate_counters.keys(family)]
        args: list[str | int] = [owner, LOCK_MS, *rate_counters.most(measure or rate_counters.usual())]
        outcome, found, talking, over = self._line.run(self._enter, keys, args)
        if outcome == b"seen":
            return Entry("seen", reply=self._vault.open_bytes(found, f"reply:{message_sid}").decode())
        case = int(talking) if talking else None
        return Entry(outcome.decode(), "", self._open(found, family), case, over.decode() or "free")

    def count(self, family: str, measure: Measure) -> Pace:
        """Count a message that never comes to `enter` (a code that somebody checks): it makes nobody a stranger."""
        found: bytes = self._pace(keys=rate_counters.keys(family), args=[*rate_counters.most(measure), 1])
        return cast(Pace, found.decode())

    def set_talking(self, family: str, case_id: int | None) -> None:
        """A person talks with this family from now on (None: no more); a question of the helper's is dropped."""
        if case_id is None:
            self.redis.delete(_talking(family))
        elif self.redis.set(_talking(family), case_id, get=True) is None:
            self.forget(family)

    def window_seconds(self, family: str) -> int:
        """How long WhatsApp's service window is still open; 0 if it is not."""
        left = self.redis.ttl(_window(family))
        return max(0, int(left))

    def leave(
        self, family: str, message_sid: str, owner: str, conversation: Conversation, reply: str, counts: Counts = None
    ) -> bool:
        """Save both and free the family; False (and nothing saved) if the lock was no longer ours.

        `counts`: the key of a month's figures and what is one more there (store/families/flow_stats).
        """
        sealed = self._seal(conversation, family)
        told = self._vault.seal_bytes(reply.encode(), f"reply:{message_sid}")
        args: list[str | bytes | int] = [owner, KEPT_SECONDS, told, sealed]
        args += [message_sid, rate_counters.PER_DAY]
        keys = [_seen(message_sid), _lock(family), _talk(family), _window(family), _answered(family)]
        if counts:
            keys.append(counts[0])
            args += [flow_stats.KEPT_SECONDS, *counts[1]]
        return bool(self._line.run(self._leave, keys, args))

    def note_heard(self, message_sid: str) -> None:
        """A message that never came to `enter` was answered.  Raises RedisError."""
        self.redis.set(_heard(message_sid), 1, ex=KEPT_SECONDS)

    def heard(self, message_sid: str) -> bool:
        """Whether this message was answered within the day."""
        return bool(self.redis.exists(_seen(message_sid), _heard(message_sid)))

    def take(self, family: str, owner: str) -> Conversation | None:
        """The conversation, locked, for a message of our own; None while the family's own message is handled."""
        if not self.redis.set(_lock(family), owner, nx=True, px=LOCK_MS):
            return None
        found = self.redis.get(_talk(family))
        return self._open(found, family)

    def put_on(self, family: str, owner: str, conversation: Conversation) -> bool:
        """Save what a message of our own changed; WhatsApp's window stays as it was. False if the lock was lost."""
        sealed = self._seal(conversation, family)
        return bool(self._continue(keys=[_lock(family), _talk(family)], args=[owner, sealed, KEPT_SECONDS]))

    def release(self, family: str, owner: str) -> None:
        """Free the family, if the lock is still ours."""
        self._release(keys=[_lock(family)], args=[owner])

    def forget(self, family: str) -> None:
        """Start from the database again with the family's next message."""
        self.redis.delete(_talk(family))

    def cast_out(self, family: str) -> None:
        """Whoever handles a message of this family just now keeps nothing of it: the lock is theirs no more."""
        self.redis.delete(_talk(family), _lock(family))

    def erase(self, family: str, but: str = "") -> None:
        """Nothing of this family is kept here any more, not even that it wrote; nor what it was answered, `but` for
        the message that erased it.  A message that comes a second time is still known, and answered with nothing."""
        pipe = self.redis.pipeline()
        for sid in (one.decode() for one in self._answers(family)):
            if sid != but:
                pipe.set(_seen(sid), self._vault.seal_bytes(b"", f"reply:{sid}"), xx=True, keepttl=True)
        pipe.delete(_talk(family), _window(family), _talking(family), _answered(family), *rate_counters.kept_of(family))
        pipe.execute()

    def kept(self, family: str) -> Conversation | None:
        """What is kept of the day, to be shown; None if nothing is."""
        found = self.redis.get(_talk(family))
        return self._open(found, family) if found else None

    def _answers(self, family: str) -> list[bytes]:
        return cast(list[bytes], self.redis.lrange(_answered(family), 0, -1))

    def rewrite_file(self) -> bool:
        """Have Redis write its append-only file anew: it holds all that was ever written, what has run out or was
        erased too, until then (for months, where little is written).  False where it has none, or will not."""
        try:
            enabled = self.redis.info("persistence").get("aof_enabled")
            return bool(enabled and self.redis.bgrewriteaof())
        except ResponseError as error:  # at work already; or a managed service, which sees to its files itself
            log.info("append-only file not written anew: %s", type(error).__name__)
            return False

    def waits(self, family: str) -> bool:
        """Whether a question of ours waits for this family's answer."""
        found = self.redis.get(_talk(family))
        talk = self._open(found, family).talk
        return bool(talk.get("state") or talk.get("held") or talk.get("later"))

    def asks(self, family: str) -> tuple[str, str] | None:
        """The flow and step of the question that waits for this family's answer, if one does."""
        found = self.redis.get(_talk(family))
        state = self._open(found, family).talk.get("state")
        return (state["flow"], state["step"]) if state and state["step"] else None

    def window_open(self, family: str) -> bool:
        """Whether the family wrote within the last 24 hours (WhatsApp's service window)."""
        return bool(self.redis.exists(_window(family)))

    def windows_open(self, families: list[str]) -> list[bool]:
        """The same for many families, in one request."""
        pipe = self.redis.pipeline(transaction=False)
        for family in families:
            pipe.exists(_window(family))
        return [bool(one) for one in pipe.execute()] if families else []

    def _seal(self, conversation: Conversation, family: str) -> bytes:
        return self._vault.seal_bytes(json.dumps(vars(conversation)).encode(), _talk(family))

    def _open(self, sealed: Any, family: str) -> Conversation:
        """A conversation that no key opens any more starts anew: better a menu than no answer."""
        try:
            return (
                Conversation(**json.loads(self._vault.open_bytes(sealed, _talk(family)))) if sealed else Conversation()
            )
        except (Unreadable, TypeError, ValueError):
            return Conversation()


def _talk(family: str) -> str:
    return f"puente:talk:{family}"


def _talking(family: str) -> str:
    return f"puente:talking:{family}"


def _lock(family: str) -> str:
    return f"puente:lock:{family}"


def _window(family: str) -> str:
    return f"puente:window:{family}"


def _answered(family: str) -> str:
    """The messages of the day whose answers are kept, so that erasing finds them."""
    return f"puente:answered:{family}"


def _heard(message_sid: str) -> str:
    return f"puente:heard:{message_sid}"


def _seen(message_sid: str) -> str:
    return f"puente:seen:{message_sid}"
