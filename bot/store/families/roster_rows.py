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
from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.base.encryption import Vault
from bot.store import permanent_hashes
from bot.store.families.consent_events import Event, consent_events
from bot.store.families.contacts import contacts
from bot.store.families.families import families, schools, tags
from bot.store.families.roster_imports import open_of, roster_imports, start

ROSTER = "roster"


@dataclass(frozen=True)
class Person:
    """One telephone number: the keyed hashes of it and of its addresses."""

    number: str
    by_sms: str
    by_whatsapp: str
    by_voice: str

    @property
    def index(self) -> str:
        """What `families.person_index` holds: an SMS address is the number itself."""
        return self.by_sms

    @property
    def addresses(self) -> tuple[str, ...]:
        """All, as Twilio gives them."""
        return self.number, f"whatsapp:{self.number}", f"voice:{self.number}"

    def at(self, channel: str) -> tuple[str, str]:
        """Address and its keyed hash on this channel."""
        return {
            "whatsapp": (f"whatsapp:{self.number}", self.by_whatsapp),
            "voice": (f"voice:{self.number}", self.by_voice),
        }.get(channel, (self.number, self.by_sms))

    @property
    def indices(self) -> tuple[str, ...]:
        """The keyed hashes of all its addresses."""
        return (self.by_sms, self.by_whatsapp, self.by_voice)


def person(vault: Vault, number: str) -> Person:
    """The hashes for a number as E.164."""
    return Person(number, *(vault.index(f"{way}{number}") for way in ("", "whatsapp:", "voice:")))


@dataclass(frozen=True)
class Address:
    """A contact, as far as a roster looks at it."""

    id: int
    index: str
    channel: str
    language: str | None
    stopped_at: datetime | None


@dataclass
class State:
    """What is kept of a person before a line is.  `schools` are those from rosters, with the import that named each."""

    family_id: int | None = None
    role: str = "family"
    consent_basis: str | None = None
    consent_at: datetime | None = None
    addresses: list[Address] = field(default_factory=list)
    schools: dict[str, str] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)


@dataclass(frozen=True)
class NewAddress:
    """A contact to be made."""

    channel: str
    language: str | None
    stopped_at: datetime | None


@dataclass
class Change:
    """What a line changes for one person; `touched` are schools that it has, named once more."""

    person: Person
    family_id: int | None
    role: str | None = None
    language: str | None = None
    address: NewAddress | None = None
    events: list[tuple[str, Event]] = field(default_factory=list)
    """Address hash and what was said about consent; the last one decides."""
    joined: Sequence[str] = ()
    touched: Sequence[str] = ()
    left: Sequence[str] = ()
    tags: Sequence[str] = ()

    @property
    def new(self) -> bool:
        """Whether the family is made by it."""
        return self.family_id is None

    @property
    def nothing(self) -> bool:
        """Whether all of it was there before."""
        made = self.role or self.language or self.address or self.events or self.joined or self.left or self.tags
        return not (self.new or made)

    @property
    def consent(self) -> dict[str, Any]:
        """The columns of `families` after its last word about consent."""
        last = self.events[-1][1] if self.events else None
        given = last is not None and last.kind == "given"
        return {"consent_basis": last.basis, "consent_at": last.at} if last and given else NO_CONSENT


NO_CONSENT = {"consent_basis": None, "consent_at": None}


def states(db: Connection, vault: Vault, persons: Sequence[Person]) -> dict[str, State]:
    """What is kept of each person, by its index; an empty state for who is new."""
    found = {one.index: State() for one in persons}
    by_id: dict[int, State] = {}
    for row in db.execute(select(families).where(families.c.person_index.in_(found))):
        state = found[row.person_index] = State(row.id, row.role, row.consent_basis, row.consent_at)
        by_id[row.id] = state
    _read_details(db, by_id)
    owners = {address: found[one.index] for one in persons for address in one.indices}
    hashes = permanent_hashes.known(db, vault, [each for one in persons for each in one.addresses])
    lasted = {hashes[each]: found[one.index] for one in persons for each in one.addresses if hashes}
    owners |= lasted  # somebody who was erased, and wanted no messages
    query = select(consent_events).where(consent_events.c.address_index.in_(owners))
    for row in db.execute(query.order_by(consent_events.c.at, consent_events.c.id)):
        owners[row.address_index].events.append(Event(row.kind, row.basis, row.message_sid, row.at))
    return found


def _read_details(db: Connection, by_id: dict[int, State]) -> None:
    if not by_id:
        return
    for row in db.execute(select(contacts).where(contacts.c.family_id.in_(by_id)).order_by(contacts.c.id)):
        address = Address(row.id, row.address_index, row.channel, row.language, row.stopped_at)
        by_id[row.family_id].addresses.append(address)
    for row in db.execute(select(schools).where(schools.c.family_id.in_(by_id), schools.c.source == ROSTER)):
        by_id[row.family_id].schools[row.school] = row.seen
    for row in db.execute(select(tags).where(tags.c.family_id.in_(by_id))):
        by_id[row.family_id].tags.add(row.tag)


def write(db: Connection, vault: Vault, changes: Sequence[Change], import_id: str, at: datetime) -> None:
    """Keep them all; what another process made meanwhile stays as it is."""
    ids = _families(db, changes, at)
    _insert(db, contacts, [row for one in changes if (row := _contact(vault, one, ids[one.person.index], at))])
    joined = [(ids[one.person.index], school) for one in changes for school in one.joined]
    seen = {"source": ROSTER, "seen": import_id}
    _insert(db, schools, [{"family_id": family, "school": school, **seen} for family, school in joined])
    _insert(db, tags, [{"family_id": ids[one.person.index], "tag": name} for one in changes for name in one.tags])
    _insert(db, consent_events, [_event(index, event) for one in changes for index, event in one.events])
    _update_families(db, changes)
    _update_schools(db, changes, import_id)


def _families(db: Connection, changes: Sequence[Change], at: datetime) -> dict[str, int]:
    """The id of each person's family; new ones are made."""
    ids = {one.person.index: one.family_id for one in changes if one.family_id is not None}
    new = {one.person.index: one for one in changes if one.new}
    rows = [
        {"person_index": index, "role": one.role or "family", "created_at": at, **one.consent}
        for index, one in new.items()
    ]
    _insert(db, families, rows)
    if new:
        query = select(families.c.person_index, families.c.id).where(families.c.person_index.in_(new))
        ids.update({row.person_index: row.id for row in db.execute(query)})
    return ids


def _contact(vault: Vault, change: Change, family_id: int, at: datetime) -> dict[str, Any] | None:
    if change.address is None:
        return None
    address, index = change.person.at(change.address.channel)
    return {
        "address_index": index,
        "sealed_address": vault.seal(address, f"contact:address:{index}"),
        "channel": change.address.channel,
        "language": change.address.language,
        "stopped_at": change.address.stopped_at,
        "created_at": at,
        "family_id": family_id,
    }


def _event(index: str, event: Event) -> dict[str, Any]:
    return {"address_index": index, **vars(event)}


def _update_families(db: Connection, changes: Sequence[Change]) -> None:
    known = [one for one in changes if not one.new]
    roles = [{"which": one.family_id, "role": one.role} for one in known if one.role]
    _update(db, families, roles)
    _update(db, families, [{"which": one.family_id, **one.consent} for one in known if one.events])
    spoken = [{"which": one.family_id, "spoken": one.language} for one in known if one.language]
    if spoken:
        unsaid = (contacts.c.family_id == bindparam("which")) & contacts.c.language.is_(None)
        db.execute(update(contacts).where(unsaid).values(language=bindparam("spoken")), spoken)


def _update(db: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in rows[0] if name != "which"}
        given = [{("which" if name == "which" else f"new_{name}"): row[name] for name in row} for row in rows]
        db.execute(update(table).where(table.c.id == bindparam("which")).values(values), given)


def _update_schools(db: Connection, changes: Sequence[Change], import_id: str) -> None:
    own = (schools.c.family_id == bindparam("which")) & (schools.c.source == ROSTER)
    key = own & (schools.c.school == bindparam("at_school"))
    touched = [{"which": one.family_id, "at_school": school} for one in changes for school in one.touched]
    if touched:
        db.execute(update(schools).where(key).values(seen=import_id), touched)
    left = [{"which": one.family_id, "at_school": school} for one in changes for school in one.left]
    if left:
        db.execute(delete(schools).where(key), left)


def _insert(db: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        dialect = postgresql if db.dialect.name == "postgresql" else sqlite
        db.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def on_rosters(db: Connection, at_schools: Iterable[str]) -> int:
    """How many places (a family at a school) rosters have given at these schools."""
    key = schools.c.school.in_(tuple(at_schools)) & (schools.c.source == ROSTER)
    return db.execute(select(func.count()).select_from(schools).where(key)).scalar_one()


def resume_or_start(db: Connection, new_id: str, file: str) -> tuple[str, int, datetime]:
    """(id, lines done, when it began) of the import of this file that was broken off, else of a new one.

    One that another import has followed is not gone on with: `seen` no longer says whom it had named.
    """
    newest = _newest(db)
    found = open_of(db, file)
    if found and newest and newest[0] == found[0]:
        return (*found, newest[1])
    at = now()
    start(db, new_id, file, at)
    return new_id, 0, at


def is_newest(db: Connection, import_id: str) -> bool:
    """Whether no other import has begun since this one."""
    newest = _newest(db)
    return newest is not None and newest[0] == import_id


def _newest(db: Connection) -> tuple[str, datetime] | None:
    query = select(roster_imports.c.id, roster_imports.c.at).order_by(roster_imports.c.at.desc()).limit(1)
    row = db.execute(query).one_or_none()
    return (row.id, row.at) if row else None
