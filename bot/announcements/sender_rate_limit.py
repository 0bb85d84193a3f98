"""Rate limits of the district's sender numbers: a token bucket for each second, and WhatsApp's limit for each day.

All workers share both. The bucket is our own script, because the library `limits` has none. `limits` counts the day, as
a moving window.

The bucket holds less than half a second's worth: after a pause nothing leaves in a rush, and two workers together
never go faster than one may.  Leave is given for a fifth of a second's worth at a time: a claim is a transaction, and
families' messages need the database too.  Redis' own clock fills the bucket: machines need not agree on the time.
"""

from dataclasses import dataclass
from functools import cached_property

from limits import RateLimitItemPerDay
from limits.strategies import MovingWindowRateLimiter
from redis import Redis

from bot.base.redis_client import open_rate_limit_storage
from bot.content.district import SendingRate

BURST_SECONDS, MIN_GRANT_SECONDS = 0.4, 0.2
COOLDOWN_SECONDS = 1.0
"""After "too many requests" a sender rests so long, longer each time it happens again."""

TAKE_SCRIPT = """
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


@dataclass(frozen=True)
class SenderTokenBucket:
    """The rate limits of one sender. All methods raise `redis.RedisError` while Redis is away."""

    redis: Redis
    sender: str
    sending_rate: SendingRate

    def take_permits(self, want: int) -> int:
        """Leave for so many messages now, up to `want`; 0 until there is enough for it to be worth a claim."""
        rate = self.sending_rate.per_second or 0.0
        most, worth = max(1.0, rate * BURST_SECONDS), max(1.0, rate * MIN_GRANT_SECONDS)
        keys = [f"puente:pace:{self.sender}", f"puente:rest:{self.sender}"]
        return int(self.redis.eval(TAKE_SCRIPT, 2, *keys, want, rate, most, worth))

    def return_permits(self, unused: int) -> None:
        """Leave that was not used, because no message was there for it."""
        if unused and self.sending_rate.per_second:
            self.redis.hincrbyfloat(f"puente:pace:{self.sender}", "tokens", unused)

    def take_daily_permit(self) -> bool:
        """Whether one more person can get a message outside a conversation within these 24 hours (WhatsApp's tier)."""
        if self.sending_rate.per_day is None:
            return True
        rate_limit = RateLimitItemPerDay(self.sending_rate.per_day, namespace="announcements")
        return self._daily_limiter.hit(rate_limit, self.sender)

    @cached_property
    def _daily_limiter(self) -> MovingWindowRateLimiter:
        return MovingWindowRateLimiter(open_rate_limit_storage(self.redis))

    def start_cooldown(self) -> None:
        """The provider said "too many": nobody uses this sender for a while, twice as long each time in a row."""
        times = int(self.redis.incr(f"puente:rested:{self.sender}"))
        self.redis.expire(f"puente:rested:{self.sender}", 60)
        milliseconds = int(min(30.0, COOLDOWN_SECONDS * 2 ** (times - 1)) * 1000)
        self.redis.set(f"puente:rest:{self.sender}", 1, px=milliseconds)
