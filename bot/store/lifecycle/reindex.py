"""Reindexing: compute the lookup hashes of all addresses with a new `DATA_KEY`.

Everything happens in one transaction while no other process runs. A process that still uses the old hash would not
find a family and would treat it as new. Opt-outs of erased families have permanent hashes, which don't change.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import SQLAlchemyError

from bot.base.database import Database, Transaction
from bot.base.encryption import DecryptionError, Vault
from bot.store.community import community_leaders
from bot.store.families import contacts, families
from bot.store.families.consent_events import consent_events

REINDEX_BATCH_SIZE = 500


@dataclass
class ReindexCounts:
    """How many contacts and community leaders have a new hash."""

    contacts: int = 0
    leaders: int = 0


def is_needed(db: Transaction) -> bool:
    """Return whether stored hashes differ from those that this vault computes."""
    row = db.execute(select(contacts.contacts).limit(1)).first()
    if row is None:
        return False
    address = contacts.decrypt_address(db.vault, row.sealed_address, row.address_index)
    return bool(db.vault.compute_lookup_hash(address) != row.address_index)


def rehash_all(db: Transaction, new_vault: Vault) -> ReindexCounts:
    """Replace every lookup hash by that of the new vault.

    Raises:
        DecryptionError: No key decrypts an address. Roll back the transaction.
    """
    counts, last_id = ReindexCounts(), 0
    while rows := _fetch_batch(db, last_id):
        last_id = rows[-1].id
        addresses = {row.id: contacts.decrypt_address(db.vault, row.sealed_address, row.address_index) for row in rows}
        numbers = {families.extract_number(address) for address in addresses.values()}
        _rehash_contacts(db, new_vault, addresses)
        _rehash_families_and_consents(db, new_vault, numbers)
        counts.contacts += len(rows)
    table = community_leaders.community_leaders
    for leader in community_leaders.list_all(db):
        if leader.phone:
            new_hash = new_vault.compute_lookup_hash(leader.phone)
            db.execute(update(table).where(table.c.id == leader.id).values(number_index=new_hash))
            counts.leaders += 1
    return counts


def _fetch_batch(db: Transaction, last_id: int) -> list[Row[Any]]:
    query = select(contacts.contacts).where(contacts.contacts.c.id > last_id).order_by(contacts.contacts.c.id)
    return list(db.execute(query.limit(REINDEX_BATCH_SIZE)))


def _rehash_contacts(db: Transaction, new_vault: Vault, addresses: dict[int, str]) -> None:
    hashes = {contact_id: new_vault.compute_lookup_hash(address) for contact_id, address in addresses.items()}
    rows = [
        {
            "contact_id": contact_id,
            "new_hash": new_hash,
            "encrypted": contacts.encrypt_address(new_vault, addresses[contact_id], new_hash),
        }
        for contact_id, new_hash in hashes.items()
    ]
    values: dict[str, Any] = {"address_index": bindparam("new_hash"), "sealed_address": bindparam("encrypted")}
    db.execute(update(contacts.contacts).where(contacts.contacts.c.id == bindparam("contact_id")).values(values), rows)


def _rehash_families_and_consents(db: Transaction, new_vault: Vault, numbers: set[str]) -> None:
    """Replace the hashes of the families with these numbers, and of the consent events of all their addresses."""
    compute_old, compute_new = db.vault.compute_lookup_hash, new_vault.compute_lookup_hash
    rows = [{"old_hash": compute_old(number), "new_hash": compute_new(number)} for number in numbers]
    statement = update(families.families).where(families.families.c.person_index == bindparam("old_hash"))
    db.execute(statement.values(person_index=bindparam("new_hash")), rows)
    addresses = [f"{prefix}{number}" for number in numbers for prefix in ("", "whatsapp:", "voice:")]
    new_hashes = {compute_old(address): compute_new(address) for address in addresses}
    column = consent_events.c.address_index
    old_hashes = db.execute(select(column).where(column.in_(new_hashes)).distinct()).scalars().all()
    if old_hashes:
        statement = update(consent_events).where(column == bindparam("old_hash"))
        rows = [{"old_hash": old_hash, "new_hash": new_hashes[old_hash]} for old_hash in old_hashes]
        db.execute(statement.values(address_index=bindparam("new_hash")), rows)


def explain_wrong_keys(db: Transaction) -> str:
    """Return why the program must not start with these keys, or "": with wrong keys, it would not find any family."""
    try:
        if is_needed(db):
            return "DATA_KEY lacks the key that addresses are hashed with. See `python -m bot keys status`."
    except DecryptionError:
        return "DATA_KEY can't decrypt the stored data. Restore the key that was used before."
    return ""


def explain_unfit_database(database: Database) -> str:
    """Return why the program must not start with the keys of this database, or "".

    A database that is unavailable or not migrated is no reason: `/readyz` and `bot doctor` report it.
    """
    try:
        with database.read() as db:
            return explain_wrong_keys(db)
    except SQLAlchemyError:
        return ""
