"""What a roster says of one telephone number, and what that changes."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from bot.roster.consent_basis import PersonConsent, RosterConsent, select_events
from bot.store.families.consent_events import ConsentEvent
from bot.store.families.roster_changes import NewRosterContact, RosterChange, RosterContact, RosterPerson, RosterState

ROLE_RANK = ("staff", "family", "leader")
"""A teacher who is a parent too is family; a leader stays one.  The later one here wins."""


@dataclass(frozen=True)
class RosterEntry:
    """One line, or several lines of one number.  `channels` only where the file names them; `leaves`: it is gone."""

    number: str
    schools: tuple[str, ...] = ()
    language: str | None = None
    role: str = "family"
    channels: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    consents: tuple[RosterConsent, ...] = ()
    has_left: bool = False

    def copy_for_number(self, number: str) -> "RosterEntry":
        """The same said of another number."""
        return replace(self, number=number)

    def __add__(self, other: "RosterEntry") -> "RosterEntry":
        """Both lines of one number (two children) as one."""
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
    """One for each number, in the order in which they were first named."""
    found: dict[str, RosterEntry] = {}
    for line in lines:
        found[line.number] = found[line.number] + line if line.number in found else line
    return list(found.values())


def decide_changes(state: RosterState, entry: RosterEntry, person: RosterPerson, import_id: str) -> list[RosterChange]:
    """What has to be written; nothing for somebody gone whom nobody knew.

    A second change is a second address, where the file names both channels.
    """
    if entry.has_left:
        left = [school for school, seen in state.schools.items() if seen != import_id]
        return [RosterChange(person, state.family_id, removed_schools=left)] if state.family_id else []
    stopped = _find_opt_out_time(state)
    language = next((one.language for one in state.addresses if one.language), None)
    missing = _find_missing_channels(state, entry)
    made = [NewRosterContact(channel, language or entry.language, stopped) for channel in missing]
    change = RosterChange(
        person,
        state.family_id,
        role=_choose_role(state, entry),
        language=entry.language if state.addresses and not language else None,
        address=made[0] if made else None,
        events=_select_entry_events(state, entry, person, missing),
        added_schools=[school for school in entry.schools if school not in state.schools],
        confirmed_schools=[school for school in entry.schools if state.schools.get(school, import_id) != import_id],
        tags=[name for name in entry.tags if name not in state.tags],
    )
    return [change, *(RosterChange(person, state.family_id, address=address) for address in made[1:])]


def _join_unique(some: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*some, *others)))


def _find_missing_channels(state: RosterState, entry: RosterEntry) -> list[str]:
    """Channels on which it needs an address: those that the file names, else one only if it has none at all."""
    there = {one.channel for one in state.addresses}
    if entry.channels:
        return [channel for channel in entry.channels if channel not in there]
    return [] if there else ["sms"]


def _choose_role(state: RosterState, entry: RosterEntry) -> str | None:
    if state.family_id is None:
        return entry.role
    higher = ROLE_RANK.index(entry.role) > ROLE_RANK.index(state.role) if state.role in ROLE_RANK else False
    return entry.role if higher else None


def _find_opt_out_time(state: RosterState) -> datetime | None:
    """Since when this person wants nothing; also one whose address was erased after its STOP."""
    on_address = next((one.opted_out_at for one in state.addresses if one.opted_out_at), None)
    last = _build_person_consent(state).last_family_event
    return on_address or (last.at if last and last.kind == "stop" else None)


def _build_person_consent(state: RosterState) -> PersonConsent:
    stopped = any(one.opted_out_at for one in state.addresses)
    return PersonConsent(state.consent_basis, state.consent_at, tuple(state.events), stopped)


def _select_entry_events(
    state: RosterState, entry: RosterEntry, person: RosterPerson, missing: list[str]
) -> list[tuple[str, ConsentEvent]]:
    """The proof stands with the address that messages will go to."""
    index = _choose_lookup_hash(state.addresses, entry, person, missing)
    return [(index, event) for event in select_events(_build_person_consent(state), entry.consents, person.lookup_hash)]


def _choose_lookup_hash(
    addresses: list[RosterContact], entry: RosterEntry, person: RosterPerson, missing: list[str]
) -> str:
    channel = (entry.channels or tuple(missing) or ("sms",))[0]
    own = [one.lookup_hash for one in addresses if one.channel == channel] or [one.lookup_hash for one in addresses]
    return person.get_address(channel)[1] if channel in missing or not own else own[0]
