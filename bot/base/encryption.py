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
FAMILY_KEY_MARKER, KEY_NUMBER_BYTES = b"own\x01", 8
"""What a family's own key sealed begins so, where else the id of a `DATA_KEY` stands; then the key's number."""


class DecryptionError(Exception):
    """Sealed data that no present key opens: the key was taken away, or the data moved or was changed."""


class Vault:
    """Seals and opens texts and sounds with `DATA_KEY`; the newest key seals, every key opens.

    AES-GCM (NIST SP 800-38D) with the place (table, column, row) as associated data: a sealed phone number
    copied into another row does not open there.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("a vault needs at least one key")
        secrets = [_derive_key(key, b"seal") for key in keys]
        if any(_compute_key_id(secret) == FAMILY_KEY_MARKER for secret in secrets):
            raise ValueError("this key cannot be told from a family's own: take another one")
        self._ciphers = {_compute_key_id(secret): AESGCM(secret) for secret in secrets}
        self._newest_key_id = _compute_key_id(secrets[0])
        # The index must not change when a newer key is put in front, so it hangs on the oldest.
        self._lookup_secret = _derive_key(keys[-1], b"index")

    @property
    def key_ids(self) -> tuple[bytes, ...]:
        """What begins whatever one of the present keys sealed."""
        return tuple(self._ciphers)

    @property
    def newest_key_id(self) -> bytes:
        """What begins everything that the newest key sealed."""
        return self._newest_key_id

    def encrypt(self, text: str, context: str) -> str:
        """`text` encrypted for `place` ("contact:address:7f…"), as ASCII."""
        return urlsafe_b64encode(self.encrypt_bytes(text.encode(), context)).decode()

    def decrypt(self, encrypted: str, context: str) -> str:
        """The text sealed for `place`; raises `Unreadable` if it was not sealed there with a present key."""
        try:
            return self.decrypt_bytes(urlsafe_b64decode(encrypted), context).decode()
        except ValueError:
            raise _build_decryption_error(context) from None

    def encrypt_bytes(self, data: bytes, context: str) -> bytes:
        """The same for what is no text (a sound)."""
        nonce = os.urandom(NONCE_BYTES)
        return self._newest_key_id + nonce + self._ciphers[self._newest_key_id].encrypt(nonce, data, context.encode())

    def decrypt_bytes(self, encrypted: bytes, context: str) -> bytes:
        """What `seal_bytes` sealed for `place`; raises `Unreadable` as `open` does."""
        try:
            cipher = self._ciphers[encrypted[:KEY_ID_BYTES]]
            nonce, ciphertext = (
                encrypted[KEY_ID_BYTES : KEY_ID_BYTES + NONCE_BYTES],
                encrypted[KEY_ID_BYTES + NONCE_BYTES :],
            )
            return cipher.decrypt(nonce, ciphertext, context.encode())
        except (KeyError, ValueError, InvalidTag):
            raise _build_decryption_error(context) from None

    def compute_lookup_hash(self, address: str) -> str:
        """A keyed hash by which an address is found again, and from which it cannot be guessed without the key."""
        return compute_keyed_hash(self._lookup_secret, address)

    def wrap_secret(self, secret: bytes | None, context: str) -> bytes:
        """A secret sealed for `place`; None: the one of `index`, for what was hashed with it and cannot be again."""
        return self.encrypt_bytes(self._lookup_secret if secret is None else secret, context)


class FamilyKey:
    """One family's own key: what it sealed is lost for everybody once the key is destroyed (erasing).

    AES-256-GCM under 32 random bytes.  What it seals begins with `OWN` and the key's number, which tell a reader
    which key opens it; both are bound in with the place.
    """

    def __init__(self, number: int, secret: bytes) -> None:
        self.number = number
        self._header = FAMILY_KEY_MARKER + number.to_bytes(KEY_NUMBER_BYTES, "big")
        self._cipher = AESGCM(secret)

    def encrypt_bytes(self, data: bytes, context: str) -> bytes:
        """`data` encrypted for `place`."""
        nonce = os.urandom(NONCE_BYTES)
        return self._header + nonce + self._cipher.encrypt(nonce, data, self._header + context.encode())

    def decrypt_bytes(self, encrypted: bytes, context: str) -> bytes:
        """What `seal_bytes` sealed for `place`; raises `Unreadable` for anything else."""
        start = len(self._header)
        nonce, ciphertext = encrypted[start : start + NONCE_BYTES], encrypted[start + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, ciphertext, encrypted[:start] + context.encode())
        except (ValueError, InvalidTag):
            raise _build_decryption_error(context) from None


def compute_keyed_hash(secret: bytes, text: str) -> str:
    """HMAC-SHA-256 (RFC 2104), as 64 hexadecimal digits."""
    return hmac.digest(secret, text.encode(), "sha256").hex()


def read_family_key_number(encrypted: bytes) -> int | None:
    """The number of the family's key that sealed this; None: `DATA_KEY` did."""
    return (
        int.from_bytes(encrypted[len(FAMILY_KEY_MARKER) : len(FAMILY_KEY_MARKER) + KEY_NUMBER_BYTES], "big")
        if encrypted.startswith(FAMILY_KEY_MARKER)
        else None
    )


def _build_decryption_error(context: str) -> DecryptionError:
    return DecryptionError(f"no present key opens what is stored at {context.split(':', maxsplit=1)[0]}")


def _derive_key(key: str, purpose: bytes) -> bytes:
    """A 256-bit key for one purpose from a setting of any length (the settings hold random keys, not passwords)."""
    return hmac.new(key.encode(), b"puente:" + purpose, hashlib.sha256).digest()


def _compute_key_id(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()[:KEY_ID_BYTES]
