"""What a roster says of one telephone number, and what that changes."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from bot.roster.consent_basis import Consent, Standing, weigh
from bot.store.families.consent_events import Event
from bot.store.families.roster_rows import Address, Change, NewAddress, Person, State

ROLE_RANK = ("staff", "family", "leader")
"""A teacher who is a parent too is family; a leader stays one.  The later one here wins."""


@dataclass(frozen=True)
class Told:
    """One line, or several lines of one number.  `channels` only where the file names them; `leaves`: it is gone."""

    number: str
    schools: tuple[str, ...] = ()
    language: str | None = None
    role: str = "family"
    channels: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    consents: tuple[Consent, ...] = ()
    leaves: bool = False

    def of(self, number: str) -> "Told":
        """The same said of another number."""
        return replace(self, number=number)

    def __add__(self, other: "Told") -> "Told":
        """Both lines of one number (two children) as one."""
        return Told(
            self.number,
            _both(self.schools, other.schools),
            self.language or other.language,
            max(self.role, other.role, key=ROLE_RANK.index),
            _both(self.channels, other.channels),
            _both(self.tags, other.tags),
            tuple(dict.fromkeys((*self.consents, *other.consents))),
            self.leaves and other.leaves,
        )


def merged(lines: Iterable[Told]) -> list[Told]:
    """One for each number, in the order in which they were first named."""
    found: dict[str, Told] = {}
    for line in lines:
        found[line.number] = found[line.number] + line if line.number in found else line
    return list(found.values())


def decide(state: State, told: Told, person: Person, import_id: str) -> list[Change]:
    """What has to be written; nothing for somebody gone whom nobody knew.

    A second change is a second address, where the file names both channels.
    """
    if told.leaves:
        left = [school for school, seen in state.schools.items() if seen != import_id]
        return [Change(person, state.family_id, left=left)] if state.family_id else []
    stopped = _stopped(state)
    language = next((one.language for one in state.addresses if one.language), None)
    missing = _missing(state, told)
    made = [NewAddress(channel, language or told.language, stopped) for channel in missing]
    change = Change(
        person,
        state.family_id,
        role=_role(state, told),
        language=told.language if state.addresses and not language else None,
        address=made[0] if made else None,
        events=_events(state, told, person, missing),
        joined=[school for school in told.schools if school not in state.schools],
        touched=[school for school in told.schools if state.schools.get(school, import_id) != import_id],
        tags=[name for name in told.tags if name not in state.tags],
    )
    return [change, *(Change(person, state.family_id, address=address) for address in made[1:])]


def _both(some: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*some, *others)))


def _missing(state: State, told: Told) -> list[str]:
    """Channels on which it needs an address: those that the file names, else one only if it has none at all."""
    there = {one.channel for one in state.addresses}
    if told.channels:
        return [channel for channel in told.channels if channel not in there]
    return [] if there else ["sms"]


def _role(state: State, told: Told) -> str | None:
    if state.family_id is None:
        return told.role
    higher = ROLE_RANK.index(told.role) > ROLE_RANK.index(state.role) if state.role in ROLE_RANK else False
    return told.role if higher else None


def _stopped(state: State) -> datetime | None:
    """Since when this person wants nothing; also one whose address was erased after its STOP."""
    on_address = next((one.stopped_at for one in state.addresses if one.stopped_at), None)
    last = _standing(state).own_last
    return on_address or (last.at if last and last.kind == "stop" else None)


def _standing(state: State) -> Standing:
    stopped = any(one.stopped_at for one in state.addresses)
    return Standing(state.consent_basis, state.consent_at, tuple(state.events), stopped)


def _events(state: State, told: Told, person: Person, missing: list[str]) -> list[tuple[str, Event]]:
    """The proof stands with the address that messages will go to."""
    index = _address(state.addresses, told, person, missing)
    return [(index, event) for event in weigh(_standing(state), told.consents, person.index)]


def _address(addresses: list[Address], told: Told, person: Person, missing: list[str]) -> str:
    channel = (told.channels or tuple(missing) or ("sms",))[0]
    own = [one.index for one in addresses if one.channel == channel] or [one.index for one in addresses]
    return person.at(channel)[1] if channel in missing or not own else own[0]
