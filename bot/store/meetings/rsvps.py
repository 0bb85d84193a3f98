"""Answers of families to meeting invitations: one row for each family and meeting."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Column, ForeignKey, Integer, String, Table, UniqueConstraint, func, select, update

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.families.contacts import contacts
from bot.store.meetings.meetings import meetings
from bot.store.unique_rows import insert_if_new

rsvps = Table(
    "rsvps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("meeting_id", ForeignKey("meetings.id"), nullable=False),
    Column("family_id", ForeignKey("families.id", ondelete="CASCADE"), nullable=False),
    Column("contact_id", ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False),
    Column("language", String(8), nullable=False),
    Column("people", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("day_reminder_at", UtcDateTime),
    Column("hour_reminder_at", UtcDateTime),
    Column("asked_at", UtcDateTime),
    UniqueConstraint("meeting_id", "family_id"),
)
"""`people` is 0 if the family does not come. `revision` is the newest revision that the family was notified of."""

RsvpMark = Literal["day_reminder_at", "hour_reminder_at", "asked_at"]


@dataclass(frozen=True)
class Rsvp:
    """A family that comes.

    `language` is the family's current language, or "" if it is not known.
    """

    id: int
    contact_id: int
    family_id: int
    language: str
    people: int
    at: datetime


@dataclass(frozen=True)
class AttendeeCount:
    """The number of families and people that come, for one language."""

    language: str
    families: int
    people: int


def set_response(
    db: Transaction, meeting: tuple[int, int], family: tuple[int, int], language: str, people: int, now: datetime
) -> None:
    """Store how many people of a family come.

    `meeting` is (meeting ID, revision). `family` is (family ID, contact ID). A new answer replaces the old one. 0
    people means that the family does not come.
    """
    meeting_id, revision = meeting
    family_id, contact_id = family
    values = {"contact_id": contact_id, "language": language, "people": people, "revision": revision}
    key = (rsvps.c.meeting_id == meeting_id) & (rsvps.c.family_id == family_id)
    row = {"meeting_id": meeting_id, "family_id": family_id, "at": now, **values}
    if insert_if_new(db, rsvps, row) is None:
        db.execute(update(rsvps).where(key).values(values))


def get_response(db: Transaction, meeting_id: int, family_id: int) -> int | None:
    """Return how many people this family announced, or None if it has not answered."""
    key = (rsvps.c.meeting_id == meeting_id) & (rsvps.c.family_id == family_id)
    return db.execute(select(rsvps.c.people).where(key)).scalar_one_or_none()


def count_attendees(db: Transaction, meeting_id: int) -> list[AttendeeCount]:
    """Return the attendees by the current language of the family, largest number of families first."""
    language = _select_language()
    columns = (language.label("language"), func.count().label("families"), func.sum(rsvps.c.people).label("people"))
    key = (rsvps.c.meeting_id == meeting_id) & (rsvps.c.people > 0)
    query = select(*columns).join(contacts, contacts.c.id == rsvps.c.contact_id).where(key).group_by(language)
    counts = [AttendeeCount(row.language, row.families, int(row.people)) for row in db.execute(query)]
    return sorted(counts, key=lambda count: (-count.families, count.language))


def list_to_remind(
    db: Transaction, meeting_id: int, mark: RsvpMark, responded_before: datetime, limit: int
) -> list[Rsvp]:
    """Return the families that come, answered before `responded_before`, and lack this reminder."""
    return _fetch_rsvps(db, meeting_id, _match_not_notified(mark, responded_before), limit)


def list_not_notified(db: Transaction, meeting_id: int, revision: int, limit: int) -> list[Rsvp]:
    """Return the families that come and were not notified of this revision."""
    return _fetch_rsvps(db, meeting_id, (rsvps.c.people > 0) & (rsvps.c.revision < revision), limit)


def mark_notified(db: Transaction, rsvp_id: int, name: RsvpMark, now: datetime) -> bool:
    """Record that the family receives this reminder.

    Returns False if another process recorded it first.
    """
    key = (rsvps.c.id == rsvp_id) & rsvps.c[name].is_(None)
    return db.execute(update(rsvps).where(key).values({name: now})).rowcount == 1


def mark_all_notified(
    db: Transaction, meeting_id: int, name: RsvpMark, responded_before: datetime, now: datetime
) -> int:
    """Record the reminder for all families of `list_to_remind`, and return their number."""
    key = (rsvps.c.meeting_id == meeting_id) & _match_not_notified(name, responded_before)
    return int(db.execute(update(rsvps).where(key).values({name: now})).rowcount)


def mark_notified_revision(db: Transaction, rsvp_id: int, revision: int, **other_columns: Any) -> bool:
    """Record that the family is notified of this revision, and set other columns.

    Returns False if it was recorded before.
    """
    key = (rsvps.c.id == rsvp_id) & (rsvps.c.revision < revision)
    return db.execute(update(rsvps).where(key).values(revision=revision, **other_columns)).rowcount == 1


def list_contact_ids(db: Transaction, meeting_id: int) -> Sequence[int]:
    """Return the contact IDs of the families that come."""
    key = (rsvps.c.meeting_id == meeting_id) & (rsvps.c.people > 0)
    return db.execute(select(rsvps.c.contact_id).where(key)).scalars().all()


def find_next_end(db: Transaction, contact_id: int, after: datetime) -> datetime | None:
    """Return when the next meeting of this contact ends, or None if there is none."""
    key = (rsvps.c.contact_id == contact_id) & (rsvps.c.people > 0) & (meetings.c.state != "canceled")
    query = select(func.min(meetings.c.ends_at)).join(rsvps, rsvps.c.meeting_id == meetings.c.id)
    ends_at: datetime | None = db.execute(query.where(key & (meetings.c.ends_at > after))).scalar_one()
    return ends_at


def has_opted_out(db: Transaction, family_id: int) -> bool:
    """Return whether this family sent STOP from any of its addresses."""
    key = (contacts.c.family_id == family_id) & contacts.c.opted_out_at.is_not(None)
    return db.execute(select(contacts.c.id).where(key).limit(1)).first() is not None


def _match_not_notified(mark: RsvpMark, responded_before: datetime) -> Any:
    return (rsvps.c.people > 0) & rsvps.c[mark].is_(None) & (rsvps.c.at < responded_before)


def _select_language() -> Any:
    return func.coalesce(contacts.c.language, rsvps.c.language)


def _fetch_rsvps(db: Transaction, meeting_id: int, key: Any, limit: int) -> list[Rsvp]:
    columns = (rsvps.c.id, rsvps.c.contact_id, rsvps.c.family_id, _select_language().label("language"))
    query = select(*columns, rsvps.c.people, rsvps.c.at).join(contacts, contacts.c.id == rsvps.c.contact_id)
    query = query.where((rsvps.c.meeting_id == meeting_id) & key).order_by(rsvps.c.id).limit(limit)
    return [Rsvp(**row) for row in db.execute(query).mappings()]
