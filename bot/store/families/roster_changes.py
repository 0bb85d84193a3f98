"""Values of a roster import: a person, what Puente has about the person, and what a roster line changes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.base.encryption import Vault
from bot.store.families.consent_events import ConsentEvent


@dataclass(frozen=True)
class RosterPerson:
    """One phone number, with the lookup hashes of its addresses."""

    number: str
    sms_hash: str
    whatsapp_hash: str
    voice_hash: str

    @property
    def lookup_hash(self) -> str:
        """The value of `families.person_index`: the hash of the number, which is also its SMS address."""
        return self.sms_hash

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses in Twilio's form."""
        return self.number, f"whatsapp:{self.number}", f"voice:{self.number}"

    def get_address(self, channel: str) -> tuple[str, str]:
        """Return the address on this channel and its lookup hash."""
        return {
            "whatsapp": (f"whatsapp:{self.number}", self.whatsapp_hash),
            "voice": (f"voice:{self.number}", self.voice_hash),
        }.get(channel, (self.number, self.sms_hash))

    @property
    def lookup_hashes(self) -> tuple[str, ...]:
        """The lookup hashes of all addresses."""
        return (self.sms_hash, self.whatsapp_hash, self.voice_hash)


def build_person(vault: Vault, number: str) -> RosterPerson:
    """Return the person with this number (E.164)."""
    addresses = [f"{prefix}{number}" for prefix in ("", "whatsapp:", "voice:")]
    return RosterPerson(number, *map(vault.compute_lookup_hash, addresses))


@dataclass(frozen=True)
class RosterContact:
    """The fields of a contact that a roster import needs."""

    id: int
    lookup_hash: str
    channel: str
    language: str | None
    opted_out_at: datetime | None


@dataclass
class RosterState:
    """What Puente has about a person before an import. `schools` maps schools from rosters to their last import."""

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
    """A contact that the import adds."""

    channel: str
    language: str | None
    opted_out_at: datetime | None


@dataclass
class RosterChange:
    """What a roster line changes for one person. `confirmed_schools` are schools that the line names again."""

    person: RosterPerson
    family_id: int | None
    role: str | None = None
    language: str | None = None
    address: NewRosterContact | None = None
    events: list[tuple[str, ConsentEvent]] = field(default_factory=list)
    """Address hashes with consent events. The last event decides."""
    added_schools: Sequence[str] = ()
    confirmed_schools: Sequence[str] = ()
    removed_schools: Sequence[str] = ()
    tags: Sequence[str] = ()

    @property
    def is_new_family(self) -> bool:
        """Whether the change creates the family."""
        return self.family_id is None

    @property
    def is_empty(self) -> bool:
        """Whether the change has nothing to save, except that the schools are confirmed."""
        new_values = (self.role, self.language, self.address, self.events)
        new_links = (self.added_schools, self.removed_schools, self.tags)
        return not (self.is_new_family or any(new_values) or any(new_links))

    @property
    def consent_columns(self) -> dict[str, Any]:
        """The consent columns of `families` after the last event."""
        if self.events:
            _, last_event = self.events[-1]
            if last_event.kind == "given":
                return {"consent_basis": last_event.basis, "consent_at": last_event.at}
        return NO_CONSENT_COLUMNS


NO_CONSENT_COLUMNS = {"consent_basis": None, "consent_at": None}
