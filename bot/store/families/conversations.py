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

from bot.base.encryption import DecryptionError, Vault
from bot.store.families import flow_stats, rate_limits
from bot.store.families.rate_limits import MessageRateLimit, RateLimitResult

CONVERSATION_TTL_SECONDS = 24 * 3600
"""How long a conversation is kept, and WhatsApp's service window, which is as long (twilio.md, section 3)."""
CONVERSATION_LOCK_MS = 8_000
"""Longer than any message takes, shorter than Twilio's 15 s: a retry after a kill -9 still gets its answer."""

log = logging.getLogger(__name__)

ACQUIRE_SCRIPT = (
    rate_limits.COUNT_FUNCTIONS
    + """
local reply = redis.call('GET', KEYS[1])
if reply then return {'seen', reply, '', ''} end
if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return {'busy', '', '', ''} end
local talk = redis.call('GET', KEYS[3])
local found = count_message({unpack(KEYS, 5)}, {unpack(ARGV, 3)}, talk and 1 or 0)
return {'go', talk or '', redis.call('GET', KEYS[4]) or '', found}
"""
)

SAVE_AND_RELEASE_SCRIPT = """
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

SAVE_SCRIPT = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
return 1
"""

RELEASE_SCRIPT = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


FlowStepCounts = tuple[str, list[str]] | None


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
class AcquireResult:
    """What `enter` found: `seen` (with the reply), `busy`, or `go` (with the conversation, the lock is ours)."""

    outcome: Literal["seen", "busy", "go"]
    reply: str = ""
    conversation: Conversation = field(default_factory=Conversation)
    active_case_id: int | None = None
    """The case about which a person talks with this family."""
    rate_status: RateLimitResult = "free"


class ConversationStore:
    """All conversations of the last day.  `family` is always the keyed hash of an address."""

    def __init__(self, redis: Redis, vault: Vault) -> None:
        self.redis, self._vault = redis, vault
        self._acquire_script = redis.register_script(ACQUIRE_SCRIPT)
        self._count_script = redis.register_script(rate_limits.COUNT_SCRIPT)
        self._save_and_release_script = redis.register_script(SAVE_AND_RELEASE_SCRIPT)
        self._save_script = redis.register_script(SAVE_SCRIPT)
        self._release_script = redis.register_script(RELEASE_SCRIPT)

    def acquire(
        self, family: str, message_sid: str, owner: str, rate_limit: MessageRateLimit | None = None
    ) -> AcquireResult:
        """Ask to handle this message as `owner` (a random token); it is counted, if it was not seen before."""
        keys = [
            _build_reply_key(message_sid),
            _build_lock_key(family),
            _build_conversation_key(family),
            _build_active_case_key(family),
            *rate_limits.build_keys(family),
        ]
        args: list[str | int] = [
            owner,
            CONVERSATION_LOCK_MS,
            *rate_limits.build_script_limits(rate_limit or rate_limits.get_default_limit()),
        ]
        outcome, found, talking, over = self._acquire_script(keys=keys, args=args)
        if outcome == b"seen":
            return AcquireResult("seen", reply=self._vault.decrypt_bytes(found, f"reply:{message_sid}").decode())
        case = int(talking) if talking else None
        return AcquireResult(outcome.decode(), "", self._decrypt(found, family), case, over.decode() or "free")

    def count_message(self, family: str, rate_limit: MessageRateLimit) -> RateLimitResult:
        """Count a message that never comes to `enter` (a code that somebody checks): it makes nobody a stranger."""
        found: bytes = self._count_script(
            keys=rate_limits.build_keys(family), args=[*rate_limits.build_script_limits(rate_limit), 1]
        )
        return cast(RateLimitResult, found.decode())

    def set_active_case(self, family: str, case_id: int | None) -> None:
        """A person talks with this family from now on (None: no more); a question of the helper's is dropped."""
        if case_id is None:
            self.redis.delete(_build_active_case_key(family))
        elif self.redis.set(_build_active_case_key(family), case_id, get=True) is None:
            self.discard(family)

    def get_window_seconds(self, family: str) -> int:
        """How long WhatsApp's service window is still open; 0 if it is not."""
        left = self.redis.ttl(_build_window_key(family))
        return max(0, int(left))

    def save_and_release(
        self,
        family: str,
        message_sid: str,
        owner: str,
        conversation: Conversation,
        reply: str,
        counts: FlowStepCounts = None,
    ) -> bool:
        """Save both and free the family; False (and nothing saved) if the lock was no longer ours.

        `counts`: the key of a month's figures and what is one more there (store/families/flow_stats).
        """
        sealed = self._encrypt(conversation, family)
        told = self._vault.encrypt_bytes(reply.encode(), f"reply:{message_sid}")
        args: list[str | bytes | int] = [owner, CONVERSATION_TTL_SECONDS, told, sealed]
        args += [message_sid, rate_limits.MAX_MESSAGES_PER_DAY]
        keys = [
            _build_reply_key(message_sid),
            _build_lock_key(family),
            _build_conversation_key(family),
            _build_window_key(family),
            _build_answered_list_key(family),
        ]
        if counts:
            keys.append(counts[0])
            args += [flow_stats.FLOW_STATS_TTL_SECONDS, *counts[1]]
        return bool(self._save_and_release_script(keys=keys, args=args))

    def record_answered(self, message_sid: str) -> None:
        """A message that never came to `enter` was answered.  Raises RedisError."""
        self.redis.set(_build_answered_mark_key(message_sid), 1, ex=CONVERSATION_TTL_SECONDS)

    def is_answered(self, message_sid: str) -> bool:
        """Whether this message was answered within the day."""
        return bool(self.redis.exists(_build_reply_key(message_sid), _build_answered_mark_key(message_sid)))

    def lock_for_outgoing(self, family: str, owner: str) -> Conversation | None:
        """The conversation, locked, for a message of our own; None while the family's own message is handled."""
        if not self.redis.set(_build_lock_key(family), owner, nx=True, px=CONVERSATION_LOCK_MS):
            return None
        found = self.redis.get(_build_conversation_key(family))
        return self._decrypt(found, family)

    def save_outgoing(self, family: str, owner: str, conversation: Conversation) -> bool:
        """Save what a message of our own changed; WhatsApp's window stays as it was. False if the lock was lost."""
        sealed = self._encrypt(conversation, family)
        return bool(
            self._save_script(
                keys=[_build_lock_key(family), _build_conversation_key(family)],
                args=[owner, sealed, CONVERSATION_TTL_SECONDS],
            )
        )

    def release(self, family: str, owner: str) -> None:
        """Free the family, if the lock is still ours."""
        self._release_script(keys=[_build_lock_key(family)], args=[owner])

    def discard(self, family: str) -> None:
        """Start from the database again with the family's next message."""
        self.redis.delete(_build_conversation_key(family))

    def discard_and_unlock(self, family: str) -> None:
        """Whoever handles a message of this family just now keeps nothing of it: the lock is theirs no more."""
        self.redis.delete(_build_conversation_key(family), _build_lock_key(family))

    def erase(self, family: str, except_message_sid: str = "") -> None:
        """Nothing of this family is kept here any more, not even that it wrote; nor what it was answered, `but` for
        the message that erased it.  A message that comes a second time is still known, and answered with nothing."""
        pipe = self.redis.pipeline()
        for sid in (one.decode() for one in self._list_answered_sids(family)):
            if sid != except_message_sid:
                pipe.set(_build_reply_key(sid), self._vault.encrypt_bytes(b"", f"reply:{sid}"), xx=True, keepttl=True)
        pipe.delete(
            _build_conversation_key(family),
            _build_window_key(family),
            _build_active_case_key(family),
            _build_answered_list_key(family),
            *rate_limits.list_keys_to_erase(family),
        )
        pipe.execute()

    def find(self, family: str) -> Conversation | None:
        """What is kept of the day, to be shown; None if nothing is."""
        found = self.redis.get(_build_conversation_key(family))
        return self._decrypt(found, family) if found else None

    def _list_answered_sids(self, family: str) -> list[bytes]:
        return cast(list[bytes], self.redis.lrange(_build_answered_list_key(family), 0, -1))

    def rewrite_append_only_file(self) -> bool:
        """Have Redis write its append-only file anew: it holds all that was ever written, what has run out or was
        erased too, until then (for months, where little is written).  False where it has none, or will not."""
        try:
            enabled = self.redis.info("persistence").get("aof_enabled")
            return bool(enabled and self.redis.bgrewriteaof())
        except ResponseError as error:  # at work already; or a managed service, which sees to its files itself
            log.info("append-only file not written anew: %s", type(error).__name__)
            return False

    def has_pending_question(self, family: str) -> bool:
        """Whether a question of ours waits for this family's answer."""
        found = self.redis.get(_build_conversation_key(family))
        talk = self._decrypt(found, family).talk
        return bool(talk.get("state") or talk.get("held") or talk.get("later"))

    def find_pending_step(self, family: str) -> tuple[str, str] | None:
        """The flow and step of the question that waits for this family's answer, if one does."""
        found = self.redis.get(_build_conversation_key(family))
        state = self._decrypt(found, family).talk.get("state")
        return (state["flow"], state["step"]) if state and state["step"] else None

    def is_window_open(self, family: str) -> bool:
        """Whether the family wrote within the last 24 hours (WhatsApp's service window)."""
        return bool(self.redis.exists(_build_window_key(family)))

    def check_windows_open(self, families: list[str]) -> list[bool]:
        """The same for many families, in one request."""
        pipe = self.redis.pipeline(transaction=False)
        for family in families:
            pipe.exists(_build_window_key(family))
        return [bool(one) for one in pipe.execute()] if families else []

    def _encrypt(self, conversation: Conversation, family: str) -> bytes:
        return self._vault.encrypt_bytes(json.dumps(vars(conversation)).encode(), _build_conversation_key(family))

    def _decrypt(self, encrypted: Any, family: str) -> Conversation:
        """A conversation that no key opens any more starts anew: better a menu than no answer."""
        try:
            return (
                Conversation(**json.loads(self._vault.decrypt_bytes(encrypted, _build_conversation_key(family))))
                if encrypted
                else Conversation()
            )
        except (DecryptionError, TypeError, ValueError):
            return Conversation()


def _build_conversation_key(family: str) -> str:
    return f"puente:talk:{family}"


def _build_active_case_key(family: str) -> str:
    return f"puente:talking:{family}"


def _build_lock_key(family: str) -> str:
    return f"puente:lock:{family}"


def _build_window_key(family: str) -> str:
    return f"puente:window:{family}"


def _build_answered_list_key(family: str) -> str:
    """The messages of the day whose answers are kept, so that erasing finds them."""
    return f"puente:answered:{family}"


def _build_answered_mark_key(message_sid: str) -> str:
    return f"puente:heard:{message_sid}"


def _build_reply_key(message_sid: str) -> str:
    return f"puente:seen:{message_sid}"
