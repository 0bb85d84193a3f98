"""Families: one person with one telephone number, however many addresses (SMS, WhatsApp) write from it.

What is kept of a family beyond its addresses: which schools' messages it gets, tags, on what basis it may be written
to unasked, and whether its number works.  No names, no children, no addresses of homes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ForeignKey, Integer, String, Table, UniqueConstraint, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from bot.base.database import NO_ID_REUSE, Transaction, UtcDateTime, metadata

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
"""`source`: "roster", or "self" for what the family said; `seen`: the import that named it last."""

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
    """`bad_number` is Twilio's code that said for good that the number gets no texts."""

    id: int
    role: str
    consent_basis: str | None
    consent_at: datetime | None
    bad_number: int | None
    no_whatsapp_at: datetime | None


def extract_number(address: str) -> str:
    """What makes a person: the telephone number of an address; the address itself where it has none."""
    number = address.removeprefix("whatsapp:").removeprefix("voice:")
    return number if number.startswith("+") else address


def find_or_create(db: Transaction, address: str, at: datetime) -> int:
    """The id of the family with this address's number, made if it is new."""
    index = db.vault.compute_lookup_hash(extract_number(address))
    found = _find_id(db, index)
    if found is not None:
        return found
    try:
        with db.begin_nested():
            db.execute(insert(families).values(person_index=index, created_at=at))
    except IntegrityError:
        pass  # made by another process just now
    made = _find_id(db, index)
    assert made is not None, "just made"
    return made


def find(db: Transaction, address: str) -> int | None:
    """The id of the family with this address's number, if it is known."""
    return _find_id(db, db.vault.compute_lookup_hash(extract_number(address)))


def _find_id(db: Transaction, index: str) -> int | None:
    return db.execute(select(families.c.id).where(families.c.person_index == index)).scalar_one_or_none()


def get(db: Transaction, family_id: int) -> Family:
    """The family with this id; raises `sqlalchemy.exc.NoResultFound` if it was erased."""
    row = db.execute(select(families).where(families.c.id == family_id)).one()
    return Family(row.id, row.role, row.consent_basis, row.consent_at, row.bad_number, row.no_whatsapp_at)


def set_role(db: Transaction, family_id: int, role: str) -> None:
    """One of `ROLES`."""
    db.execute(update(families).where(families.c.id == family_id).values(role=role))


def set_consent(db: Transaction, family_id: int, basis: str | None, at: datetime | None) -> None:
    """On what basis, since when, this family may be written to about school (FCC 16-88); None: it said no."""
    db.execute(update(families).where(families.c.id == family_id).values(consent_basis=basis, consent_at=at))


def mark_bad_number(db: Transaction, family_id: int, code: int | None, at: datetime | None) -> None:
    """Twilio says for good that this number gets no texts; None: it is to be tried again."""
    db.execute(update(families).where(families.c.id == family_id).values(bad_number=code, bad_number_at=at))


def mark_no_whatsapp(db: Transaction, family_id: int, at: datetime | None) -> None:
    """This number is not on WhatsApp."""
    db.execute(update(families).where(families.c.id == family_id).values(no_whatsapp_at=at))


def join_school(db: Transaction, family_id: int, school: str, source: str, seen: str = "") -> None:
    """This family gets the messages of this school; once however often it is said."""
    key = (
        (family_schools.c.family_id == family_id)
        & (family_schools.c.school == school)
        & (family_schools.c.source == source)
    )
    if db.execute(update(family_schools).where(key).values(seen=seen)).rowcount == 0:
        db.execute(insert(family_schools).values(family_id=family_id, school=school, source=source, seen=seen))


def remove_unseen_schools(db: Transaction, school_ids: Iterable[str], seen: str) -> int:
    """Take families off these schools whom an import (`seen`) of their whole roster no longer names; how many."""
    key = (
        family_schools.c.school.in_(tuple(school_ids))
        & (family_schools.c.source == "roster")
        & (family_schools.c.seen != seen)
    )
    return db.execute(delete(family_schools).where(key)).rowcount


def list_schools(db: Transaction, family_id: int) -> list[str]:
    """The schools whose messages it gets."""
    query = select(family_schools.c.school).where(family_schools.c.family_id == family_id).distinct()
    return sorted(db.execute(query).scalars())


def add_tag(db: Transaction, family_id: int, name: str) -> None:
    """Put a tag on ("bus 4", "soccer"); once."""
    key = (family_tags.c.family_id == family_id) & (family_tags.c.tag == name)
    if db.execute(select(family_tags.c.tag).where(key)).first() is None:
        db.execute(insert(family_tags).values(family_id=family_id, tag=name))


def list_tags(db: Transaction) -> list[str]:
    """Every tag that some family has."""
    return sorted(db.execute(select(family_tags.c.tag).distinct()).scalars())
