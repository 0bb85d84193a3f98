"""Sealing: what is personal is stored encrypted, bound to its place; addresses are looked up by a keyed hash."""

import hashlib
import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
KEY_ID_BYTES = 4


class Unreadable(Exception):
    """Sealed data that no present key opens: the key was taken away, or the data moved or was changed."""


class Vault:
    """Seals and opens short texts with `DATA_KEY`; the newest key seals, every key opens.

    AES-GCM (NIST SP 800-38D) with the place (table, column, row) as associated data: a sealed phone number
    copied into another row does not open there.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("a vault needs at least one key")
        secrets = [_derive(key, b"seal") for key in keys]
        self._ciphers = {_key_id(secret): AESGCM(secret) for secret in secrets}
        self._newest = _key_id(secrets[0])
        # The index must not change when a newer key is put in front, so it hangs on the oldest.
        self._index_secret = _derive(keys[-1], b"index")

    def seal(self, text: str, place: str) -> str:
        """`text` encrypted for `place` ("contact:address:7f…"), as ASCII."""
        nonce = os.urandom(NONCE_BYTES)
        box = self._ciphers[self._newest].encrypt(nonce, text.encode(), place.encode())
        return urlsafe_b64encode(self._newest + nonce + box).decode()

    def open(self, sealed: str, place: str) -> str:
        """The text sealed for `place`; raises `Unreadable` if it was not sealed there with a present key."""
        try:
            raw = urlsafe_b64decode(sealed)
            cipher = self._ciphers[raw[:KEY_ID_BYTES]]
            nonce, box = raw[KEY_ID_BYTES : KEY_ID_BYTES + NONCE_BYTES], raw[KEY_ID_BYTES + NONCE_BYTES :]
            return cipher.decrypt(nonce, box, place.encode()).decode()
        except (KeyError, ValueError, InvalidTag):
            raise Unreadable(f"no present key opens what is stored at {place.split(':', maxsplit=1)[0]}") from None

    def index(self, address: str) -> str:
        """A keyed hash by which an address is found again, and from which it cannot be guessed without the key."""
        return hmac.new(self._index_secret, address.encode(), hashlib.sha256).hexdigest()


def _derive(key: str, purpose: bytes) -> bytes:
    """A 256-bit key for one purpose from a setting of any length (the settings hold random keys, not passwords)."""
    return hmac.new(key.encode(), b"puente:" + purpose, hashlib.sha256).digest()


def _key_id(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()[:KEY_ID_BYTES]
