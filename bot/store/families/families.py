"""Families: one row for each phone number, for all its addresses (SMS, WhatsApp, voice).

A family has schools whose messages it gets, tags, the basis of its consent, and whether its number works. Puente
stores no names, no children, and no home addresses.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Column, ForeignKey, Integer, String, Table, UniqueConstraint, delete, insert, select, update
from sqlalchemy.engine import Row

from bot.base.database import NO_ID_REUSE, Transaction, UtcDateTime, metadata
from bot.store.unique_rows import insert_or_get

families = Table(
    "families",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person_index", String(64), nullable=False, unique=True),
    Column("role", String(8), nullable=False, server_default="family"),
    Column("consent_basis", String(80)),
    Column("consent_at", UtcDateTime),
    Column("bad_number", Integer),
    Column("bad_number_at", UtcDateTime),
    Column("no_whatsapp_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    **NO_ID_REUSE,
)

family_schools = Table(
    "family_schools",
    metadata,
    Column("family_id", ForeignKey("families.id"), nullable=False),
    Column("school", String(48), nullable=False, index=True),
    Column("source", String(8), nullable=False),
    Column("seen", String(32), nullable=False, server_default=""),
    UniqueConstraint("family_id", "school", "source"),
)
"""`source` is "roster", or "self" if the family chose the school. `seen` is the last import that named the family."""

family_tags = Table(
    "family_tags",
    metadata,
    Column("family_id", ForeignKey("families.id"), nullable=False),
    Column("tag", String(48), nullable=False, index=True),
    UniqueConstraint("family_id", "tag"),
)

FAMILY_ROLES = ("family", "leader", "staff")


@dataclass(frozen=True)
class Family:
    """A phone number and the people who use it.

    `bad_number` is the Twilio error code that says that the number can never receive texts.
    """

    id: int
    role: str
    consent_basis: str | None
    consent_at: datetime | None
    bad_number: int | None
    no_whatsapp_at: datetime | None

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Build a family from a row of the table."""
        return cls(row.id, row.role, row.consent_basis, row.consent_at, row.bad_number, row.no_whatsapp_at)


def extract_number(address: str) -> str:
    """Return the phone number of an address, or the address itself if it has none. It identifies a family."""
    number = address.removeprefix("whatsapp:").removeprefix("voice:")
    return number if number.startswith("+") else address


def find_or_create(db: Transaction, address: str, now: datetime) -> int:
    """Return the id of the family with this address's number. Create the family if it is new."""
    family_id = find(db, address)
    if family_id is not None:
        return family_id
    number_hash = db.vault.compute_lookup_hash(extract_number(address))
    row = insert_or_get(db, families, {"person_index": number_hash, "created_at": now}, "person_index")
    return int(row.id)


def find(db: Transaction, address: str) -> int | None:
    """Return the id of the family with this address's number, if any."""
    number_hash = db.vault.compute_lookup_hash(extract_number(address))
    return db.execute(select(families.c.id).where(families.c.person_index == number_hash)).scalar_one_or_none()


def get(db: Transaction, family_id: int) -> Family:
    """Return the family with this id.

    Raises:
        sqlalchemy.exc.NoResultFound: The family was erased.
    """
    row = db.execute(select(families).where(families.c.id == family_id)).one()
    return Family.from_row(row)


def set_role(db: Transaction, family_id: int, role: str) -> None:
    """Set the role, one of `FAMILY_ROLES`."""
    db.execute(update(families).where(families.c.id == family_id).values(role=role))


def set_consent(db: Transaction, family_id: int, basis: str | None, consented_at: datetime | None) -> None:
    """Set the basis and time of the consent to messages about school (FCC 16-88), or None if the family refused."""
    db.execute(update(families).where(families.c.id == family_id).values(consent_basis=basis, consent_at=consented_at))


def mark_bad_number(db: Transaction, family_id: int, code: int | None, reported_at: datetime | None) -> None:
    """Record the Twilio error code that says that this number can never receive texts. None clears it."""
    db.execute(update(families).where(families.c.id == family_id).values(bad_number=code, bad_number_at=reported_at))


def mark_no_whatsapp(db: Transaction, family_id: int, reported_at: datetime | None) -> None:
    """Record when Twilio reported that this number is not on WhatsApp. None clears it."""
    db.execute(update(families).where(families.c.id == family_id).values(no_whatsapp_at=reported_at))


def join_school(db: Transaction, family_id: int, school: str, source: str, seen: str = "") -> None:
    """Add a school whose messages the family gets. If it is there, update `seen`."""
    key = (
        (family_schools.c.family_id == family_id)
        & (family_schools.c.school == school)
        & (family_schools.c.source == source)
    )
    if db.execute(update(family_schools).where(key).values(seen=seen)).rowcount == 0:
        db.execute(insert(family_schools).values(family_id=family_id, school=school, source=source, seen=seen))


def remove_unseen_schools(db: Transaction, school_ids: Iterable[str], seen: str) -> int:
    """Remove the families at these schools that the full import `seen` no longer names, and return how many."""
    key = (
        family_schools.c.school.in_(tuple(school_ids))
        & (family_schools.c.source == "roster")
        & (family_schools.c.seen != seen)
    )
    return db.execute(delete(family_schools).where(key)).rowcount


def list_schools(db: Transaction, family_id: int) -> list[str]:
    """Return the sorted ids of the schools whose messages the family gets."""
    query = select(family_schools.c.school).where(family_schools.c.family_id == family_id).distinct()
    return sorted(db.execute(query).scalars())


def add_tag(db: Transaction, family_id: int, name: str) -> None:
    """Add a tag, such as "bus 4" or "soccer", once."""
    key = (family_tags.c.family_id == family_id) & (family_tags.c.tag == name)
    if db.execute(select(family_tags.c.tag).where(key)).first() is None:
        db.execute(insert(family_tags).values(family_id=family_id, tag=name))


def list_tags(db: Transaction) -> list[str]:
    """Return all tags of all families, sorted."""
    return sorted(db.execute(select(family_tags.c.tag).distinct()).scalars())
