"""Contacts: who writes to us, known by channel and address, with the language and the consent that count."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Integer, String, Table, UniqueConstraint, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from bot.base.database import NO_ID_REUSE, Transaction, UtcDateTime, metadata
from bot.base.encryption import Vault
from bot.store.families import families

contacts = Table(
    "contacts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("address_index", String(64), nullable=False, unique=True),
    Column("sealed_address", String(400), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("language", String(8)),
    Column("stopped_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("talking_case", Integer),
    Column("unanswered", Integer, nullable=False, server_default="0"),
    Column("family_id", ForeignKey("families.id"), index=True),
    **NO_ID_REUSE,
)

contact_attributes = Table(
    "contact_notes",
    metadata,
    Column("contact_id", ForeignKey("contacts.id"), nullable=False),
    Column("name", String(64), nullable=False),
    Column("value", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("contact_id", "name"),
)
"""What a flow's `set:` wrote down (home_visit: not_now).  Names and values come from the flow, never from a text."""


@dataclass(frozen=True)
class Contact:
    """A family, or anyone else who writes.  `address` is as Twilio gives it: `+1555…`, `whatsapp:US.1234` …"""

    id: int
    address: str
    channel: str
    language: str | None
    stopped_at: datetime | None
    talking_case: int | None = None
    unanswered: int = 0
    family_id: int | None = None


def find(db: Transaction, address: str) -> Contact | None:
    """The contact with this address, if it ever wrote."""
    index = db.vault.compute_lookup_hash(address)
    row = db.execute(select(contacts).where(contacts.c.address_index == index)).one_or_none()
    return _build_contact(row, address) if row else None


def list_possible_addresses(number: str) -> tuple[str, ...]:
    """Every address that a telephone number (E.164) may have here, the way of writing first that says most."""
    return (f"whatsapp:{number}", number, f"voice:{number}")


def list_for_number(db: Transaction, number: str) -> list[Contact]:
    """The contacts of a telephone number, in that order."""
    return [one for address in list_possible_addresses(number) if (one := find(db, address))]


def get(db: Transaction, contact_id: int) -> Contact:
    """The contact with this id; raises `sqlalchemy.exc.NoResultFound` if it was erased."""
    row = db.execute(select(contacts).where(contacts.c.id == contact_id)).one()
    address = db.vault.decrypt(row.sealed_address, build_context(row.address_index))
    return _build_contact(row, address)


def find_family_id(db: Transaction, contact_id: int) -> int | None:
    """The family whose address this is."""
    return db.execute(select(contacts.c.family_id).where(contacts.c.id == contact_id)).scalar_one_or_none()


def decrypt_address(vault: Vault, encrypted: str, address_index: str) -> str:
    """The address of a row that was read elsewhere, many at a time."""
    return vault.decrypt(encrypted, build_context(address_index))


def encrypt_address(vault: Vault, address: str, address_index: str) -> str:
    """An address as its row keeps it."""
    return vault.encrypt(address, build_context(address_index))


def add(db: Transaction, address: str, channel: str, at: datetime) -> Contact:
    """A contact that is new, or the one that another process has just added.

    It reads the language that the same number uses elsewhere (a roster, the other channel) until it says otherwise.
    """
    index = db.vault.compute_lookup_hash(address)
    family = families.find_or_create(db, address, at)
    row = {
        "address_index": index,
        "sealed_address": encrypt_address(db.vault, address, index),
        "channel": channel,
        "language": _find_family_language(db, family, index),
        "created_at": at,
        "family_id": family,
    }
    try:
        with db.begin_nested():
            db.execute(insert(contacts).values(row))
    except IntegrityError:
        pass
    found = find(db, address)
    assert found is not None, "just added"
    return found


def find_language(db: Transaction, address: str) -> str | None:
    """What this address reads, else what its number reads by another channel or in a roster."""
    family = families.find(db, address)
    return _find_family_language(db, family, db.vault.compute_lookup_hash(address)) if family is not None else None


def _find_family_language(db: Transaction, family: int, own_address_hash: str) -> str | None:
    known = select(contacts.c.language).where(contacts.c.family_id == family, contacts.c.language.is_not(None))
    return db.execute(
        known.order_by(contacts.c.address_index != own_address_hash, contacts.c.id).limit(1)
    ).scalar_one_or_none()


def _build_contact(row: Row[Any], address: str) -> Contact:
    return Contact(
        row.id, address, row.channel, row.language, row.stopped_at, row.talking_case, row.unanswered, row.family_id
    )


def list_family_contact_ids(db: Transaction, family_id: int) -> list[int]:
    """All addresses of a family."""
    return list(db.execute(select(contacts.c.id).where(contacts.c.family_id == family_id)).scalars())


def list_address_hashes(db: Transaction, family_id: int) -> list[str]:
    """The keyed hashes of all addresses of a family."""
    return list(db.execute(select(contacts.c.address_index).where(contacts.c.family_id == family_id)).scalars())


def set_active_case(db: Transaction, contact_id: int, case_id: int | None) -> None:
    """A person talks with this family about a case; None: the helper is back."""
    db.execute(update(contacts).where(contacts.c.id == contact_id).values(talking_case=case_id))


def set_unanswered_prompts(db: Transaction, contact_id: int, count: int) -> None:
    """So many questions of ours in a row had no answer."""
    db.execute(update(contacts).where(contacts.c.id == contact_id).values(unanswered=count))


def set_language(db: Transaction, contact_id: int, language: str) -> None:
    """Keep the language that the family chose or wrote in."""
    db.execute(update(contacts).where(contacts.c.id == contact_id).values(language=language))


def set_opted_out(db: Transaction, contact_id: int, at: datetime | None) -> None:
    """Nothing more is sent from `at` on; None lets messages through again."""
    db.execute(update(contacts).where(contacts.c.id == contact_id).values(stopped_at=at))


def is_opted_out(db: Transaction, contact_id: int) -> bool:
    """Whether nothing may be sent to this address."""
    return db.execute(select(contacts.c.stopped_at).where(contacts.c.id == contact_id)).scalar() is not None


def opt_in_family(db: Transaction, contact_id: int) -> list[str]:
    """Messages may come again, on every address of this number; the indexes of the other addresses that had stopped."""
    family = find_family_id(db, contact_id)
    key = (contacts.c.family_id == family) & contacts.c.stopped_at.is_not(None) & (contacts.c.id != contact_id)
    others = list(db.execute(select(contacts.c.address_index).where(key)).scalars()) if family else []
    same = (contacts.c.id == contact_id) | contacts.c.address_index.in_(others)
    db.execute(update(contacts).where(same).values(stopped_at=None))
    return others


def is_any_opted_out(db: Transaction, contact: Contact) -> bool:
    """Whether somebody with this number wants no messages, on whichever address they said so."""
    if contact.stopped_at:
        return True
    family = contact.family_id or find_family_id(db, contact.id)
    key = (contacts.c.family_id == family) & contacts.c.stopped_at.is_not(None)
    return family is not None and db.execute(select(contacts.c.id).where(key)).first() is not None


def set_attribute(db: Transaction, contact_id: int, name: str, value: str, at: datetime) -> None:
    """Write down what a flow set; the newest value counts."""
    key = (contact_attributes.c.contact_id == contact_id) & (contact_attributes.c.name == name)
    if db.execute(update(contact_attributes).where(key).values(value=value, at=at)).rowcount == 0:
        db.execute(insert(contact_attributes).values(contact_id=contact_id, name=name, value=value, at=at))


def get_attributes(db: Transaction, contact_id: int) -> dict[str, str]:
    """All that flows wrote down about this contact."""
    rows = db.execute(
        select(contact_attributes.c.name, contact_attributes.c.value).where(
            contact_attributes.c.contact_id == contact_id
        )
    )
    return {row.name: row.value for row in rows}


def build_context(address_index: str) -> str:
    return f"contact:address:{address_index}"
