"""Batch queries for roster imports, which read and write hundreds of families at a time.

`families`, `contacts`, and `consent_events` do the same for one family. A roster of 100,000 lines needs one query and
one statement for a whole batch.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.base.database import Transaction, now
from bot.base.encryption import Vault
from bot.store import permanent_hashes
from bot.store.families.consent_events import ConsentEvent, consent_events
from bot.store.families.contacts import contacts, encrypt_address
from bot.store.families.families import families, family_schools, family_tags
from bot.store.families.roster_changes import NewRosterContact, RosterChange, RosterContact, RosterPerson, RosterState
from bot.store.families.roster_imports import find_open, roster_imports, start

ROSTER_SOURCE = "roster"


def load_states(db: Transaction, persons: Sequence[RosterPerson]) -> dict[str, RosterState]:
    """Return the saved state of each person by lookup hash. New persons have an empty state."""
    states = {person.lookup_hash: RosterState() for person in persons}
    states_by_family: dict[int, RosterState] = {}
    for row in db.execute(select(families).where(families.c.person_index.in_(states))):
        state = RosterState(row.id, row.role, row.consent_basis, row.consent_at)
        states[row.person_index] = states_by_family[row.id] = state
    _load_details(db, states_by_family)
    _load_consent_events(db, persons, states)
    return states


def _load_details(db: Transaction, states_by_family: dict[int, RosterState]) -> None:
    """Add the contacts, schools, and tags to the states."""
    if not states_by_family:
        return
    query = select(contacts).where(contacts.c.family_id.in_(states_by_family)).order_by(contacts.c.id)
    for row in db.execute(query):
        contact = RosterContact(row.id, row.address_index, row.channel, row.language, row.opted_out_at)
        states_by_family[row.family_id].addresses.append(contact)
    is_from_roster = family_schools.c.family_id.in_(states_by_family) & (family_schools.c.source == ROSTER_SOURCE)
    for row in db.execute(select(family_schools).where(is_from_roster)):
        states_by_family[row.family_id].schools[row.school] = row.seen
    for row in db.execute(select(family_tags).where(family_tags.c.family_id.in_(states_by_family))):
        states_by_family[row.family_id].tags.add(row.tag)


def _load_consent_events(db: Transaction, persons: Sequence[RosterPerson], states: dict[str, RosterState]) -> None:
    """Add the consent events to the states, including the opt-out of a family that was erased."""
    permanent = permanent_hashes.compute_hashes(db, [address for person in persons for address in person.addresses])
    states_by_hash: dict[str, RosterState] = {}
    for person in persons:
        hashes = [*person.lookup_hashes, *(permanent[address] for address in person.addresses if permanent)]
        states_by_hash |= dict.fromkeys(hashes, states[person.lookup_hash])
    query = select(consent_events).where(consent_events.c.address_index.in_(states_by_hash))
    for row in db.execute(query.order_by(consent_events.c.at, consent_events.c.id)):
        states_by_hash[row.address_index].events.append(ConsentEvent.from_row(row))


def write_changes(db: Transaction, changes: Sequence[RosterChange], import_id: str, current_time: datetime) -> None:
    """Save all changes. Rows that another process has just created stay as they are."""
    family_ids = _find_or_create_families(db, changes, current_time)
    contact_rows, school_rows, tag_rows, event_rows = [], [], [], []
    for change in changes:
        family_id = family_ids[change.person.lookup_hash]
        if change.address is not None:
            contact_rows.append(_build_contact_row(db.vault, change.person, change.address, family_id, current_time))
        for school in change.added_schools:
            row = {"family_id": family_id, "school": school, "source": ROSTER_SOURCE, "seen": import_id}
            school_rows.append(row)
        tag_rows += [{"family_id": family_id, "tag": tag} for tag in change.tags]
        event_rows += [{"address_index": address_hash, **vars(event)} for address_hash, event in change.events]
    _insert_rows(db, contacts, contact_rows)
    _insert_rows(db, family_schools, school_rows)
    _insert_rows(db, family_tags, tag_rows)
    _insert_rows(db, consent_events, event_rows)
    _update_families(db, changes)
    _update_schools(db, changes, import_id)


def _find_or_create_families(
    db: Transaction, changes: Sequence[RosterChange], current_time: datetime
) -> dict[str, int]:
    """Return the id of each person's family by lookup hash. Create the new families."""
    ids = {change.person.lookup_hash: change.family_id for change in changes if change.family_id is not None}
    new = {change.person.lookup_hash: change for change in changes if change.is_new_family}
    rows = [
        {
            "person_index": lookup_hash,
            "role": change.role or "family",
            "created_at": current_time,
            **change.consent_columns,
        }
        for lookup_hash, change in new.items()
    ]
    _insert_rows(db, families, rows)
    if new:
        query = select(families.c.person_index, families.c.id).where(families.c.person_index.in_(new))
        ids.update({row.person_index: row.id for row in db.execute(query)})
    return ids


def _build_contact_row(
    vault: Vault, person: RosterPerson, contact: NewRosterContact, family_id: int, current_time: datetime
) -> dict[str, Any]:
    address, address_hash = person.get_address(contact.channel)
    return {
        "address_index": address_hash,
        "sealed_address": encrypt_address(vault, address, address_hash),
        "channel": contact.channel,
        "language": contact.language,
        "opted_out_at": contact.opted_out_at,
        "created_at": current_time,
        "family_id": family_id,
    }


def _update_families(db: Transaction, changes: Sequence[RosterChange]) -> None:
    existing = [change for change in changes if not change.is_new_family]
    _update_rows(
        db, families, [{"row_id": change.family_id, "role": change.role} for change in existing if change.role]
    )
    _update_rows(
        db, families, [{"row_id": change.family_id, **change.consent_columns} for change in existing if change.events]
    )
    languages = [
        {"row_id": change.family_id, "roster_language": change.language} for change in existing if change.language
    ]
    if languages:
        has_no_language = (contacts.c.family_id == bindparam("row_id")) & contacts.c.language.is_(None)
        db.execute(update(contacts).where(has_no_language).values(language=bindparam("roster_language")), languages)


def _update_rows(db: Transaction, table: Table, rows: list[dict[str, Any]]) -> None:
    """Update many rows with one statement. Each dict holds `row_id` and the new values of the same columns."""
    if not rows:
        return
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in rows[0] if name != "row_id"}
    parameters = [
        {"row_id" if name == "row_id" else f"new_{name}": value for name, value in row.items()} for row in rows
    ]
    db.execute(update(table).where(table.c.id == bindparam("row_id")).values(values), parameters)


def _update_schools(db: Transaction, changes: Sequence[RosterChange], import_id: str) -> None:
    is_of_family = (family_schools.c.family_id == bindparam("row_id")) & (family_schools.c.source == ROSTER_SOURCE)
    key = is_of_family & (family_schools.c.school == bindparam("school_id"))
    confirmed = [
        {"row_id": change.family_id, "school_id": school} for change in changes for school in change.confirmed_schools
    ]
    if confirmed:
        db.execute(update(family_schools).where(key).values(seen=import_id), confirmed)
    removed = [
        {"row_id": change.family_id, "school_id": school} for change in changes for school in change.removed_schools
    ]
    if removed:
        db.execute(delete(family_schools).where(key), removed)


def _insert_rows(db: Transaction, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        dialect = postgresql if db.dialect.name == "postgresql" else sqlite
        db.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def count_placements(db: Transaction, school_ids: Iterable[str]) -> int:
    """Return how many placements (a family at a school) rosters have added at these schools."""
    key = family_schools.c.school.in_(tuple(school_ids)) & (family_schools.c.source == ROSTER_SOURCE)
    return db.execute(select(func.count()).select_from(family_schools).where(key)).scalar_one()


def resume_or_start(db: Transaction, new_id: str, file_hash: str) -> tuple[str, int, datetime]:
    """Return (id, lines done, start time) of the interrupted import of this file, or of a new import.

    An interrupted import continues only if it is the newest: a later import has replaced its id in `seen`.
    """
    newest = _find_newest(db)
    interrupted = find_open(db, file_hash)
    if interrupted and newest and newest[0] == interrupted[0]:
        return (*interrupted, newest[1])
    current_time = now()
    start(db, new_id, file_hash, current_time)
    return new_id, 0, current_time


def is_newest(db: Transaction, import_id: str) -> bool:
    """Return whether no other import has started since this one."""
    newest = _find_newest(db)
    return newest is not None and newest[0] == import_id


def _find_newest(db: Transaction) -> tuple[str, datetime] | None:
    query = select(roster_imports.c.id, roster_imports.c.at).order_by(roster_imports.c.at.desc()).limit(1)
    row = db.execute(query).one_or_none()
    return (row.id, row.at) if row else None
