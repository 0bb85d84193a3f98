"""Erasure of a family: delete every row that belongs to it, and keep rows that only count, without the family.

The foreign keys of the tables show which rows belong to a family, so that erasure also covers tables that are added
later. The last opt-out stays under a permanent hash, because a later roster must not undo it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import Column, Table, delete, select, update

from bot.base.database import Transaction, metadata
from bot.base.encryption import DecryptionError, Vault
from bot.store import permanent_hashes
from bot.store.announcements.recipients import recipients
from bot.store.cases import voice_notes
from bot.store.cases.cases import cases
from bot.store.community import community_leaders
from bot.store.families import consent_events, contacts, families, record_keys
from bot.store.meetings import meeting_themes
from bot.store.schools import absences, home_visits, support_needs
from bot.store.schools.school_statuses import school_status_answers

UNLINKED_COLUMNS = {("incidents", "case_id")}
"""An incident belongs to the school: its row stays without the case."""
OPT_OUT_KINDS = ("stop", "denied")


def erase_family(db: Transaction, family_id: int, now: datetime) -> list[str]:
    """Erase a family and return the lookup hashes of its addresses, under which Redis holds its conversations."""
    contact = contacts.contacts.c
    query = select(contact.id, contact.address_index, contact.sealed_address).where(contact.family_id == family_id)
    rows = db.execute(query).all()
    contact_ids = [row.id for row in rows]
    case_ids = list(db.execute(select(cases.c.id).where(cases.c.contact_id.in_(contact_ids))).scalars())
    _anonymize_statistics(db, contact_ids, case_ids, now)
    _prune_consent_events(
        db, {row.address_index: _decrypt_address(db.vault, row.sealed_address, row.address_index) for row in rows}
    )
    _remove_community_leaders(db, family_id, now)
    db.execute(delete(recipients).where(recipients.c.family_id == family_id))
    purge_rows(db, families.families, [family_id])
    record_keys.forget_keys(db)
    return [row.address_index for row in rows]


def _anonymize_statistics(db: Transaction, contact_ids: Sequence[int], case_ids: Sequence[int], now: datetime) -> None:
    """Remove the contacts and cases from rows that stay for their counts."""
    for contact_id in contact_ids:
        absences.forget_contact(db, contact_id)
        support_needs.anonymize_contact(db, contact_id, now)
        home_visits.anonymize_contact(db, contact_id, now)
        voice_notes.delete_for_contact(db, contact_id, now)  # a later job deletes the sound at Twilio
    absences.forget_cases(db, case_ids)
    # Older versions removed only the family from these rows, and left the case.
    for table in (support_needs.support_needs, home_visits.home_visits):
        db.execute(update(table).where(table.c.case_id.in_(case_ids)).values(case_id=absences.NO_CASE_ID))
    themes = meeting_themes.meeting_themes
    db.execute(update(themes).where(themes.c.case_id.in_(case_ids)).values(case_id=None))
    db.execute(delete(school_status_answers).where(school_status_answers.c.case_id.in_(case_ids)))


def _decrypt_address(vault: Vault, encrypted: str, address_hash: str) -> str | None:
    """Return the address, or None if no key decrypts it: a lost key must not prevent an erasure."""
    try:
        return contacts.decrypt_address(vault, encrypted, address_hash)
    except DecryptionError:
        return None


def _prune_consent_events(db: Transaction, addresses: Mapping[str, str | None]) -> None:
    """Delete the consent events of these addresses, except the last opt-outs that still apply.

    Those opt-outs move to the permanent hash, because a later change of `DATA_KEY` can't rehash an erased address.
    """
    table = consent_events.consent_events
    for address_hash, address in addresses.items():
        permanent = permanent_hashes.compute_hashes(db, [address] if address else [])
        is_of_address = table.c.address_index.in_([address_hash, *permanent.values()])
        query = select(table.c.id, table.c.kind).where(is_of_address).order_by(table.c.at, table.c.id)
        is_opt_out = table.c.id.in_(_find_last_opt_outs((row.id, row.kind) for row in db.execute(query)))
        db.execute(delete(table).where(is_of_address & ~is_opt_out))
        if address is not None:
            permanent_hash = permanent_hashes.compute_hash(db, address)
            db.execute(update(table).where(is_of_address & is_opt_out).values(address_index=permanent_hash))


def _find_last_opt_outs(events: Iterable[tuple[int, str]]) -> list[int]:
    """Return the ids of the last opt-out of each kind that still applies.

    A denial in a roster doesn't replace the family's own STOP, because a later roster may give consent again.
    The family's own opt-in ends both.
    """
    opt_outs: dict[str, int] = {}
    for event_id, kind in events:
        if kind in OPT_OUT_KINDS:
            opt_outs[kind] = event_id
        elif kind == "given":
            opt_outs.pop("denied", None)
        else:
            opt_outs.clear()
    return list(opt_outs.values())


def _remove_community_leaders(db: Transaction, family_id: int, now: datetime) -> None:
    leader = community_leaders.community_leaders.c
    number_hash = db.execute(
        select(families.families.c.person_index).where(families.families.c.id == family_id)
    ).scalar()
    leader_ids = db.execute(select(leader.id).where(leader.number_index == number_hash)).scalars().all()
    for leader_id in leader_ids:
        community_leaders.remove(db, leader_id, now)


def purge_rows(db: Transaction, table: Table, ids: Sequence[object]) -> None:
    """Delete these rows, after all rows that reference them directly or indirectly."""
    for child, column in _find_referencing_columns(table):
        references = column.in_(ids)
        if (child.name, column.name) in UNLINKED_COLUMNS:
            db.execute(update(child).where(references).values({column.name: None}))
        elif "id" in child.c:
            purge_rows(db, child, db.execute(select(child.c.id).where(references)).scalars().all())
        else:
            db.execute(delete(child).where(references))
    db.execute(delete(table).where(table.c.id.in_(ids)))


@cache
def find_family_tables() -> frozenset[str]:
    """Return the names of all tables that reference a family, directly or indirectly."""
    names = {families.families.name}
    while True:
        children = {child.name for name in names for child, _ in _find_referencing_columns(metadata.tables[name])}
        if children <= names:
            return frozenset(names)
        names |= children


def _find_referencing_columns(table: Table) -> Iterator[tuple[Table, Column[object]]]:
    for child in metadata.tables.values():
        for key in child.foreign_keys:
            if key.column.table is table:
                yield child, key.parent
