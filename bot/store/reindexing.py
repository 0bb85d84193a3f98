"""Indexing anew: the keyed hashes of addresses, under the `DATA_KEY` that is to stay alone.

All in one transaction, while nothing else runs: a process that looks for a family under the old hash would take it for
a stranger.  What nobody can read again (opt-outs of erased families) lies under a lasting hash and is not touched.
"""

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from bot.store import contacts, families, leaders
from bot.store.consents import consent_events
from bot.store.crypto import Unreadable, Vault


@dataclass
class Done:
    """How many addresses and leaders have a new hash."""

    contacts: int = 0
    leaders: int = 0


def needed(db: Connection, vault: Vault) -> bool:
    """Whether addresses lie under another hash than this vault makes."""
    row = db.execute(select(contacts.contacts).limit(1)).first()
    if row is None:
        return False
    address = contacts.open_address(vault, row.sealed_address, row.address_index)
    return bool(vault.index(address) != row.address_index)


def reindex(db: Connection, before: Vault, after: Vault) -> Done:
    """Hash anew every address that `before` finds, as `after` finds it; raises `Unreadable`, and nothing is kept."""
    done = Done()
    for row in db.execute(select(contacts.contacts)).all():
        address = contacts.open_address(before, row.sealed_address, row.address_index)
        _contact(db, after, row.id, address)
        _others(db, before, after, families.number_of(address))
        done.contacts += 1
    for leader in leaders.every(db, before):
        if leader.phone:
            values = {"number_index": after.index(leader.phone)}
            db.execute(update(leaders.leaders).where(leaders.leaders.c.id == leader.id).values(values))
            done.leaders += 1
    return done


def _contact(db: Connection, after: Vault, contact_id: int, address: str) -> None:
    index = after.index(address)
    values = {"address_index": index, "sealed_address": contacts.seal_address(after, address, index)}
    db.execute(update(contacts.contacts).where(contacts.contacts.c.id == contact_id).values(values))


def _others(db: Connection, before: Vault, after: Vault, number: str) -> None:
    """The family of this number, and what was said about consent from either of its addresses."""
    person = families.families.c.person_index == before.index(number)
    db.execute(update(families.families).where(person).values(person_index=after.index(number)))
    for address in (number, f"whatsapp:{number}", f"voice:{number}"):
        said = consent_events.c.address_index == before.index(address)
        db.execute(update(consent_events).where(said).values(address_index=after.index(address)))


def wrong_keys(db: Connection, vault: Vault) -> str:
    """Why the program must not start with these keys ("": it may): it would take every family for a stranger."""
    try:
        wrong = needed(db, vault)
    except Unreadable:
        return "DATA_KEY opens nothing of what is stored: put back the key that was used before."
    return (
        "" if not wrong else "DATA_KEY lacks the key that addresses are hashed with: see `python -m bot keys status`."
    )
