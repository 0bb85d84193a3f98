"""Cache machine translations in Redis, encrypted. Without Redis, everything works but slower."""

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
"""After a failure, Redis gets no request for this long, because each request would cost its timeout."""
T = TypeVar("T")

log = logging.getLogger(__name__)


class CacheVault(Protocol):
    """Encrypt and decrypt (`bot.base.encryption.Vault`)."""

    def encrypt(self, text: str, place: str) -> str:
        """Return the text encrypted for this place."""

    def decrypt(self, sealed: str, place: str) -> str:
        """Return the text. Raises an `Exception` if a present key didn't encrypt it for this place."""


class TranslationCache:
    """Use Redis if it's available.

    Keys are hashes and values are encrypted, so Redis holds no readable personal data.
    """

    def __init__(self, redis: Redis, vault: CacheVault) -> None:
        self.redis, self._vault = redis, vault
        self._away_until = 0.0

    def try_redis(self, call: Callable[[], T], fallback: T) -> T:
        """Return the result of `call`, or `fallback` while Redis isn't available."""
        if time.monotonic() < self._away_until:
            return fallback
        try:
            return call()
        except RedisError as error:
            self._away_until = time.monotonic() + REDIS_RETRY_SECONDS
            log.warning("translating without Redis: %s", type(error).__name__)
            return fallback

    def find_translation(self, key: str) -> str | None:
        """Return the text under this key, or None if it's missing or a key to decrypt it is missing."""
        encrypted = self.try_redis(lambda: self.redis.get(key), None)
        if isinstance(encrypted, bytes):
            encrypted = encrypted.decode()
        if not isinstance(encrypted, str):
            return None
        try:
            return self._vault.decrypt(encrypted, key)
        except Exception:  # the key is gone, so translate the text again
            return None

    def save_translation(self, key: str, text: str, seconds: int = TRANSLATION_CACHE_SECONDS) -> None:
        """Save a text for `seconds`, encrypted for this key."""
        encrypted = self._vault.encrypt(text, key)
        self.try_redis(lambda: self.redis.set(key, encrypted, ex=seconds), None)


def build_cache_key(provider: str, source: str, target: str, protected_text: str) -> str:
    """Return the Redis key of a translation: a hash that doesn't reveal the text."""
    key_parts = json.dumps([provider, source, target, protected_text])
    return f"puente:translated:{sha256(key_parts.encode()).hexdigest()}"
