"""What Redis remembers of translations: the machine's answers, sealed.  Without Redis everything works, only slower."""

import json
import logging
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Protocol, TypeVar

from redis import Redis
from redis.exceptions import RedisError

TRANSLATION_CACHE_SECONDS = 30 * 24 * 3600
REDIS_RETRY_SECONDS = 10
"""So long a Redis that failed is not asked again: each asking would cost its time-out."""
T = TypeVar("T")

log = logging.getLogger(__name__)


class CacheVault(Protocol):
    """Seals and opens (`bot.base.encryption.Vault`)."""

    def encrypt(self, text: str, place: str) -> str:
        """Encrypted for this place."""

    def decrypt(self, sealed: str, place: str) -> str:
        """The text again; raises an `Exception` if it was not sealed there with a present key."""


class TranslationCache:
    """Redis as far as it is there.  Holds nothing personal in the clear: keys are hashes, values are sealed."""

    def __init__(self, redis: Redis, vault: CacheVault) -> None:
        self.redis, self._vault = redis, vault
        self._away_until = 0.0

    def try_redis(self, call: Callable[[], T], fallback: T) -> T:
        """What `call` makes of Redis, or `otherwise` while Redis is away."""
        if time.monotonic() < self._away_until:
            return fallback
        try:
            return call()
        except RedisError as error:
            self._away_until = time.monotonic() + REDIS_RETRY_SECONDS
            log.warning("translating without Redis: %s", type(error).__name__)
            return fallback

    def find_translation(self, key: str) -> str | None:
        """The text kept under this key, if it can be opened."""
        sealed = self.try_redis(lambda: self.redis.get(key), None)
        if not isinstance(sealed, (bytes, str)):
            return None
        try:
            return self._vault.decrypt(sealed.decode() if isinstance(sealed, bytes) else sealed, key)
        except Exception:  # a key that was taken away: it is translated anew
            return None

    def save_translation(self, key: str, text: str, seconds: int = TRANSLATION_CACHE_SECONDS) -> None:
        """Keep a text so long, sealed for this key."""
        sealed = self._vault.encrypt(text, key)
        self.try_redis(lambda: self.redis.set(key, sealed, ex=seconds), None)


def build_cache_key(provider: str, source: str, target: str, protected_text: str) -> str:
    """Under which a translation is kept: a hash, from which the text cannot be read."""
    key_parts = json.dumps([provider, source, target, protected_text])
    return f"puente:translated:{sha256(key_parts.encode()).hexdigest()}"
