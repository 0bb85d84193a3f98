"""How much one phone, and all strangers together, may ask of the line; counted in Redis, by keyed hashes alone.

Nobody is refused help: what is over the measure is answered once with a sentence, and emergencies, STOP and "a person"
never are over it (`messaging/inbound_handler`).  Without Redis nothing is counted and everybody is answered.
"""

from dataclasses import dataclass
from typing import Literal

from redis import Redis

RateLimitResult = Literal["free", "tell", "silent", "crowd"]
"""`tell`: over the measure, and to be told so; `silent`: told already; `crowd`: very many strangers write at once."""

RATE_WINDOW_MINUTES = 10
MAX_MESSAGES_PER_TEN_MINUTES, MAX_MESSAGES_PER_DAY = 60, 300
"""Messages of one phone.  A family in a long talk writes some forty in an hour; two machines that answer each other
would never end (and each of our texts is paid for)."""
MAX_STRANGERS_PER_MINUTE = 1_000
"""New phones of the whole line.  Three hundred parents who text JOIN in a gymnasium stay far below."""
MAX_SENT_PER_DAY = 40
"""Texts and calls to one phone that it did not just ask for; pages to staff are not counted."""
DAY_SECONDS = 24 * 3600

COUNT_FUNCTIONS = """
local function counted(key, seconds)
  local number = redis.call('INCR', key)
  if number == 1 then redis.call('EXPIRE', key, seconds) end
  return number
end
local function pace(keys, most, known)
  local crowd = known == 0 and counted(keys[4], 60) > tonumber(most[4])
  local soon, day = counted(keys[1], tonumber(most[3])), counted(keys[2], 86400)
  local over = soon > tonumber(most[1]) or day > tonumber(most[2])
  if not over then return crowd and 'crowd' or 'free' end
  return redis.call('SET', keys[3], '1', 'NX', 'EX', tonumber(most[3])) and 'tell' or 'silent'
end
"""
"""Lua for scripts that count a message: `keys` and `most` are `keys()` and `most()` below."""
COUNT_SCRIPT = COUNT_FUNCTIONS + "return pace(KEYS, ARGV, tonumber(ARGV[5]))"


@dataclass(frozen=True)
class MessageRateLimit:
    """So many messages of one phone are answered."""

    per_ten_minutes: int
    per_day: int


def get_default_limit() -> MessageRateLimit:
    """The measure of a phone in the district's country, and of every phone on WhatsApp."""
    return MessageRateLimit(MAX_MESSAGES_PER_TEN_MINUTES, MAX_MESSAGES_PER_DAY)


def build_keys(family_hash: str) -> list[str]:
    """Where this family is counted; the last one counts all strangers."""
    return [f"puente:pace:{part}:{family_hash}" for part in ("soon", "day", "told")] + ["puente:pace:strangers"]


def list_keys_to_erase(family_hash: str) -> list[str]:
    """Everything that is counted of this family, to be erased."""
    return [*build_keys(family_hash)[:-1], _build_daily_key("sent", family_hash)]


def build_script_limits(limit: MessageRateLimit) -> list[int]:
    """What the script compares with."""
    return [limit.per_ten_minutes, limit.per_day, RATE_WINDOW_MINUTES * 60, MAX_STRANGERS_PER_MINUTE]


def count_within_daily_limit(redis: Redis, counter_name: str, family_hash: str, limit: int) -> bool:
    """Count one more of `what` for this family today; whether it is still within the measure."""
    key = _build_daily_key(counter_name, family_hash)
    pipe = redis.pipeline()
    pipe.incr(key)
    pipe.expire(key, DAY_SECONDS, nx=True)
    return int(pipe.execute()[0]) <= limit


def _build_daily_key(counter_name: str, family_hash: str) -> str:
    return f"puente:pace:{counter_name}:{family_hash}"
