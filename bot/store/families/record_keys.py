"""Family keys: each family has its own random AES-256 key, encrypted with `DATA_KEY`. Erasure destroys the key.

All code that encrypts or decrypts family data uses this module. `get_encryptor` returns the key of a contact's family
and creates it on first use. `get_decryptor` decrypts values under any key. Both cache keys for one transaction.
Data that no family owns (staff, community leaders, partners, conversations in Redis) stays under `DATA_KEY` itself.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from typing import Any, Protocol
from weakref import WeakKeyDictionary, ref

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, Table, and_, or_, select
from sqlalchemy.engine import Row

from bot.base.database import Transaction, metadata
from bot.base.encryption import DecryptionError, FamilyKey, Vault, read_family_key_number
from bot.store.families.contacts import contacts
from bot.store.unique_rows import insert_if_new

family_keys = Table(
    "family_keys",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("family_id", ForeignKey("families.id"), unique=True),
    Column("contact_id", ForeignKey("contacts.id"), unique=True),
    Column("wrapped", LargeBinary, nullable=False),
)
"""`id` is random and never reused. Either `family_id` is set, or `contact_id` for a contact without a family."""

FAMILY_KEY_BYTES = 32
KEY_LOOKUP_BATCH_SIZE = 500
"""Keys per query: SQLite before version 3.32 allows at most 999 values (SQLITE_MAX_VARIABLE_NUMBER)."""


class Encryptor(Protocol):
    """Encrypts values: with a family's own key, or with the vault for data that no family owns."""

    def encrypt(self, text: str, context: str) -> str:
        """Encrypt a text. Decryption needs the same context."""

    def encrypt_bytes(self, data: bytes, context: str) -> bytes:
        """Encrypt bytes, such as the sound of a voice note."""


class Decryptor:
    """Decrypts values under family keys and `DATA_KEY` in one transaction, and caches the keys."""

    def __init__(self, db: Transaction) -> None:
        self._db, self._vault = ref(db), db.vault  # a weak reference, so that `_decryptors` lets transactions end
        self._keys: dict[int, FamilyKey] = {}

    def decrypt(self, encrypted: str, context: str) -> str:
        """Decrypt a text.

        Raises:
            DecryptionError: The key was destroyed, or the context is another one.
        """
        try:
            return self.decrypt_bytes(urlsafe_b64decode(encrypted), context).decode()
        except ValueError:
            raise DecryptionError(f"the value in {_get_context_kind(context)} is not an encrypted text") from None

    def decrypt_bytes(self, encrypted: bytes, context: str) -> bytes:
        """Decrypt bytes, such as the sound of a voice note. Raises `DecryptionError` like `decrypt`."""
        number = read_family_key_number(encrypted)
        if number is None:
            return self._vault.decrypt_bytes(encrypted, context)
        self._fetch_keys([number])
        key = self._keys.get(number)
        if key is None:
            raise DecryptionError(f"the key of the value in {_get_context_kind(context)} was destroyed")
        return key.decrypt_bytes(encrypted, context)

    def preload_keys(self, encrypted: Iterable[str | None]) -> "Decryptor":
        """Fetch the keys of many values in few queries, and return this decryptor."""
        numbers = {read_family_key_number(urlsafe_b64decode(value)) for value in encrypted if value}
        self._fetch_keys([number for number in numbers if number is not None])
        return self

    def remember_key(self, key: FamilyKey) -> None:
        """Cache a key for the rest of the transaction."""
        self._keys[key.number] = key

    def _fetch_keys(self, numbers: list[int]) -> None:
        missing, db = [number for number in numbers if number not in self._keys], self._db()
        assert db is not None, "a decryptor is used within its transaction"
        for start in range(0, len(missing), KEY_LOOKUP_BATCH_SIZE):
            batch = missing[start : start + KEY_LOOKUP_BATCH_SIZE]
            for row in db.execute(select(family_keys).where(family_keys.c.id.in_(batch))):
                self.remember_key(_build_key(row, self._vault))


class _FamilyEncryptor:
    """Encrypts with a family's key."""

    def __init__(self, key: FamilyKey) -> None:
        self._key = key

    def encrypt(self, text: str, context: str) -> str:
        return urlsafe_b64encode(self._key.encrypt_bytes(text.encode(), context)).decode()

    def encrypt_bytes(self, data: bytes, context: str) -> bytes:
        return self._key.encrypt_bytes(data, context)


_decryptors: WeakKeyDictionary[Transaction, Decryptor] = WeakKeyDictionary()
"""One decryptor for each transaction, which is freed together with it."""
_encryptors: WeakKeyDictionary[Transaction, dict[int, Encryptor]] = WeakKeyDictionary()


def get_decryptor(db: Transaction, encrypted: Iterable[str | None] = ()) -> Decryptor:
    """Return the decryptor of this transaction.

    To decrypt many values, pass them as `encrypted`: the decryptor then fetches their keys in few queries.
    """
    decryptor = _decryptors.get(db)
    if decryptor is None:
        decryptor = _decryptors[db] = Decryptor(db)
    return decryptor.preload_keys(encrypted)


def get_encryptor(db: Transaction, contact_id: int | None) -> Encryptor:
    """Return the encryptor of this contact's family, or the vault if the contact is None or was erased."""
    if contact_id is None:
        return db.vault
    encryptors = _encryptors.setdefault(db, {})
    if contact_id in encryptors:
        return encryptors[contact_id]
    key = _find_or_create_key(db, contact_id)
    if key is None:
        return db.vault
    encryptor = _FamilyEncryptor(key)
    if not db.in_nested_transaction():  # a rollback to the savepoint removes a new key, so don't cache it
        encryptors[contact_id] = encryptor
    return encryptor


def forget_keys(db: Transaction) -> None:
    """Forget the cached keys of this transaction, because it erased a family."""
    _decryptors.pop(db, None)
    _encryptors.pop(db, None)


def _find_or_create_key(db: Transaction, contact_id: int) -> FamilyKey | None:
    key = _find_key(db, contact_id)
    if key is None:
        _create_key(db, contact_id)
        key = _find_key(db, contact_id)
    return key


def _find_key(db: Transaction, contact_id: int) -> FamilyKey | None:
    is_owner = or_(
        family_keys.c.family_id == contacts.c.family_id,
        and_(contacts.c.family_id.is_(None), family_keys.c.contact_id == contacts.c.id),
    )
    query = select(family_keys).join(contacts, is_owner).where(contacts.c.id == contact_id)
    row = db.execute(query).one_or_none()
    return _build_key(row, db.vault) if row else None


def _create_key(db: Transaction, contact_id: int) -> None:
    """Create the key of a contact's family, unless another process has just created it."""
    contact = db.execute(select(contacts.c.family_id).where(contacts.c.id == contact_id)).first()
    if contact is None:
        return
    number, owner = secrets.randbits(63), {"family_id": contact.family_id, "contact_id": None}
    if contact.family_id is None:
        owner["contact_id"] = contact_id
    wrapped = db.vault.encrypt_bytes(secrets.token_bytes(FAMILY_KEY_BYTES), build_context(number, **owner))
    insert_if_new(db, family_keys, {"id": number, "wrapped": wrapped, **owner})


def _build_key(row: Row[Any], vault: Vault) -> FamilyKey:
    context = build_context(row.id, row.family_id, row.contact_id)
    return FamilyKey(row.id, vault.decrypt_bytes(row.wrapped, context))


def build_context(number: int, family_id: int | None, contact_id: int | None) -> str:
    """Return the encryption context of a family key, so that a key in another family's row can't be decrypted."""
    return f"family key:{number}:{family_id or ''}:{contact_id or ''}"


def _get_context_kind(context: str) -> str:
    """Return the part of an encryption context that names no row."""
    return context.split(":", maxsplit=1)[0]
