"""Encrypt personal values, bound to the place where they are stored, and look up addresses by a keyed hash."""

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
"""The first bytes of a value that a family key encrypted, in place of a `DATA_KEY` ID. The key's number follows."""


class DecryptionError(Exception):
    """No available key decrypts the data: a key was removed, or the data was moved or changed."""


class Vault:
    """Encrypts and decrypts texts and sounds with `DATA_KEY`. The newest key encrypts; every key decrypts.

    AES-GCM (NIST SP 800-38D) takes the place (table, column, row) as associated data, called `context` here. An
    encrypted phone number that is copied to another row cannot be decrypted there.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("a vault needs at least one key")
        secrets = [_derive_key(key, b"seal") for key in keys]
        if any(_compute_key_id(secret) == FAMILY_KEY_MARKER for secret in secrets):
            raise ValueError("the ID of this key is reserved for family keys: generate another key")
        self._ciphers = {_compute_key_id(secret): AESGCM(secret) for secret in secrets}
        self._newest_key_id = _compute_key_id(secrets[0])
        # Lookup hashes must not change when a newer key is added in front, so they use the oldest key.
        self._lookup_secret = _derive_key(keys[-1], b"index")

    @property
    def key_ids(self) -> tuple[bytes, ...]:
        """The IDs of the available keys. Every encrypted value begins with the ID of its key."""
        return tuple(self._ciphers)

    @property
    def newest_key_id(self) -> bytes:
        """The ID of the key that encrypts new values."""
        return self._newest_key_id

    def encrypt(self, text: str, context: str) -> str:
        """Return `text` encrypted for `context` ("contact:address:7f…"), as ASCII."""
        return urlsafe_b64encode(self.encrypt_bytes(text.encode(), context)).decode()

    def decrypt(self, encrypted: str, context: str) -> str:
        """Return the text that was encrypted for `context`.

        Raises `DecryptionError` if it was encrypted for another context or with a key that is not available.
        """
        try:
            return self.decrypt_bytes(urlsafe_b64decode(encrypted), context).decode()
        except ValueError:
            raise _build_decryption_error(context) from None

    def encrypt_bytes(self, data: bytes, context: str) -> bytes:
        """Return `data`, such as a sound, encrypted for `context`."""
        nonce = os.urandom(NONCE_BYTES)
        return self._newest_key_id + nonce + self._ciphers[self._newest_key_id].encrypt(nonce, data, context.encode())

    def decrypt_bytes(self, encrypted: bytes, context: str) -> bytes:
        """Return what `encrypt_bytes` encrypted for `context`. Raises `DecryptionError` as `decrypt` does."""
        key_id, nonce_and_ciphertext = encrypted[:KEY_ID_BYTES], encrypted[KEY_ID_BYTES:]
        try:
            return self._ciphers[key_id].decrypt(
                nonce_and_ciphertext[:NONCE_BYTES], nonce_and_ciphertext[NONCE_BYTES:], context.encode()
            )
        except (KeyError, ValueError, InvalidTag):
            raise _build_decryption_error(context) from None

    def compute_lookup_hash(self, address: str) -> str:
        """Return the keyed hash that finds an address. Without the key, no one can guess the address from it."""
        return compute_keyed_hash(self._lookup_secret, address)

    def wrap_secret(self, secret: bytes | None, context: str) -> bytes:
        """Return a secret encrypted for `context`.

        None wraps the secret of `compute_lookup_hash`, for hashes whose addresses are gone and cannot be hashed again.
        """
        if secret is None:
            secret = self._lookup_secret
        return self.encrypt_bytes(secret, context)


class FamilyKey:
    """The key of one family. When erasure destroys the key, no one can read what it encrypted.

    AES-256-GCM with 32 random bytes. Each encrypted value begins with `FAMILY_KEY_MARKER` and the key's number, which
    show which key decrypts it. Both are part of the associated data, with the context.
    """

    def __init__(self, number: int, secret: bytes) -> None:
        self.number = number
        self._header = FAMILY_KEY_MARKER + number.to_bytes(KEY_NUMBER_BYTES, "big")
        self._cipher = AESGCM(secret)

    def encrypt_bytes(self, data: bytes, context: str) -> bytes:
        """Return `data` encrypted for `context`."""
        nonce = os.urandom(NONCE_BYTES)
        return self._header + nonce + self._cipher.encrypt(nonce, data, self._header + context.encode())

    def decrypt_bytes(self, encrypted: bytes, context: str) -> bytes:
        """Return what `encrypt_bytes` encrypted for `context`. Raises `DecryptionError` for anything else."""
        start = len(self._header)
        nonce, ciphertext = encrypted[start : start + NONCE_BYTES], encrypted[start + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, ciphertext, encrypted[:start] + context.encode())
        except (ValueError, InvalidTag):
            raise _build_decryption_error(context) from None


def compute_keyed_hash(secret: bytes, text: str) -> str:
    """Return the HMAC-SHA-256 (RFC 2104) of a text, as 64 hexadecimal digits."""
    return hmac.digest(secret, text.encode(), "sha256").hex()


def read_family_key_number(encrypted: bytes) -> int | None:
    """Return the number of the family key that encrypted this, or None if `DATA_KEY` did."""
    if not encrypted.startswith(FAMILY_KEY_MARKER):
        return None
    start = len(FAMILY_KEY_MARKER)
    return int.from_bytes(encrypted[start : start + KEY_NUMBER_BYTES], "big")


def _build_decryption_error(context: str) -> DecryptionError:
    return DecryptionError(f"no available key decrypts what is stored at {context.split(':', maxsplit=1)[0]}")


def _derive_key(key: str, purpose: bytes) -> bytes:
    """Derive a 256-bit key for one purpose from a setting of any length. Settings hold random keys, not passwords."""
    return hmac.new(key.encode(), b"puente:" + purpose, hashlib.sha256).digest()


def _compute_key_id(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()[:KEY_ID_BYTES]
