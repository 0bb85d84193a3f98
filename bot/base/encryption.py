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
OWN, NUMBER_BYTES = b"own\x01", 8
"""What a family's own key sealed begins so, where else the id of a `DATA_KEY` stands; then the key's number."""


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
        if any(_key_id(secret) == OWN for secret in secrets):
            raise ValueError("this key cannot be told from a family's own: take another one")
        self._ciphers = {_key_id(secret): AESGCM(secret) for secret in secrets}
        self._newest = _key_id(secrets[0])
        # The index must not change when a newer key is put in front, so it hangs on the oldest.
        self._index_secret = _derive(keys[-1], b"index")

    @property
    def key_ids(self) -> tuple[bytes, ...]:
        """What begins whatever one of the present keys sealed."""
        return tuple(self._ciphers)

    @property
    def newest(self) -> bytes:
        """What begins everything that the newest key sealed."""
        return self._newest

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
        return keyed_hash(self._index_secret, address)

    def wrap(self, secret: bytes | None, place: str) -> bytes:
        """A secret sealed for `place`; None: the one of `index`, for what was hashed with it and cannot be again."""
        return self.seal_bytes(self._index_secret if secret is None else secret, place)


class FamilyKey:
    """One family's own key: what it sealed is lost for everybody once the key is destroyed (erasing).

    AES-256-GCM under 32 random bytes.  What it seals begins with `OWN` and the key's number, which tell a reader
    which key opens it; both are bound in with the place.
    """

    def __init__(self, number: int, secret: bytes) -> None:
        self.number = number
        self._header = OWN + number.to_bytes(NUMBER_BYTES, "big")
        self._cipher = AESGCM(secret)

    def seal_bytes(self, data: bytes, place: str) -> bytes:
        """`data` encrypted for `place`."""
        nonce = os.urandom(NONCE_BYTES)
        return self._header + nonce + self._cipher.encrypt(nonce, data, self._header + place.encode())

    def open_bytes(self, sealed: bytes, place: str) -> bytes:
        """What `seal_bytes` sealed for `place`; raises `Unreadable` for anything else."""
        start = len(self._header)
        nonce, box = sealed[start : start + NONCE_BYTES], sealed[start + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, box, sealed[:start] + place.encode())
        except (ValueError, InvalidTag):
            raise _unreadable(place) from None


def keyed_hash(secret: bytes, text: str) -> str:
    """HMAC-SHA-256 (RFC 2104), as 64 hexadecimal digits."""
    return hmac.digest(secret, text.encode(), "sha256").hex()


def owner_of(sealed: bytes) -> int | None:
    """The number of the family's key that sealed this; None: `DATA_KEY` did."""
    return int.from_bytes(sealed[len(OWN) : len(OWN) + NUMBER_BYTES], "big") if sealed.startswith(OWN) else None


def _unreadable(place: str) -> Unreadable:
    return Unreadable(f"no present key opens what is stored at {place.split(':', maxsplit=1)[0]}")


def _derive(key: str, purpose: bytes) -> bytes:
    """A 256-bit key for one purpose from a setting of any length (the settings hold random keys, not passwords)."""
    return hmac.new(key.encode(), b"puente:" + purpose, hashlib.sha256).digest()


def _key_id(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()[:KEY_ID_BYTES]
