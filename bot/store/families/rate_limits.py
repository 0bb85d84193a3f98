"""Rate limits for families: how many messages we answer, and how many texts and calls one phone gets.

The limits for web clients are in `web/rate_limits.py`, and those of the district's own sender numbers in
`announcements/sender_rate_limit.py`. Redis holds the counts, under keyed hashes only.

Nobody is refused help. A phone over its rate limit gets one notice. Emergencies, STOP, and "a person" have no limit
(`flows/rate_limit_exempt.py`). Without Redis, Puente counts nothing and answers everybody.

The script that takes the family's lock counts the messages (`store/families/conversations.py`). The library `limits`
would need up to three more round trips for each message (docs/decisions/0024).
"""

from dataclasses import dataclass
from typing import Literal

from limits import RateLimitItemPerDay
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter

from bot.base.phone_numbers import get_region
from bot.base.redis_client import RATE_LIMIT_KEY_PREFIX

RateLimitResult = Literal["free", "tell", "silent", "crowd"]
"""`tell`: over the rate limit, without a notice yet. `silent`: has had it. `crowd`: too many new phones at once."""

RATE_WINDOW_MINUTES = 10
MAX_MESSAGES_PER_TEN_MINUTES, MAX_MESSAGES_PER_DAY = 60, 300
"""Messages from one phone. A family in a long conversation writes about forty in an hour. Two machines that answer each
other would never stop, and each of our texts costs money."""
MAX_STRANGERS_PER_MINUTE = 1_000
"""New phones together. Three hundred parents who text JOIN in a gymnasium stay far below."""
SENT_RATE_LIMIT = RateLimitItemPerDay(40, namespace="sent")
"""Texts and calls to one phone that it did not just ask for. Pages to staff don't count."""
DOMESTIC_REGIONS = frozenset({"US", "PR", "VI", "GU", "AS", "MP"})
"""Where a text costs what a local one does: the United States with its territories."""

COUNT_FUNCTIONS = """
local function increment(key, seconds)
  local number = redis.call('INCR', key)
  if number == 1 then redis.call('EXPIRE', key, seconds) end
  return number
end
local function count_message(keys, limits, known)
  local crowd = known == 0 and increment(keys[4], 60) > tonumber(limits[4])
  local soon, day = increment(keys[1], tonumber(limits[3])), increment(keys[2], 86400)
  local over = soon > tonumber(limits[1]) or day > tonumber(limits[2])
  if not over then return crowd and 'crowd' or 'free' end
  return redis.call('SET', keys[3], '1', 'NX', 'EX', tonumber(limits[3])) and 'tell' or 'silent'
end
"""
"""Lua for scripts that count a message. `keys` and `limits` come from `build_keys` and `build_script_limits`."""
COUNT_SCRIPT = COUNT_FUNCTIONS + "return count_message(KEYS, ARGV, tonumber(ARGV[5]))"


@dataclass(frozen=True)
class MessageRateLimit:
    """How many messages of one phone we answer."""

    per_ten_minutes: int
    per_day: int


FOREIGN_RATE_LIMIT = MessageRateLimit(per_ten_minutes=12, per_day=20)
"""For a foreign number by SMS, which costs up to fifty times a local text. Somebody who owns premium numbers earns with
each of our answers (SMS pumping), so they get few. A parent who was deported still gets theirs."""


def get_default_limit() -> MessageRateLimit:
    """The rate limit of a phone in the district's country, and of every phone on WhatsApp, where all cost alike."""
    return MessageRateLimit(MAX_MESSAGES_PER_TEN_MINUTES, MAX_MESSAGES_PER_DAY)


def get_message_rate_limit(address: str) -> MessageRateLimit:
    """How many messages of this address we answer."""
    is_foreign = address.startswith("+") and get_region(address) not in DOMESTIC_REGIONS
    return FOREIGN_RATE_LIMIT if is_foreign else get_default_limit()


def build_keys(family_hash: str) -> list[str]:
    """The keys that count this family's messages. The last one counts all new phones."""
    return [f"puente:pace:{part}:{family_hash}" for part in ("soon", "day", "told")] + ["puente:pace:strangers"]


def build_script_limits(limit: MessageRateLimit) -> list[int]:
    """What the script compares with."""
    return [limit.per_ten_minutes, limit.per_day, RATE_WINDOW_MINUTES * 60, MAX_STRANGERS_PER_MINUTE]


def count_sent(storage: RedisStorage, family_hash: str) -> bool:
    """Count one more text or call to this family; whether the day's rate limit allows it. Raises RedisError."""
    return FixedWindowRateLimiter(storage).hit(SENT_RATE_LIMIT, family_hash)


def list_keys_to_erase(family_hash: str) -> list[str]:
    """The keys of everything that is counted for this family."""
    sent_key = f"{RATE_LIMIT_KEY_PREFIX}:{SENT_RATE_LIMIT.key_for(family_hash)}"
    return [*build_keys(family_hash)[:-1], sent_key]
