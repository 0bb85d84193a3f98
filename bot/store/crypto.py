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
    """Seals and opens texts and sounds with `DATA_KEY`; the newest key seals, every key opens.

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
        return urlsafe_b64encode(self.seal_bytes(text.encode(), place)).decode()

    def open(self, sealed: str, place: str) -> str:
        """The text sealed for `place`; raises `Unreadable` if it was not sealed there with a present key."""
        try:
            return self.open_bytes(urlsafe_b64decode(sealed), place).decode()
        except ValueError:
            raise _unreadable(place) from None

    def seal_bytes(self, data: bytes, place: str) -> bytes:
        """The same for what is no text (a sound)."""
        nonce = os.urandom(NONCE_BYTES)
        return self._newest + nonce + self._ciphers[self._newest].encrypt(nonce, data, place.encode())

    def open_bytes(self, sealed: bytes, place: str) -> bytes:
        """What `seal_bytes` sealed for `place`; raises `Unreadable` as `open` does."""
        try:
            cipher = self._ciphers[sealed[:KEY_ID_BYTES]]
            nonce, box = sealed[KEY_ID_BYTES : KEY_ID_BYTES + NONCE_BYTES], sealed[KEY_ID_BYTES + NONCE_BYTES :]
            return cipher.decrypt(nonce, box, place.encode())
        except (KeyError, ValueError, InvalidTag):
            raise _unreadable(place) from None

    def index(self, address: str) -> str:
        """A keyed hash by which an address is found again, and from which it cannot be guessed without the key."""
        return hmac.new(self._index_secret, address.encode(), hashlib.sha256).hexdigest()


def _unreadable(place: str) -> Unreadable:
    return Unreadable(f"no present key opens what is stored at {place.split(':', maxsplit=1)[0]}")


def _derive(key: str, purpose: bytes) -> bytes:
    """A 256-bit key for one purpose from a setting of any length (the settings hold random keys, not passwords)."""
    return hmac.new(key.encode(), b"puente:" + purpose, hashlib.sha256).digest()


def _key_id(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()[:KEY_ID_BYTES]
