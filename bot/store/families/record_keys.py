"""Family keys: each family's own random AES-256 key, wrapped by `DATA_KEY`; erasing the family destroys it.

The one door for sealing and opening what belongs to families.  `sealer` gives the key of a contact (made when it is
first needed), `reader` opens whatever any key sealed.  Both look up a key once in a transaction and forget it with it.
What no family owns (staff, leaders, partners, the day's conversation in Redis) stays under `DATA_KEY` itself.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from typing import Protocol
from weakref import WeakKeyDictionary, ref

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, Table, and_, insert, or_, select
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, metadata
from bot.base.encryption import DecryptionError, FamilyKey, read_family_key_number
from bot.store.families.contacts import contacts

family_keys = Table(
    "family_keys",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("family_id", ForeignKey("families.id"), unique=True),
    Column("contact_id", ForeignKey("contacts.id"), unique=True),
    Column("wrapped", LargeBinary, nullable=False),
)
"""`id` is random and never used again; one of `family_id` and `contact_id` is set (a contact may have no family)."""

FAMILY_KEY_BYTES = 32
KEY_LOOKUP_BATCH_SIZE = 500
"""So many keys are asked for in one query: SQLite takes no more than 999 values."""


class Encryptor(Protocol):
    """Whatever seals: a family's own key, or the vault for what no family owns."""

    def encrypt(self, text: str, context: str) -> str:
        """`text` encrypted for `place`."""

    def encrypt_bytes(self, data: bytes, context: str) -> bytes:
        """The same for a sound."""


class Decryptor:
    """Opens what families' keys and `DATA_KEY` sealed, in one transaction; knows a key that it has looked up."""

    def __init__(self, db: Transaction) -> None:
        self._db, self._vault = ref(db), db.vault  # weakly: `_readers` must not keep the transaction alive
        self._keys: dict[int, FamilyKey] = {}

    def decrypt(self, encrypted: str, context: str) -> str:
        """The text sealed for `place`; raises `Unreadable` if its key was destroyed, or it was not sealed there."""
        try:
            return self.decrypt_bytes(urlsafe_b64decode(encrypted), context).decode()
        except ValueError:
            raise DecryptionError(f"what is stored at {context.split(':', maxsplit=1)[0]} is no sealed text") from None

    def decrypt_bytes(self, encrypted: bytes, context: str) -> bytes:
        """The same for a sound."""
        number = read_family_key_number(encrypted)
        if number is None:
            return self._vault.decrypt_bytes(encrypted, context)
        self._fetch_keys([number])
        key = self._keys.get(number)
        if key is None:
            raise DecryptionError(f"the key of what is stored at {context.split(':', maxsplit=1)[0]} was destroyed")
        return key.decrypt_bytes(encrypted, context)

    def preload_keys(self, encrypted: Iterable[str | None]) -> "Decryptor":
        """This reader, with the keys of many rows looked up together."""
        found = {read_family_key_number(urlsafe_b64decode(one)) for one in encrypted if one}
        self._fetch_keys([number for number in found if number is not None])
        return self

    def remember_key(self, key: FamilyKey) -> None:
        """Keep a key for the rest of the transaction."""
        self._keys[key.number] = key

    def _fetch_keys(self, numbers: list[int]) -> None:
        wanted, db = [number for number in numbers if number not in self._keys], self._db()
        assert db is not None, "a reader is used within its transaction"
        for start in range(0, len(wanted), KEY_LOOKUP_BATCH_SIZE):
            query = select(family_keys).where(family_keys.c.id.in_(wanted[start : start + KEY_LOOKUP_BATCH_SIZE]))
            for row in db.execute(query):
                self.remember_key(FamilyKey(row.id, self._vault.decrypt_bytes(row.wrapped, _build_row_context(row))))


class _FamilyEncryptor:
    """A family's key as it seals texts."""

    def __init__(self, key: FamilyKey) -> None:
        self._key = key

    def encrypt(self, text: str, context: str) -> str:
        return urlsafe_b64encode(self._key.encrypt_bytes(text.encode(), context)).decode()

    def encrypt_bytes(self, data: bytes, context: str) -> bytes:
        return self._key.encrypt_bytes(data, context)


_decryptors: WeakKeyDictionary[Transaction, Decryptor] = WeakKeyDictionary()
"""One reader a transaction : it goes when the transaction goes."""
_encryptors: WeakKeyDictionary[Transaction, dict[int, Encryptor]] = WeakKeyDictionary()


def get_decryptor(db: Transaction, encrypted: Iterable[str | None] = ()) -> Decryptor:
    """What opens, in this transaction; `sealed`: what is going to be opened, where it is much of many families."""
    found = _decryptors.get(db)
    if found is None:
        found = _decryptors[db] = Decryptor(db)
    return found.preload_keys(encrypted)


def get_encryptor(db: Transaction, contact_id: int | None) -> Encryptor:
    """What seals for this contact's family; the vault itself where nobody's family is meant (None, or one erased)."""
    known = _encryptors.setdefault(db, {})
    if contact_id is None or contact_id in known:
        return db.vault if contact_id is None else known[contact_id]
    key = _find_or_create_key(db, contact_id)
    if key is None:
        return db.vault
    found = _FamilyEncryptor(key)
    if not db.in_nested_transaction():  # a key that was made there may be rolled back, and nothing must be lost by it
        known[contact_id] = found
    return found


def forget_keys(db: Transaction) -> None:
    """Keys that this transaction has looked up count no more: a family was erased in it."""
    _decryptors.pop(db, None)
    _encryptors.pop(db, None)


def _find_or_create_key(db: Transaction, contact_id: int) -> FamilyKey | None:
    found = _find_key(db, contact_id)
    if found is None:
        _create_key(db, contact_id)
    return found or _find_key(db, contact_id)


def _find_key(db: Transaction, contact_id: int) -> FamilyKey | None:
    its = or_(
        family_keys.c.family_id == contacts.c.family_id,
        and_(contacts.c.family_id.is_(None), family_keys.c.contact_id == contacts.c.id),
    )
    query = select(family_keys).join(contacts, its).where(contacts.c.id == contact_id)
    row = db.execute(query).one_or_none()
    return FamilyKey(row.id, db.vault.decrypt_bytes(row.wrapped, _build_row_context(row))) if row else None


def _create_key(db: Transaction, contact_id: int) -> None:
    """A new key; the one that another process makes just now stays, if it is faster."""
    row = db.execute(select(contacts.c.family_id).where(contacts.c.id == contact_id)).first()
    if row is None:
        return
    family, number = row.family_id, secrets.randbits(63)
    owner = {"family_id": family, "contact_id": None if family is not None else contact_id}
    wrapped = db.vault.encrypt_bytes(secrets.token_bytes(FAMILY_KEY_BYTES), build_context(number, **owner))
    try:
        with db.begin_nested():
            db.execute(insert(family_keys).values(id=number, wrapped=wrapped, **owner))
    except IntegrityError:
        pass


def _build_row_context(row: object) -> str:
    return build_context(row.id, row.family_id, row.contact_id)  # type: ignore[attr-defined]


def build_context(number: int, family_id: int | None, contact_id: int | None) -> str:
    """Where a wrapped key belongs: moved to another family's row it does not open."""
    return f"family key:{number}:{family_id or ''}:{contact_id or ''}"
