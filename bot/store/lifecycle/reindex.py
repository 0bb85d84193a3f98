"""Indexing anew: the keyed hashes of addresses, under the `DATA_KEY` that is to stay alone.

All in one transaction, while nothing else runs: a process that looks for a family under the old hash would take it for
a stranger.  What nobody can read again (opt-outs of erased families) lies under a lasting hash and is not touched.
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
    """How many addresses and leaders have a new hash."""

    contacts: int = 0
    leaders: int = 0


def is_needed(db: Transaction) -> bool:
    """Whether addresses lie under another hash than this vault makes."""
    row = db.execute(select(contacts.contacts).limit(1)).first()
    if row is None:
        return False
    address = contacts.decrypt_address(db.vault, row.sealed_address, row.address_index)
    return bool(db.vault.compute_lookup_hash(address) != row.address_index)


def rehash_all(db: Transaction, new_vault: Vault) -> ReindexCounts:
    """Hash anew every address that `before` finds, as `after` finds it; raises `Unreadable`, and nothing is kept."""
    done, last = ReindexCounts(), 0
    while rows := _fetch_batch(db, last):
        last = rows[-1].id
        addresses = {row.id: contacts.decrypt_address(db.vault, row.sealed_address, row.address_index) for row in rows}
        _rehash_contacts(db, new_vault, addresses)
        _rehash_families_and_consents(
            db, new_vault, {families.extract_number(address) for address in addresses.values()}
        )
        done.contacts += len(rows)
    for leader in community_leaders.list_all(db):
        if leader.phone:
            values = {"number_index": new_vault.compute_lookup_hash(leader.phone)}
            db.execute(
                update(community_leaders.community_leaders)
                .where(community_leaders.community_leaders.c.id == leader.id)
                .values(values)
            )
            done.leaders += 1
    return done


def _fetch_batch(db: Transaction, last_id: int) -> list[Row[Any]]:
    query = select(contacts.contacts).where(contacts.contacts.c.id > last_id).order_by(contacts.contacts.c.id)
    return list(db.execute(query.limit(REINDEX_BATCH_SIZE)))


def _rehash_contacts(db: Transaction, new_vault: Vault, addresses: dict[int, str]) -> None:
    hashed = {number: new_vault.compute_lookup_hash(address) for number, address in addresses.items()}
    rows = [
        {"which": number, "index": index, "sealed": contacts.encrypt_address(new_vault, addresses[number], index)}
        for number, index in hashed.items()
    ]
    values: dict[str, Any] = {"address_index": bindparam("index"), "sealed_address": bindparam("sealed")}
    db.execute(update(contacts.contacts).where(contacts.contacts.c.id == bindparam("which")).values(values), rows)


def _rehash_families_and_consents(db: Transaction, new_vault: Vault, numbers: set[str]) -> None:
    """The families of these numbers, and what was said about consent from any of their addresses."""
    own = families.families.c.person_index
    rows = [
        {"old": db.vault.compute_lookup_hash(number), "new": new_vault.compute_lookup_hash(number)}
        for number in numbers
    ]
    key = update(families.families).where(own == bindparam("old"))
    db.execute(key.values(person_index=bindparam("new")), rows)
    written = [f"{way}{number}" for number in numbers for way in ("", "whatsapp:", "voice:")]
    new = {db.vault.compute_lookup_hash(address): new_vault.compute_lookup_hash(address) for address in written}
    event = consent_events.c.address_index
    said = db.execute(select(event).where(event.in_(new)).distinct()).scalars().all()
    if said:
        key = update(consent_events).where(event == bindparam("old"))
        db.execute(key.values(address_index=bindparam("new")), [{"old": one, "new": new[one]} for one in said])


def explain_wrong_keys(db: Transaction) -> str:
    """Why the program must not start with these keys ("": it may): it would take every family for a stranger."""
    try:
        wrong = is_needed(db)
    except DecryptionError:
        return "DATA_KEY opens nothing of what is stored: put back the key that was used before."
    return (
        "" if not wrong else "DATA_KEY lacks the key that addresses are hashed with: see `python -m bot keys status`."
    )


def explain_unfit_database(database: Database) -> str:
    """The same of a database; "" for one that is away, or not brought up to date yet: /readyz and doctor tell that."""
    try:
        with database.read() as db:
            return explain_wrong_keys(db)
    except SQLAlchemyError:
        return ""
