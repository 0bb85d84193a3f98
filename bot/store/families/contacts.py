"""Contacts: one row for each address of a person on one channel, with its language and opt-out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Column, ForeignKey, Integer, String, Table, UniqueConstraint, insert, select, update
from sqlalchemy.engine import Row

from bot.base.database import NO_ID_REUSE, Transaction, UtcDateTime, metadata
from bot.base.encryption import Vault
from bot.store.families import families
from bot.store.unique_rows import insert_or_get

contacts = Table(
    "contacts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("address_index", String(64), nullable=False, unique=True),
    Column("sealed_address", String(400), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("language", String(8)),
    Column("opted_out_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("active_case_id", Integer),
    Column("unanswered_prompts", Integer, nullable=False, server_default="0"),
    Column("family_id", ForeignKey("families.id"), index=True),
    **NO_ID_REUSE,
)

contact_attributes = Table(
    "contact_attributes",
    metadata,
    Column("contact_id", ForeignKey("contacts.id"), nullable=False),
    Column("name", String(64), nullable=False),
    Column("value", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("contact_id", "name"),
)
"""Attributes that a flow's `set:` saves, such as `home_visit: not_now`. They come from the flow, never from a text."""


@dataclass(frozen=True)
class Contact:
    """One address of a person on one channel, in Twilio's form: `+1555…`, `whatsapp:+1555…`, or `whatsapp:US.1234…`."""

    id: int
    address: str
    channel: str
    language: str | None
    opted_out_at: datetime | None
    active_case_id: int | None = None
    unanswered_prompts: int = 0
    family_id: int | None = None

    @classmethod
    def from_row(cls, row: Row[Any], address: str) -> Self:
        """Build a contact from a row of the table and its decrypted address."""
        return cls(
            id=row.id,
            address=address,
            channel=row.channel,
            language=row.language,
            opted_out_at=row.opted_out_at,
            active_case_id=row.active_case_id,
            unanswered_prompts=row.unanswered_prompts,
            family_id=row.family_id,
        )


def find(db: Transaction, address: str) -> Contact | None:
    """Return the contact with this address, if any."""
    address_hash = db.vault.compute_lookup_hash(address)
    row = db.execute(select(contacts).where(contacts.c.address_index == address_hash)).one_or_none()
    return Contact.from_row(row, address) if row else None


def list_possible_addresses(number: str) -> tuple[str, ...]:
    """Return every address that a phone number (E.164) may have: WhatsApp first, then SMS, then voice."""
    return (f"whatsapp:{number}", number, f"voice:{number}")


def list_for_number(db: Transaction, number: str) -> list[Contact]:
    """Return the contacts of a phone number (E.164), in the order of `list_possible_addresses`."""
    return [contact for address in list_possible_addresses(number) if (contact := find(db, address))]


def get(db: Transaction, contact_id: int) -> Contact:
    """Return the contact with this id.

    Raises:
        sqlalchemy.exc.NoResultFound: The contact was erased.
    """
    row = db.execute(select(contacts).where(contacts.c.id == contact_id)).one()
    return Contact.from_row(row, decrypt_address(db.vault, row.sealed_address, row.address_index))


def find_family_id(db: Transaction, contact_id: int) -> int | None:
    """Return the id of the contact's family, if it has one."""
    return db.execute(select(contacts.c.family_id).where(contacts.c.id == contact_id)).scalar_one_or_none()


def decrypt_address(vault: Vault, encrypted: str, address_index: str) -> str:
    """Decrypt the address of a row."""
    return vault.decrypt(encrypted, build_context(address_index))


def encrypt_address(vault: Vault, address: str, address_index: str) -> str:
    """Encrypt an address for its row."""
    return vault.encrypt(address, build_context(address_index))


def add(db: Transaction, address: str, channel: str, now: datetime) -> Contact:
    """Add a contact, or return the one that another process has just added.

    Its language is the one that the same number uses on another channel or in a roster, until the family changes it.
    """
    address_hash = db.vault.compute_lookup_hash(address)
    family_id = families.find_or_create(db, address, now)
    values = {
        "address_index": address_hash,
        "sealed_address": encrypt_address(db.vault, address, address_hash),
        "channel": channel,
        "language": _find_family_language(db, family_id, address_hash),
        "created_at": now,
        "family_id": family_id,
    }
    return Contact.from_row(insert_or_get(db, contacts, values, "address_index"), address)


def find_language(db: Transaction, address: str) -> str | None:
    """Return the language of this address, else that of its number on another channel or in a roster."""
    family_id = families.find(db, address)
    if family_id is None:
        return None
    return _find_family_language(db, family_id, db.vault.compute_lookup_hash(address))


def _find_family_language(db: Transaction, family_id: int, preferred_hash: str) -> str | None:
    """Return a language of the family, preferably that of the address with this hash."""
    query = select(contacts.c.language).where(contacts.c.family_id == family_id, contacts.c.language.is_not(None))
    order = (contacts.c.address_index != preferred_hash, contacts.c.id)
    return db.execute(query.order_by(*order).limit(1)).scalar_one_or_none()


def list_family_contact_ids(db: Transaction, family_id: int) -> list[int]:
    """Return the ids of all contacts of a family."""
    return list(db.execute(select(contacts.c.id).where(contacts.c.family_id == family_id)).scalars())


def list_address_hashes(db: Transaction, family_id: int) -> list[str]:
    """Return the lookup hashes of all addresses of a family."""
    return list(db.execute(select(contacts.c.address_index).where(contacts.c.family_id == family_id)).scalars())


def set_active_case(db: Transaction, contact_id: int, case_id: int | None) -> None:
    """Set the case that staff and this family now write about. With None, Puente answers again."""
    db.execute(update(contacts).where(contacts.c.id == contact_id).values(active_case_id=case_id))


def set_unanswered_prompts(db: Transaction, contact_id: int, count: int) -> None:
    """Set how many prompts in a row the family has not answered."""
    db.execute(update(contacts).where(contacts.c.id == contact_id).values(unanswered_prompts=count))


def set_language(db: Transaction, contact_id: int, language: str) -> None:
    """Set the language that the family chose or wrote in."""
    db.execute(update(contacts).where(contacts.c.id == contact_id).values(language=language))


def set_opted_out(db: Transaction, contact_id: int, opted_out_at: datetime | None) -> None:
    """Record an opt-out at this time, or remove it with None."""
    db.execute(update(contacts).where(contacts.c.id == contact_id).values(opted_out_at=opted_out_at))


def is_opted_out(db: Transaction, contact_id: int) -> bool:
    """Return whether this address has opted out."""
    return db.execute(select(contacts.c.opted_out_at).where(contacts.c.id == contact_id)).scalar() is not None


def opt_in_family(db: Transaction, contact_id: int) -> list[str]:
    """Opt in every address of this number, and return the lookup hashes of the other addresses that had opted out."""
    other_hashes: list[str] = []
    family_id = find_family_id(db, contact_id)
    if family_id:
        key = (contacts.c.family_id == family_id) & contacts.c.opted_out_at.is_not(None) & (contacts.c.id != contact_id)
        other_hashes = list(db.execute(select(contacts.c.address_index).where(key)).scalars())
    is_of_family = (contacts.c.id == contact_id) | contacts.c.address_index.in_(other_hashes)
    db.execute(update(contacts).where(is_of_family).values(opted_out_at=None))
    return other_hashes


def is_any_opted_out(db: Transaction, contact: Contact) -> bool:
    """Return whether any address of this number has opted out."""
    if contact.opted_out_at:
        return True
    family_id = contact.family_id or find_family_id(db, contact.id)
    if family_id is None:
        return False
    key = (contacts.c.family_id == family_id) & contacts.c.opted_out_at.is_not(None)
    return db.execute(select(contacts.c.id).where(key)).first() is not None


def set_attribute(db: Transaction, contact_id: int, name: str, value: str, now: datetime) -> None:
    """Set an attribute of a contact, and replace its earlier value."""
    key = (contact_attributes.c.contact_id == contact_id) & (contact_attributes.c.name == name)
    if db.execute(update(contact_attributes).where(key).values(value=value, at=now)).rowcount == 0:
        db.execute(insert(contact_attributes).values(contact_id=contact_id, name=name, value=value, at=now))


def get_attributes(db: Transaction, contact_id: int) -> dict[str, str]:
    """Return all attributes of a contact."""
    key = contact_attributes.c.contact_id == contact_id
    rows = db.execute(select(contact_attributes.c.name, contact_attributes.c.value).where(key))
    return {row.name: row.value for row in rows}


def build_context(address_index: str) -> str:
    """Return the encryption context of an address."""
    return f"contact:address:{address_index}"
