"""Limit the rate of the district's sender numbers: a token bucket per second, and WhatsApp's limit per day.

All workers share both limits. The bucket is a script, because the library `limits` has none. `limits` counts the day
as a moving window.

The bucket holds less than half a second of messages, so that no burst follows a pause and two workers together stay
within the rate. Permits are granted for a fifth of a second at a time, because each claim is a transaction and
families' messages need the database too. The bucket uses the clock of Redis, so machines may disagree on the time.
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
"""How long a sender pauses after "too many requests". The pause doubles each time in a row."""

TAKE_SCRIPT = """
local now = redis.call('TIME')
local seconds = tonumber(now[1]) + tonumber(now[2]) / 1000000
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local want, rate, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if rate <= 0 then return want end
local saved = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, last = tonumber(saved[1]) or 0, tonumber(saved[2]) or seconds
tokens = math.min(most, tokens + math.max(0, seconds - last) * rate)
local granted = math.min(want, math.floor(tokens))
if granted < math.min(want, tonumber(ARGV[4])) then granted = 0 end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens - granted), 'at', string.format('%.6f', seconds))
redis.call('EXPIRE', KEYS[1], 3600)
return granted
"""


@dataclass(frozen=True)
class SenderTokenBucket:
    """The rate limits of one sender. All methods raise `redis.RedisError` while Redis is away."""

    redis: Redis
    sender: str
    sending_rate: SendingRate

    def take_permits(self, want: int) -> int:
        """Return permits for up to `want` messages, or 0 until there are enough to be worth a claim."""
        rate = self.sending_rate.per_second or 0.0
        capacity, min_grant = max(1.0, rate * BURST_SECONDS), max(1.0, rate * MIN_GRANT_SECONDS)
        keys = [f"puente:pace:{self.sender}", f"puente:rest:{self.sender}"]
        return int(self.redis.eval(TAKE_SCRIPT, 2, *keys, want, rate, capacity, min_grant))

    def return_permits(self, unused: int) -> None:
        """Return permits that were not used, because there were too few messages."""
        if unused and self.sending_rate.per_second:
            self.redis.hincrbyfloat(f"puente:pace:{self.sender}", "tokens", unused)

    def take_daily_permit(self) -> bool:
        """Count one message outside a conversation, and return whether WhatsApp's 24-hour limit allows it."""
        if self.sending_rate.per_day is None:
            return True
        rate_limit = RateLimitItemPerDay(self.sending_rate.per_day, namespace="announcements")
        return self._daily_limiter.hit(rate_limit, self.sender)

    @cached_property
    def _daily_limiter(self) -> MovingWindowRateLimiter:
        return MovingWindowRateLimiter(open_rate_limit_storage(self.redis))

    def start_cooldown(self) -> None:
        """Pause this sender after "too many requests", twice as long each time in a row."""
        count = int(self.redis.incr(f"puente:rested:{self.sender}"))
        self.redis.expire(f"puente:rested:{self.sender}", 60)
        milliseconds = int(min(30.0, COOLDOWN_SECONDS * 2 ** (count - 1)) * 1000)
        self.redis.set(f"puente:rest:{self.sender}", 1, px=milliseconds)
