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
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from bot.base.database import metadata
from bot.base.encryption import FamilyKey, Unreadable, Vault, owner_of
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

SECRET_BYTES = 32
AT_ONCE = 500
"""So many keys are asked for in one query: SQLite takes no more than 999 values."""


class Sealer(Protocol):
    """Whatever seals: a family's own key, or the vault for what no family owns."""

    def seal(self, text: str, place: str) -> str:
        """`text` encrypted for `place`."""

    def seal_bytes(self, data: bytes, place: str) -> bytes:
        """The same for a sound."""


class Reader:
    """Opens what families' keys and `DATA_KEY` sealed, in one transaction; knows a key that it has looked up."""

    def __init__(self, db: Connection, vault: Vault) -> None:
        self._db, self._vault = ref(db), vault  # weakly: `_readers` must not keep the transaction alive
        self._keys: dict[int, FamilyKey] = {}

    def open(self, sealed: str, place: str) -> str:
        """The text sealed for `place`; raises `Unreadable` if its key was destroyed, or it was not sealed there."""
        try:
            return self.open_bytes(urlsafe_b64decode(sealed), place).decode()
        except ValueError:
            raise Unreadable(f"what is stored at {place.split(':', maxsplit=1)[0]} is no sealed text") from None

    def open_bytes(self, sealed: bytes, place: str) -> bytes:
        """The same for a sound."""
        number = owner_of(sealed)
        if number is None:
            return self._vault.open_bytes(sealed, place)
        self._fetch([number])
        key = self._keys.get(number)
        if key is None:
            raise Unreadable(f"the key of what is stored at {place.split(':', maxsplit=1)[0]} was destroyed")
        return key.open_bytes(sealed, place)

    def ready(self, sealed: Iterable[str | None]) -> "Reader":
        """This reader, with the keys of many rows looked up together."""
        found = {owner_of(urlsafe_b64decode(one)) for one in sealed if one}
        self._fetch([number for number in found if number is not None])
        return self

    def know(self, key: FamilyKey) -> None:
        """Keep a key for the rest of the transaction."""
        self._keys[key.number] = key

    def _fetch(self, numbers: list[int]) -> None:
        wanted, db = [number for number in numbers if number not in self._keys], self._db()
        assert db is not None, "a reader is used within its transaction"
        for start in range(0, len(wanted), AT_ONCE):
            query = select(family_keys).where(family_keys.c.id.in_(wanted[start : start + AT_ONCE]))
            for row in db.execute(query):
                self.know(FamilyKey(row.id, self._vault.open_bytes(row.wrapped, _row(row))))


class _Own:
    """A family's key as it seals texts."""

    def __init__(self, key: FamilyKey) -> None:
        self._key = key

    def seal(self, text: str, place: str) -> str:
        return urlsafe_b64encode(self._key.seal_bytes(text.encode(), place)).decode()

    def seal_bytes(self, data: bytes, place: str) -> bytes:
        return self._key.seal_bytes(data, place)


_readers: WeakKeyDictionary[Connection, Reader] = WeakKeyDictionary()
"""One reader a transaction (a `Connection` is one): it goes when the transaction goes."""
_sealers: WeakKeyDictionary[Connection, dict[int, Sealer]] = WeakKeyDictionary()


def reader(db: Connection, vault: Vault, sealed: Iterable[str | None] = ()) -> Reader:
    """What opens, in this transaction; `sealed`: what is going to be opened, where it is much of many families."""
    found = _readers.get(db)
    if found is None:
        found = _readers[db] = Reader(db, vault)
    return found.ready(sealed)


def sealer(db: Connection, vault: Vault, contact_id: int | None) -> Sealer:
    """What seals for this contact's family; the vault itself where nobody's family is meant (None, or one erased)."""
    known = _sealers.setdefault(db, {})
    if contact_id is None or contact_id in known:
        return vault if contact_id is None else known[contact_id]
    key = _of_contact(db, vault, contact_id)
    if key is None:
        return vault
    found = _Own(key)
    if not db.in_nested_transaction():  # a key that was made there may be rolled back, and nothing must be lost by it
        known[contact_id] = found
    return found


def forget(db: Connection) -> None:
    """Keys that this transaction has looked up count no more: a family was erased in it."""
    _readers.pop(db, None)
    _sealers.pop(db, None)


def _of_contact(db: Connection, vault: Vault, contact_id: int) -> FamilyKey | None:
    found = _find(db, vault, contact_id)
    if found is None:
        _make(db, vault, contact_id)
    return found or _find(db, vault, contact_id)


def _find(db: Connection, vault: Vault, contact_id: int) -> FamilyKey | None:
    its = or_(
        family_keys.c.family_id == contacts.c.family_id,
        and_(contacts.c.family_id.is_(None), family_keys.c.contact_id == contacts.c.id),
    )
    query = select(family_keys).join(contacts, its).where(contacts.c.id == contact_id)
    row = db.execute(query).one_or_none()
    return FamilyKey(row.id, vault.open_bytes(row.wrapped, _row(row))) if row else None


def _make(db: Connection, vault: Vault, contact_id: int) -> None:
    """A new key; the one that another process makes just now stays, if it is faster."""
    row = db.execute(select(contacts.c.family_id).where(contacts.c.id == contact_id)).first()
    if row is None:
        return
    family, number = row.family_id, secrets.randbits(63)
    owner = {"family_id": family, "contact_id": None if family is not None else contact_id}
    wrapped = vault.seal_bytes(secrets.token_bytes(SECRET_BYTES), place(number, **owner))
    try:
        with db.begin_nested():
            db.execute(insert(family_keys).values(id=number, wrapped=wrapped, **owner))
    except IntegrityError:
        pass


def _row(row: object) -> str:
    return place(row.id, row.family_id, row.contact_id)  # type: ignore[attr-defined]


def place(number: int, family_id: int | None, contact_id: int | None) -> str:
    """Where a wrapped key belongs: moved to another family's row it does not open."""
    return f"family key:{number}:{family_id or ''}:{contact_id or ''}"
