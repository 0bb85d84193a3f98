"""The circuit breaker: a provider that fails again and again is left alone for a minute, by all processes together.

Then one attempt at a time is let through: the first that succeeds closes it, one that fails gives it another minute.
"""

from typing import Final

from bot.translation.provider import TranslationErrorReason
from bot.translation.translation_cache import TranslationCache

FAILURES_TO_OPEN: Final = 5
"""So many in a row open it."""
OPEN_MILLISECONDS: Final = 60_000
ATTEMPT_LEASE_MILLISECONDS: Final = 60_000
"""How long the one attempt may hold its turn if its process dies."""
FAILURE_COUNT_TTL_SECONDS: Final = 24 * 3600
PROVIDER_FAILURES: Final[frozenset[TranslationErrorReason]] = frozenset(
    {"time-out", "busy", "broken", "unreachable", "garbage"}
)
"""Failures of the provider; a text that came back unchanged or without its marks says nothing about the next one."""

# One script each, so that no two processes see a state between.  KEYS: failures, resting, attempt.
_ALLOW_SCRIPT = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then return 1 end
if redis.call('SET', KEYS[3], '1', 'NX', 'PX', ARGV[2]) then return 1 end
return 0
"""
_FAILURE_SCRIPT = """
redis.call('DEL', KEYS[3])
local failures = redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
if failures >= tonumber(ARGV[1]) then redis.call('SET', KEYS[2], '1', 'PX', ARGV[2]) end
return failures
"""


class CircuitBreaker:
    """One provider's breaker.  While Redis is away every attempt is let through."""

    def __init__(self, cache: TranslationCache, provider: str) -> None:
        self._cache = cache
        self._keys = [f"puente:translator:{provider}:{key_name}" for key_name in ("failures", "resting", "attempt")]
        self._allow_script = cache.redis.register_script(_ALLOW_SCRIPT)
        self._failure_script = cache.redis.register_script(_FAILURE_SCRIPT)

    def allow_request(self) -> bool:
        """Whether the provider may be asked now; whoever asks tells `told` what became of it."""
        return bool(
            self._cache.try_redis(
                lambda: self._allow_script(keys=self._keys, args=[FAILURES_TO_OPEN, ATTEMPT_LEASE_MILLISECONDS]), 1
            )
        )

    def record_result(self, failure: TranslationErrorReason | None) -> None:
        """What became of an attempt: None for an answer."""
        if failure in PROVIDER_FAILURES:
            self._cache.try_redis(
                lambda: self._failure_script(
                    keys=self._keys, args=[FAILURES_TO_OPEN, OPEN_MILLISECONDS, FAILURE_COUNT_TTL_SECONDS]
                ),
                None,
            )
        else:
            keys_to_delete = (
                self._keys[2:] if failure == "off" else self._keys
            )  # "off": the provider was not even asked
            self._cache.try_redis(lambda: self._cache.redis.delete(*keys_to_delete), None)
