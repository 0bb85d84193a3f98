"""Conversations of the last 24 hours, encrypted in Redis. One process at a time changes a conversation.

`acquire` checks whether the message was answered before, and takes the family's lock. The lock is an owner token that
expires, so a killed process releases it. `save_and_release` saves the conversation and the reply only while the lock
is still held. A slow process can't overwrite the work of the next one.
"""

import json
import logging
import threading
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from redis import Redis, ResponseError

from bot.base.encryption import DecryptionError, Vault
from bot.store.families import flow_stats, rate_limits
from bot.store.families.rate_limits import MessageRateLimit, RateLimitResult

CONVERSATION_TTL_SECONDS = 24 * 3600
"""How long a conversation is kept. WhatsApp's service window is as long (Twilio: WhatsApp key concepts)."""
CONVERSATION_LOCK_MS = 8_000
"""Longer than any message takes, and shorter than Twilio's 15 seconds. So a retry after a kill -9 gets its reply."""

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
    """The state of a conversation: `talk` is the dialog state as plain data, and `noticed` lists today's notices.

    `contact`, `stopped`, `notes`, and `told` repeat what the database says about the contact, so that most messages
    need no query. Code that changes them elsewhere calls `discard`.
    """

    talk: dict[str, Any] = field(default_factory=dict)
    noticed: list[str] = field(default_factory=list)
    contact: int | None = None
    stopped: bool = False
    notes: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    turns: list[list[str]] = field(default_factory=list)
    """The last turns, [author, text], masked. A case that is opened stores them."""
    asked: bool = False
    """Whether we wrote last without being asked, so that the next message is an answer."""
    spoke: bool = False
    """Whether the family sends voice notes, and gets recorded replies where there are any."""


@dataclass(frozen=True)
class AcquireResult:
    """The result of `acquire`: `seen` (with the reply), `busy`, or `go` (with the conversation and the lock)."""

    outcome: Literal["seen", "busy", "go"]
    reply: str = ""
    conversation: Conversation = field(default_factory=Conversation)
    active_case_id: int | None = None
    """The case in which staff write with this family now."""
    rate_status: RateLimitResult = "free"


class ConversationStore:
    """Reads and writes the conversations of the last day. `family` is always the keyed hash of an address."""

    def __init__(self, redis: Redis, vault: Vault) -> None:
        self.redis, self._vault = redis, vault
        self._thread_local = threading.local()
        self._acquire_script = redis.register_script(ACQUIRE_SCRIPT)
        self._count_script = redis.register_script(rate_limits.COUNT_SCRIPT)
        self._save_and_release_script = redis.register_script(SAVE_AND_RELEASE_SCRIPT)
        self._save_script = redis.register_script(SAVE_SCRIPT)
        self._release_script = redis.register_script(RELEASE_SCRIPT)

    def acquire(
        self, family: str, message_sid: str, owner: str, rate_limit: MessageRateLimit | None = None
    ) -> AcquireResult:
        """Take the lock for this message as `owner`, a random token. A message that is not a repeat is counted."""
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
        outcome, found, talking, over = self._acquire_script(keys=keys, args=args, client=self._get_client())
        if outcome == b"seen":
            return AcquireResult("seen", reply=self._vault.decrypt_bytes(found, f"reply:{message_sid}").decode())
        case = int(talking) if talking else None
        return AcquireResult(outcome.decode(), "", self._decrypt(found, family), case, over.decode() or "free")

    def count_message(self, family: str, rate_limit: MessageRateLimit) -> RateLimitResult:
        """Count a message that is answered without a conversation, such as CHECK. It does not count as a stranger's."""
        found: bytes = self._count_script(
            keys=rate_limits.build_keys(family), args=[*rate_limits.build_script_limits(rate_limit), 1]
        )
        return cast(RateLimitResult, found.decode())

    def set_active_case(self, family: str, case_id: int | None) -> None:
        """Set the case in which staff write with this family, or None. A pending question is dropped."""
        if case_id is None:
            self.redis.delete(_build_active_case_key(family))
        elif self.redis.set(_build_active_case_key(family), case_id, get=True) is None:
            self.discard(family)

    def get_window_seconds(self, family: str) -> int:
        """Return how many seconds WhatsApp's service window is still open, or 0."""
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
        """Save the conversation and the reply, and release the lock. Return False, and save nothing, if it was lost.

        `counts` is the key of the month's statistics and the fields to increment (store/families/flow_stats).
        """
        encrypted = self._encrypt(conversation, family)
        encrypted_reply = self._vault.encrypt_bytes(reply.encode(), f"reply:{message_sid}")
        args: list[str | bytes | int] = [owner, CONVERSATION_TTL_SECONDS, encrypted_reply, encrypted]
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
        return bool(self._save_and_release_script(keys=keys, args=args, client=self._get_client()))

    def record_answered(self, message_sid: str) -> None:
        """Record that a message was answered without a conversation. Raises `RedisError`."""
        self.redis.set(_build_answered_mark_key(message_sid), 1, ex=CONVERSATION_TTL_SECONDS)

    def is_answered(self, message_sid: str) -> bool:
        """Return whether this message was answered within the last day."""
        return bool(self.redis.exists(_build_reply_key(message_sid), _build_answered_mark_key(message_sid)))

    def lock_for_outgoing(self, family: str, owner: str) -> Conversation | None:
        """Lock and return the conversation for a message of ours, or None while the family's own message is handled."""
        if not self.redis.set(_build_lock_key(family), owner, nx=True, px=CONVERSATION_LOCK_MS):
            return None
        found = self.redis.get(_build_conversation_key(family))
        return self._decrypt(found, family)

    def save_outgoing(self, family: str, owner: str, conversation: Conversation) -> bool:
        """Save what a message of ours changed. WhatsApp's window stays as it was. Return False if the lock was lost."""
        sealed = self._encrypt(conversation, family)
        return bool(
            self._save_script(
                keys=[_build_lock_key(family), _build_conversation_key(family)],
                args=[owner, sealed, CONVERSATION_TTL_SECONDS],
            )
        )

    def release(self, family: str, owner: str) -> None:
        """Release the lock if `owner` still holds it."""
        self._release_script(keys=[_build_lock_key(family)], args=[owner])

    def discard(self, family: str) -> None:
        """Delete the conversation, so that the next message starts from the database."""
        self.redis.delete(_build_conversation_key(family))

    def discard_and_unlock(self, family: str) -> None:
        """Delete the conversation and the lock. A process that handles a message of this family now saves nothing."""
        self.redis.delete(_build_conversation_key(family), _build_lock_key(family))

    def erase(self, family: str, except_message_sid: str = "") -> None:
        """Delete everything about this family, including its replies, except the one to `except_message_sid`.

        A message that Twilio repeats is still recognized and gets an empty reply.
        """
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
        """Return the stored conversation, or None."""
        found = self.redis.get(_build_conversation_key(family))
        if not found:
            return None
        return self._decrypt(found, family)

    def _get_client(self) -> Redis:
        """Return this thread's client, which keeps its connection. Every message runs two scripts.

        A pool checks a connection for unread data each time it lends it, and each check lets another thread run first.
        """
        if not hasattr(self._thread_local, "client"):
            self._thread_local.client = Redis(connection_pool=self.redis.connection_pool, single_connection_client=True)
        client: Redis = self._thread_local.client
        return client

    def _list_answered_sids(self, family: str) -> list[bytes]:
        return cast(list[bytes], self.redis.lrange(_build_answered_list_key(family), 0, -1))

    def rewrite_append_only_file(self) -> bool:
        """Have Redis rewrite its append-only file, which still holds expired and erased values.

        Return False if Redis has no such file, or refuses.
        """
        try:
            enabled = self.redis.info("persistence").get("aof_enabled")
            return bool(enabled and self.redis.bgrewriteaof())
        except ResponseError as error:  # a rewrite runs already, or a managed service does it
            log.info("append-only file not rewritten: %s", type(error).__name__)
            return False

    def has_pending_question(self, family: str) -> bool:
        """Return whether a question waits for this family's answer."""
        found = self.redis.get(_build_conversation_key(family))
        talk = self._decrypt(found, family).talk
        return bool(talk.get("state") or talk.get("held") or talk.get("later"))

    def find_pending_step(self, family: str) -> tuple[str, str] | None:
        """Return the flow and step of the question that waits for this family's answer, or None."""
        found = self.redis.get(_build_conversation_key(family))
        state = self._decrypt(found, family).talk.get("state")
        if not state or not state["step"]:
            return None
        return state["flow"], state["step"]

    def is_window_open(self, family: str) -> bool:
        """Return whether the family wrote within the last 24 hours (WhatsApp's service window)."""
        return bool(self.redis.exists(_build_window_key(family)))

    def check_windows_open(self, families: list[str]) -> list[bool]:
        """Return the same for many families, with one request."""
        if not families:
            return []
        pipe = self.redis.pipeline(transaction=False)
        for family in families:
            pipe.exists(_build_window_key(family))
        return [bool(one) for one in pipe.execute()]

    def _encrypt(self, conversation: Conversation, family: str) -> bytes:
        return self._vault.encrypt_bytes(json.dumps(vars(conversation)).encode(), _build_conversation_key(family))

    def _decrypt(self, encrypted: Any, family: str) -> Conversation:
        """Decrypt a conversation. One that no key decrypts starts over: a menu is better than no reply."""
        if not encrypted:
            return Conversation()
        try:
            return Conversation(**json.loads(self._vault.decrypt_bytes(encrypted, _build_conversation_key(family))))
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
    """Return the key of the list of answered messages, which erasure reads."""
    return f"puente:answered:{family}"


def _build_answered_mark_key(message_sid: str) -> str:
    return f"puente:heard:{message_sid}"


def _build_reply_key(message_sid: str) -> str:
    return f"puente:seen:{message_sid}"
