"""Who said that it comes to a gathering: one row a family, however often it says so; what it was told, once each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Column, ForeignKey, Integer, String, Table, UniqueConstraint, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.families.contacts import contacts
from bot.store.meetings.meetings import meetings

rsvps = Table(
    "rsvps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("gathering_id", ForeignKey("gatherings.id"), nullable=False),
    Column("family_id", ForeignKey("families.id", ondelete="CASCADE"), nullable=False),
    Column("contact_id", ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False),
    Column("language", String(8), nullable=False),
    Column("people", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("told_day_at", UtcDateTime),
    Column("told_hour_at", UtcDateTime),
    Column("asked_at", UtcDateTime),
    UniqueConstraint("gathering_id", "family_id"),
)
"""`people` 0: it said that it does not come.  `revision`: up to which change of the gathering it was told."""

RsvpMark = Literal["told_day_at", "told_hour_at", "asked_at"]


@dataclass(frozen=True)
class Rsvp:
    """One family that comes; `language` the one it reads now, "" where nobody knows."""

    id: int
    contact_id: int
    family_id: int
    language: str
    people: int
    at: datetime


@dataclass(frozen=True)
class AttendeeCount:
    """How many families and people of one language come."""

    language: str
    families: int
    people: int


def set_response(
    db: Transaction, meeting: tuple[int, int], family: tuple[int, int], language: str, people: int, at: datetime
) -> None:
    """A family (its id, its contact's id) says how many of it come to this gathering (its id, its revision).

    Said again it replaces what was said before; 0 takes it back.
    """
    values = {"contact_id": family[1], "language": language, "people": people, "revision": meeting[1]}
    key = (rsvps.c.gathering_id == meeting[0]) & (rsvps.c.family_id == family[0])
    try:
        with db.begin_nested():
            row = {"gathering_id": meeting[0], "family_id": family[0], "at": at, **values}
            db.execute(insert(rsvps).values(row))
    except IntegrityError:
        db.execute(update(rsvps).where(key).values(values))


def get_response(db: Transaction, meeting_id: int, family_id: int) -> int | None:
    """How many this family said; None: it said nothing."""
    key = (rsvps.c.gathering_id == meeting_id) & (rsvps.c.family_id == family_id)
    return db.execute(select(rsvps.c.people).where(key)).scalar_one_or_none()


def count_attendees(db: Transaction, meeting_id: int) -> list[AttendeeCount]:
    """By language (the one each family reads now), the largest first."""
    language = _select_language()
    columns = (language.label("language"), func.count().label("families"), func.sum(rsvps.c.people).label("people"))
    key = (rsvps.c.gathering_id == meeting_id) & (rsvps.c.people > 0)
    query = select(*columns).join(contacts, contacts.c.id == rsvps.c.contact_id).where(key).group_by(language)
    found = [AttendeeCount(row.language, row.families, int(row.people)) for row in db.execute(query)]
    return sorted(found, key=lambda one: (-one.families, one.language))


def list_to_remind(
    db: Transaction, meeting_id: int, mark: RsvpMark, responded_before: datetime, limit: int
) -> list[Rsvp]:
    """Who comes, said so before this moment, and was not told so far."""
    return _fetch_rsvps(db, meeting_id, _match_not_notified(mark, responded_before), limit)


def list_not_notified(db: Transaction, meeting_id: int, revision: int, limit: int) -> list[Rsvp]:
    """Who comes and does not know of the newest change."""
    return _fetch_rsvps(db, meeting_id, (rsvps.c.people > 0) & (rsvps.c.revision < revision), limit)


def mark_notified(db: Transaction, rsvp_id: int, name: RsvpMark, at: datetime) -> bool:
    """Note that this family is told; False if another process did so first."""
    key = (rsvps.c.id == rsvp_id) & rsvps.c[name].is_(None)
    return db.execute(update(rsvps).where(key).values({name: at})).rowcount == 1


def mark_all_notified(
    db: Transaction, meeting_id: int, name: RsvpMark, responded_before: datetime, at: datetime
) -> int:
    """Note of everybody of `to_remind` that they are told; how many."""
    key = (rsvps.c.gathering_id == meeting_id) & _match_not_notified(name, responded_before)
    return int(db.execute(update(rsvps).where(key).values({name: at})).rowcount)


def mark_notified_revision(db: Transaction, rsvp_id: int, revision: int, **other_columns: Any) -> bool:
    """Note that this family is told of a change; its reminders are for the new time; False if it was told before."""
    key = (rsvps.c.id == rsvp_id) & (rsvps.c.revision < revision)
    return db.execute(update(rsvps).where(key).values(revision=revision, **other_columns)).rowcount == 1


def list_contact_ids(db: Transaction, meeting_id: int) -> Sequence[int]:
    """The contacts that said they come."""
    key = (rsvps.c.gathering_id == meeting_id) & (rsvps.c.people > 0)
    return db.execute(select(rsvps.c.contact_id).where(key)).scalars().all()


def find_next_end(db: Transaction, contact_id: int, after: datetime) -> datetime | None:
    """When the next gathering to which this contact comes ends; None: there is none yet."""
    mine = (rsvps.c.contact_id == contact_id) & (rsvps.c.people > 0) & (meetings.c.state != "canceled")
    query = select(func.min(meetings.c.ends_at)).join(rsvps, rsvps.c.gathering_id == meetings.c.id)
    found: datetime | None = db.execute(query.where(mine & (meetings.c.ends_at > after))).scalar_one()
    return found


def has_opted_out(db: Transaction, family_id: int) -> bool:
    """Whether this family texted STOP on any of its addresses."""
    key = (contacts.c.family_id == family_id) & contacts.c.stopped_at.is_not(None)
    return db.execute(select(contacts.c.id).where(key).limit(1)).first() is not None


def _match_not_notified(mark: RsvpMark, responded_before: datetime) -> Any:
    return (rsvps.c.people > 0) & rsvps.c[mark].is_(None) & (rsvps.c.at < responded_before)


def _select_language() -> Any:
    return func.coalesce(contacts.c.language, rsvps.c.language)


def _fetch_rsvps(db: Transaction, meeting_id: int, key: Any, limit: int) -> list[Rsvp]:
    columns = (rsvps.c.id, rsvps.c.contact_id, rsvps.c.family_id, _select_language().label("language"))
    query = select(*columns, rsvps.c.people, rsvps.c.at).join(contacts, contacts.c.id == rsvps.c.contact_id)
    query = query.where((rsvps.c.gathering_id == meeting_id) & key).order_by(rsvps.c.id).limit(limit)
    return [Rsvp(**row) for row in db.execute(query).mappings()]
