"""Roster rows: what a district's file says of many families at once, read and written some hundred at a time.

`families`, `contacts` and `consents` have the same for one family; a hundred thousand lines need one question and one
statement for a whole batch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.base.database import Transaction, now
from bot.base.encryption import Vault
from bot.store import permanent_hashes
from bot.store.families.consent_events import ConsentEvent, consent_events
from bot.store.families.contacts import contacts
from bot.store.families.families import families, family_schools, family_tags
from bot.store.families.roster_imports import find_open, roster_imports, start

ROSTER_SOURCE = "roster"


@dataclass(frozen=True)
class RosterPerson:
    """One telephone number: the keyed hashes of it and of its addresses."""

    number: str
    sms_hash: str
    whatsapp_hash: str
    voice_hash: str

    @property
    def lookup_hash(self) -> str:
        """What `families.person_index` holds: an SMS address is the number itself."""
        return self.sms_hash

    @property
    def addresses(self) -> tuple[str, ...]:
        """All, as Twilio gives them."""
        return self.number, f"whatsapp:{self.number}", f"voice:{self.number}"

    def get_address(self, channel: str) -> tuple[str, str]:
        """Address and its keyed hash on this channel."""
        return {
            "whatsapp": (f"whatsapp:{self.number}", self.whatsapp_hash),
            "voice": (f"voice:{self.number}", self.voice_hash),
        }.get(channel, (self.number, self.sms_hash))

    @property
    def lookup_hashes(self) -> tuple[str, ...]:
        """The keyed hashes of all its addresses."""
        return (self.sms_hash, self.whatsapp_hash, self.voice_hash)


def build_person(vault: Vault, number: str) -> RosterPerson:
    """The hashes for a number as E.164."""
    return RosterPerson(number, *(vault.compute_lookup_hash(f"{way}{number}") for way in ("", "whatsapp:", "voice:")))


@dataclass(frozen=True)
class RosterContact:
    """A contact, as far as a roster looks at it."""

    id: int
    lookup_hash: str
    channel: str
    language: str | None
    opted_out_at: datetime | None


@dataclass
class RosterState:
    """What is kept of a person before a line is.  `schools` are those from rosters, with the import that named each."""

    family_id: int | None = None
    role: str = "family"
    consent_basis: str | None = None
    consent_at: datetime | None = None
    addresses: list[RosterContact] = field(default_factory=list)
    schools: dict[str, str] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)
    events: list[ConsentEvent] = field(default_factory=list)


@dataclass(frozen=True)
class NewRosterContact:
    """A contact to be made."""

    channel: str
    language: str | None
    opted_out_at: datetime | None


@dataclass
class RosterChange:
    """What a line changes for one person; `touched` are schools that it has, named once more."""

    person: RosterPerson
    family_id: int | None
    role: str | None = None
    language: str | None = None
    address: NewRosterContact | None = None
    events: list[tuple[str, ConsentEvent]] = field(default_factory=list)
    """Address hash and what was said about consent; the last one decides."""
    added_schools: Sequence[str] = ()
    confirmed_schools: Sequence[str] = ()
    removed_schools: Sequence[str] = ()
    tags: Sequence[str] = ()

    @property
    def is_new_family(self) -> bool:
        """Whether the family is made by it."""
        return self.family_id is None

    @property
    def is_empty(self) -> bool:
        """Whether all of it was there before."""
        made = (
            self.role
            or self.language
            or self.address
            or self.events
            or self.added_schools
            or self.removed_schools
            or self.tags
        )
        return not (self.is_new_family or made)

    @property
    def consent_columns(self) -> dict[str, Any]:
        """The columns of `families` after its last word about consent."""
        last = self.events[-1][1] if self.events else None
        given = last is not None and last.kind == "given"
        return {"consent_basis": last.basis, "consent_at": last.at} if last and given else NO_CONSENT_COLUMNS


NO_CONSENT_COLUMNS = {"consent_basis": None, "consent_at": None}


def load_states(db: Transaction, persons: Sequence[RosterPerson]) -> dict[str, RosterState]:
    """What is kept of each person, by its index; an empty state for who is new."""
    found = {one.lookup_hash: RosterState() for one in persons}
    by_id: dict[int, RosterState] = {}
    for row in db.execute(select(families).where(families.c.person_index.in_(found))):
        state = found[row.person_index] = RosterState(row.id, row.role, row.consent_basis, row.consent_at)
        by_id[row.id] = state
    _read_details(db, by_id)
    owners = {address: found[one.lookup_hash] for one in persons for address in one.lookup_hashes}
    hashes = permanent_hashes.compute_hashes(db, [each for one in persons for each in one.addresses])
    lasted = {hashes[each]: found[one.lookup_hash] for one in persons for each in one.addresses if hashes}
    owners |= lasted  # somebody who was erased, and wanted no messages
    query = select(consent_events).where(consent_events.c.address_index.in_(owners))
    for row in db.execute(query.order_by(consent_events.c.at, consent_events.c.id)):
        owners[row.address_index].events.append(ConsentEvent(row.kind, row.basis, row.message_sid, row.at))
    return found


def _read_details(db: Transaction, by_id: dict[int, RosterState]) -> None:
    if not by_id:
        return
    for row in db.execute(select(contacts).where(contacts.c.family_id.in_(by_id)).order_by(contacts.c.id)):
        address = RosterContact(row.id, row.address_index, row.channel, row.language, row.stopped_at)
        by_id[row.family_id].addresses.append(address)
    for row in db.execute(
        select(family_schools).where(family_schools.c.family_id.in_(by_id), family_schools.c.source == ROSTER_SOURCE)
    ):
        by_id[row.family_id].schools[row.school] = row.seen
    for row in db.execute(select(family_tags).where(family_tags.c.family_id.in_(by_id))):
        by_id[row.family_id].tags.add(row.tag)


def write_changes(db: Transaction, changes: Sequence[RosterChange], import_id: str, at: datetime) -> None:
    """Keep them all; what another process made meanwhile stays as it is."""
    ids = _find_or_create_families(db, changes, at)
    _insert_rows(
        db,
        contacts,
        [row for one in changes if (row := _build_contact_row(db.vault, one, ids[one.person.lookup_hash], at))],
    )
    joined = [(ids[one.person.lookup_hash], school) for one in changes for school in one.added_schools]
    seen = {"source": ROSTER_SOURCE, "seen": import_id}
    _insert_rows(db, family_schools, [{"family_id": family, "school": school, **seen} for family, school in joined])
    _insert_rows(
        db,
        family_tags,
        [{"family_id": ids[one.person.lookup_hash], "tag": name} for one in changes for name in one.tags],
    )
    _insert_rows(db, consent_events, [_build_event_row(index, event) for one in changes for index, event in one.events])
    _update_families(db, changes)
    _update_schools(db, changes, import_id)


def _find_or_create_families(db: Transaction, changes: Sequence[RosterChange], at: datetime) -> dict[str, int]:
    """The id of each person's family; new ones are made."""
    ids = {one.person.lookup_hash: one.family_id for one in changes if one.family_id is not None}
    new = {one.person.lookup_hash: one for one in changes if one.is_new_family}
    rows = [
        {"person_index": index, "role": one.role or "family", "created_at": at, **one.consent_columns}
        for index, one in new.items()
    ]
    _insert_rows(db, families, rows)
    if new:
        query = select(families.c.person_index, families.c.id).where(families.c.person_index.in_(new))
        ids.update({row.person_index: row.id for row in db.execute(query)})
    return ids


def _build_contact_row(vault: Vault, change: RosterChange, family_id: int, at: datetime) -> dict[str, Any] | None:
    if change.address is None:
        return None
    address, index = change.person.get_address(change.address.channel)
    return {
        "address_index": index,
        "sealed_address": vault.encrypt(address, f"contact:address:{index}"),
        "channel": change.address.channel,
        "language": change.address.language,
        "stopped_at": change.address.opted_out_at,
        "created_at": at,
        "family_id": family_id,
    }


def _build_event_row(index: str, event: ConsentEvent) -> dict[str, Any]:
    return {"address_index": index, **vars(event)}


def _update_families(db: Transaction, changes: Sequence[RosterChange]) -> None:
    known = [one for one in changes if not one.is_new_family]
    roles = [{"which": one.family_id, "role": one.role} for one in known if one.role]
    _update_rows(db, families, roles)
    _update_rows(db, families, [{"which": one.family_id, **one.consent_columns} for one in known if one.events])
    spoken = [{"which": one.family_id, "spoken": one.language} for one in known if one.language]
    if spoken:
        unsaid = (contacts.c.family_id == bindparam("which")) & contacts.c.language.is_(None)
        db.execute(update(contacts).where(unsaid).values(language=bindparam("spoken")), spoken)


def _update_rows(db: Transaction, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in rows[0] if name != "which"}
        given = [{("which" if name == "which" else f"new_{name}"): row[name] for name in row} for row in rows]
        db.execute(update(table).where(table.c.id == bindparam("which")).values(values), given)


def _update_schools(db: Transaction, changes: Sequence[RosterChange], import_id: str) -> None:
    own = (family_schools.c.family_id == bindparam("which")) & (family_schools.c.source == ROSTER_SOURCE)
    key = own & (family_schools.c.school == bindparam("at_school"))
    touched = [{"which": one.family_id, "at_school": school} for one in changes for school in one.confirmed_schools]
    if touched:
        db.execute(update(family_schools).where(key).values(seen=import_id), touched)
    left = [{"which": one.family_id, "at_school": school} for one in changes for school in one.removed_schools]
    if left:
        db.execute(delete(family_schools).where(key), left)


def _insert_rows(db: Transaction, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        dialect = postgresql if db.dialect.name == "postgresql" else sqlite
        db.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def count_placements(db: Transaction, school_ids: Iterable[str]) -> int:
    """How many places (a family at a school) rosters have given at these schools."""
    key = family_schools.c.school.in_(tuple(school_ids)) & (family_schools.c.source == ROSTER_SOURCE)
    return db.execute(select(func.count()).select_from(family_schools).where(key)).scalar_one()


def resume_or_start(db: Transaction, new_id: str, file_hash: str) -> tuple[str, int, datetime]:
    """(id, lines done, when it began) of the import of this file that was broken off, else of a new one.

    One that another import has followed is not gone on with: `seen` no longer says whom it had named.
    """
    newest = _find_newest(db)
    found = find_open(db, file_hash)
    if found and newest and newest[0] == found[0]:
        return (*found, newest[1])
    at = now()
    start(db, new_id, file_hash, at)
    return new_id, 0, at


def is_newest(db: Transaction, import_id: str) -> bool:
    """Whether no other import has begun since this one."""
    newest = _find_newest(db)
    return newest is not None and newest[0] == import_id


def _find_newest(db: Transaction) -> tuple[str, datetime] | None:
    query = select(roster_imports.c.id, roster_imports.c.at).order_by(roster_imports.c.at.desc()).limit(1)
    row = db.execute(query).one_or_none()
    return (row.id, row.at) if row else None
