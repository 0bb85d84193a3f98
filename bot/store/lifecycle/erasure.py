"""Erasing a family: every row that is its own goes, and what only counts stays without it.

The way down is read from the tables themselves (whoever points to a family, a contact, a case …), so that a table that
is new tomorrow is emptied too.  What stays is the last opt-out, under its keyed hash: a roster must not undo it.
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
"""A record of agents at a school is the school's: it loses the case, and stays."""
OPT_OUT_KINDS = ("stop", "denied")


def erase_family(db: Transaction, family_id: int, at: datetime) -> list[str]:
    """Erase this family; the indexes of its addresses, under which Redis keeps its conversation."""
    found = list(db.execute(select(contacts.contacts.c.id).where(contacts.contacts.c.family_id == family_id)).scalars())
    key = contacts.contacts.c.id.in_(found)
    rows = db.execute(select(contacts.contacts.c.address_index, contacts.contacts.c.sealed_address).where(key)).all()
    indexes = [row.address_index for row in rows]
    own_cases = list(db.execute(select(cases.c.id).where(cases.c.contact_id.in_(found))).scalars())
    _anonymize_statistics(db, found, own_cases, at)
    _prune_consent_events(db, {one: _decrypt_address(db.vault, sealed, one) for one, sealed in rows})
    person = db.execute(select(families.families.c.person_index).where(families.families.c.id == family_id)).scalar()
    for leader in db.execute(
        select(community_leaders.community_leaders.c.id).where(
            community_leaders.community_leaders.c.number_index == person
        )
    ).scalars():
        community_leaders.remove(db, leader, at)
    db.execute(delete(recipients).where(recipients.c.family_id == family_id))
    purge_rows(db, families.families, [family_id])
    record_keys.forget_keys(db)
    return indexes


def _anonymize_statistics(db: Transaction, contact_ids: Sequence[int], case_ids: Sequence[int], at: datetime) -> None:
    """What is counted stays, and can be led back to nobody."""
    for contact_id in contact_ids:
        absences.forget_contact(db, contact_id)
        support_needs.anonymize_contact(db, contact_id, at)
        home_visits.anonymize_contact(db, contact_id, at)
        voice_notes.delete_for_contact(db, contact_id, at)  # what lies at Twilio is still to be deleted there
    absences.forget_cases(db, case_ids)
    for table in (
        support_needs.support_needs,
        home_visits.home_visits,
    ):  # of earlier days: they named the case and the family no more
        db.execute(update(table).where(table.c.case_id.in_(case_ids)).values(case_id=absences.NO_CASE_ID))
    db.execute(
        update(meeting_themes.meeting_themes)
        .where(meeting_themes.meeting_themes.c.case_id.in_(case_ids))
        .values(case_id=None)
    )
    db.execute(delete(school_status_answers).where(school_status_answers.c.case_id.in_(case_ids)))


def _decrypt_address(vault: Vault, sealed: str, index: str) -> str | None:
    """None where no key opens it any more: that must hinder nobody's erasing."""
    try:
        return contacts.decrypt_address(vault, sealed, index)
    except DecryptionError:
        return None


def _prune_consent_events(db: Transaction, addresses: Mapping[str, str | None]) -> None:
    """Whoever wanted nothing wants nothing still: that stays, of each address that has not come back since.

    It stays under the lasting hash: nobody can read the address again when `DATA_KEY` changes.
    """
    table = consent_events.consent_events
    for index, address in addresses.items():
        its = table.c.address_index.in_(
            [index, *permanent_hashes.compute_hashes(db, [address] if address else []).values()]
        )
        said = db.execute(select(table.c.id, table.c.kind).where(its).order_by(table.c.at, table.c.id))
        kept = table.c.id.in_(_find_last_refusals((row.id, row.kind) for row in said))
        db.execute(delete(table).where(its & ~kept))
        if address is not None:
            db.execute(update(table).where(its & kept).values(address_index=permanent_hashes.compute_hash(db, address)))


def _find_last_refusals(events: Iterable[tuple[int, str]]) -> list[int]:
    """The last no of each kind that stands: what a roster denied later does not take the place of the family's own
    STOP, since a later roster may say yes again; the family's yes ends both."""
    standing: dict[str, int] = {}
    for number, kind in events:
        if kind in OPT_OUT_KINDS:
            standing[kind] = number
        elif kind == "given":
            standing.pop("denied", None)
        else:
            standing.clear()
    return list(standing.values())


def purge_rows(db: Transaction, table: Table, ids: Sequence[object]) -> None:
    """Delete these rows, and before them whatever points to them, all the way down."""
    for child, column in _find_referencing_columns(table):
        rows = column.in_(ids)
        if (child.name, column.name) in UNLINKED_COLUMNS:
            db.execute(update(child).where(rows).values({column.name: None}))
        elif "id" in child.c:
            purge_rows(db, child, db.execute(select(child.c.id).where(rows)).scalars().all())
        else:
            db.execute(delete(child).where(rows))
    db.execute(delete(table).where(table.c.id.in_(ids)))


@cache
def find_family_tables() -> frozenset[str]:
    """The tables from which the database knows a way to a family."""
    found = {families.families.name}
    while True:
        more = {child.name for name in found for child, _ in _find_referencing_columns(metadata.tables[name])} - found
        if not more:
            return frozenset(found)
        found |= more


def _find_referencing_columns(table: Table) -> Iterator[tuple[Table, Column[object]]]:
    for child in metadata.tables.values():
        for key in child.foreign_keys:
            if key.column.table is table:
                yield child, key.parent
