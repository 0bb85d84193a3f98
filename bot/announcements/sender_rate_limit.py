"""How fast each sender number may go: a token bucket in Redis, shared by all workers, and WhatsApp's limit of a day.

The bucket holds less than half a second's worth: after a pause nothing leaves in a rush, and two workers together
never go faster than one may.  Leave is given for a fifth of a second's worth at a time: a claim is a transaction, and
families' messages need the database too.  Redis' own clock counts, so the machines need not agree on the time.
"""

from dataclasses import dataclass

from redis import Redis

from bot.content.district import Pace

BURST_SECONDS, WORTH_SECONDS = 0.4, 0.2
REST_SECONDS = 1.0
"""After "too many requests" a sender rests so long, longer each time it happens again."""
DAY_SLOTS, SLOT_SECONDS = 144, 600
"""A moving day is counted in ten-minute slots; the slot that is half over counts whole."""

TAKE = """
local now = redis.call('TIME')
local at = tonumber(now[1]) + tonumber(now[2]) / 1000000
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local want, rate, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if rate <= 0 then return want end
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, last = tonumber(kept[1]) or 0, tonumber(kept[2]) or at
tokens = math.min(most, tokens + math.max(0, at - last) * rate)
local given = math.min(want, math.floor(tokens))
if given < math.min(want, tonumber(ARGV[4])) then given = 0 end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens - given), 'at', string.format('%.6f', at))
redis.call('EXPIRE', KEYS[1], 3600)
return given
"""

TAKE_DAY = """
local slot = math.floor(tonumber(redis.call('TIME')[1]) / ARGV[3])
local used = 0
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if tonumber(field) <= slot - ARGV[4] then redis.call('HDEL', KEYS[1], field)
  else used = used + tonumber(redis.call('HGET', KEYS[1], field)) end
end
local given = math.max(0, math.min(tonumber(ARGV[1]), tonumber(ARGV[2]) - used))
if given > 0 then redis.call('HINCRBY', KEYS[1], tostring(slot), given) end
redis.call('EXPIRE', KEYS[1], 90000)
return given
"""


@dataclass(frozen=True)
class Bucket:
    """The pace of one sender.  All methods raise `redis.RedisError` while Redis is away."""

    redis: Redis
    sender: str
    pace: Pace

    def take(self, want: int) -> int:
        """Leave for so many messages now, up to `want`; 0 until there is enough for it to be worth a claim."""
        rate = self.pace.per_second or 0.0
        most, worth = max(1.0, rate * BURST_SECONDS), max(1.0, rate * WORTH_SECONDS)
        keys = [f"puente:pace:{self.sender}", f"puente:rest:{self.sender}"]
        return int(self.redis.eval(TAKE, 2, *keys, want, rate, most, worth))

    def give_back(self, unused: int) -> None:
        """Leave that was not used, because no message was there for it."""
        if unused and self.pace.per_second:
            self.redis.hincrbyfloat(f"puente:pace:{self.sender}", "tokens", unused)

    def take_day(self, want: int) -> int:
        """Leave to write to so many people outside a talk today, up to `want` (WhatsApp's tier)."""
        if self.pace.per_day is None:
            return want
        given = (want, self.pace.per_day, SLOT_SECONDS, DAY_SLOTS)
        return int(self.redis.eval(TAKE_DAY, 1, f"puente:day:{self.sender}", *given))

    def rest(self) -> None:
        """The provider said "too many": nobody uses this sender for a while, twice as long each time in a row."""
        times = int(self.redis.incr(f"puente:rested:{self.sender}"))
        self.redis.expire(f"puente:rested:{self.sender}", 60)
        milliseconds = int(min(30.0, REST_SECONDS * 2 ** (times - 1)) * 1000)
        self.redis.set(f"puente:rest:{self.sender}", 1, px=milliseconds)
