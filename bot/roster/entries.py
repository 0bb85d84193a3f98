"""Merge the roster lines of one phone number, and decide what they change."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from bot.roster.consent_basis import PersonConsent, RosterConsent, select_events
from bot.store.families.consent_events import ConsentEvent
from bot.store.families.roster_changes import NewRosterContact, RosterChange, RosterContact, RosterPerson, RosterState

ROLE_RANK = ("staff", "family", "leader")
"""From lowest to highest. The highest role wins: a teacher who is also a parent is family, and a leader stays one."""


@dataclass(frozen=True)
class RosterEntry:
    """One line, or the merged lines of one number. `channels` is empty unless the file has a channel."""

    number: str
    schools: tuple[str, ...] = ()
    language: str | None = None
    role: str = "family"
    channels: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    consents: tuple[RosterConsent, ...] = ()
    has_left: bool = False

    def copy_for_number(self, number: str) -> "RosterEntry":
        """Return the same entry for another number."""
        return replace(self, number=number)

    def __add__(self, other: "RosterEntry") -> "RosterEntry":
        """Merge two lines of one number, for example of two children."""
        return RosterEntry(
            self.number,
            _join_unique(self.schools, other.schools),
            self.language or other.language,
            max(self.role, other.role, key=ROLE_RANK.index),
            _join_unique(self.channels, other.channels),
            _join_unique(self.tags, other.tags),
            tuple(dict.fromkeys((*self.consents, *other.consents))),
            self.has_left and other.has_left,
        )


def merge_entries(lines: Iterable[RosterEntry]) -> list[RosterEntry]:
    """Merge the lines of each number, in the order in which the numbers first appear."""
    entries: dict[str, RosterEntry] = {}
    for line in lines:
        if line.number in entries:
            entries[line.number] += line
        else:
            entries[line.number] = line
    return list(entries.values())


def decide_changes(state: RosterState, entry: RosterEntry, person: RosterPerson, import_id: str) -> list[RosterChange]:
    """Return the changes to write. There are none for a person who has left and was never a contact.

    If the file names two channels, a second change adds the second address.
    """
    if entry.has_left:
        if not state.family_id:
            return []
        removed_schools = [school for school, last_import in state.schools.items() if last_import != import_id]
        return [RosterChange(person, state.family_id, removed_schools=removed_schools)]
    opted_out_at = _find_opt_out_time(state)
    language = next((contact.language for contact in state.addresses if contact.language), None)
    missing = _find_missing_channels(state, entry)
    new_contacts = [NewRosterContact(channel, language or entry.language, opted_out_at) for channel in missing]
    change = RosterChange(
        person,
        state.family_id,
        role=_choose_role(state, entry),
        language=entry.language if state.addresses and not language else None,
        address=new_contacts[0] if new_contacts else None,
        events=_select_entry_events(state, entry, person, missing),
        added_schools=[school for school in entry.schools if school not in state.schools],
        confirmed_schools=[school for school in entry.schools if state.schools.get(school, import_id) != import_id],
        tags=[name for name in entry.tags if name not in state.tags],
    )
    return [change, *(RosterChange(person, state.family_id, address=contact) for contact in new_contacts[1:])]


def _join_unique(values: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*values, *others)))


def _find_missing_channels(state: RosterState, entry: RosterEntry) -> list[str]:
    """Return the channels that need a new address: those in the file, or SMS if the person has no address."""
    existing = {contact.channel for contact in state.addresses}
    if entry.channels:
        return [channel for channel in entry.channels if channel not in existing]
    if existing:
        return []
    return ["sms"]


def _choose_role(state: RosterState, entry: RosterEntry) -> str | None:
    if state.family_id is None:
        return entry.role
    if state.role in ROLE_RANK and ROLE_RANK.index(entry.role) > ROLE_RANK.index(state.role):
        return entry.role
    return None


def _find_opt_out_time(state: RosterState) -> datetime | None:
    """Return when this person opted out, even if the address was erased afterwards."""
    for contact in state.addresses:
        if contact.opted_out_at:
            return contact.opted_out_at
    last_event = _build_person_consent(state).last_family_event
    if last_event and last_event.kind == "stop":
        return last_event.at
    return None


def _build_person_consent(state: RosterState) -> PersonConsent:
    has_opted_out = any(contact.opted_out_at for contact in state.addresses)
    return PersonConsent(state.consent_basis, state.consent_at, tuple(state.events), has_opted_out)


def _select_entry_events(
    state: RosterState, entry: RosterEntry, person: RosterPerson, missing: list[str]
) -> list[tuple[str, ConsentEvent]]:
    """Pair each consent event with the lookup hash of the address that will get the messages."""
    lookup_hash = _choose_lookup_hash(state.addresses, entry, person, missing)
    events = select_events(_build_person_consent(state), entry.consents, person.lookup_hash)
    return [(lookup_hash, event) for event in events]


def _choose_lookup_hash(
    addresses: list[RosterContact], entry: RosterEntry, person: RosterPerson, missing: list[str]
) -> str:
    channel = (entry.channels or tuple(missing) or ("sms",))[0]
    if channel in missing or not addresses:
        return person.get_address(channel)[1]
    return next((contact.lookup_hash for contact in addresses if contact.channel == channel), addresses[0].lookup_hash)
