"""Stop requests to a provider that fails repeatedly: a circuit breaker, shared by all processes.

After a minute, the breaker allows one attempt at a time. A success closes the breaker. A failure opens it for another
minute.
"""

from typing import Final

from bot.translation.provider import TranslationErrorReason
from bot.translation.translation_cache import TranslationCache

FAILURES_TO_OPEN: Final = 5
"""The number of failures in a row that opens the breaker."""
OPEN_MILLISECONDS: Final = 60_000
ATTEMPT_LEASE_MILLISECONDS: Final = 60_000
"""The maximum time of one attempt, in case its process dies."""
FAILURE_COUNT_TTL_SECONDS: Final = 24 * 3600
PROVIDER_FAILURES: Final[frozenset[TranslationErrorReason]] = frozenset(
    {"time-out", "busy", "broken", "unreachable", "garbage"}
)
"""Reasons that count as failures of the provider. Texts that came back unchanged or without marks don't count."""

# Each check is one script, so that no process sees an intermediate state. KEYS: failures, resting, attempt.
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
    """Hold the breaker of one provider. Without Redis, it allows every attempt."""

    def __init__(self, cache: TranslationCache, provider: str) -> None:
        self._cache = cache
        self._keys = [f"puente:translator:{provider}:{key_name}" for key_name in ("failures", "resting", "attempt")]
        self._allow_script = cache.redis.register_script(_ALLOW_SCRIPT)
        self._failure_script = cache.redis.register_script(_FAILURE_SCRIPT)

    def allow_request(self) -> bool:
        """Return whether the provider may get a request now. After the request, call `record_result`."""
        return bool(
            self._cache.try_redis(
                lambda: self._allow_script(keys=self._keys, args=[FAILURES_TO_OPEN, ATTEMPT_LEASE_MILLISECONDS]), 1
            )
        )

    def record_result(self, failure: TranslationErrorReason | None) -> None:
        """Record the result of an attempt: None for a success."""
        if failure in PROVIDER_FAILURES:
            self._cache.try_redis(
                lambda: self._failure_script(
                    keys=self._keys, args=[FAILURES_TO_OPEN, OPEN_MILLISECONDS, FAILURE_COUNT_TTL_SECONDS]
                ),
                None,
            )
        else:
            # After "off", the provider got no request, so the failure count stays.
            keys_to_delete = self._keys[2:] if failure == "off" else self._keys
            self._cache.try_redis(lambda: self._cache.redis.delete(*keys_to_delete), None)
