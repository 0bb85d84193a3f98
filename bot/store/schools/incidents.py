"""Incidents: agents came to a school, or a drill of it.  Who is in it, at which step, and what was written when.

An entry is written once (`cause`, the message's SID or the form's token) with the reply that it got, so that a repeat
changes nothing and reads the same.  Words are sealed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    false,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.base.encryption import Vault

incidents = Table(
    "incidents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("school", String(48), index=True),
    Column("drill", Boolean, nullable=False, server_default=false()),
    Column("live", Boolean, nullable=False, server_default=false()),
    Column("version", String(40), nullable=False),
    Column("steps", Integer, nullable=False),
    Column("started_by", String(64), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("touched_at", UtcDateTime, nullable=False),
    Column("ended_by", String(64)),
    Column("ended_at", UtcDateTime, index=True),
    Column("ending", String(16), nullable=False, server_default=""),
    Column("case_id", ForeignKey("cases.id"), index=True),
)

incident_participants = Table(
    "incident_people",
    metadata,
    Column("incident_id", ForeignKey("incidents.id"), nullable=False),
    Column("staff", String(64), nullable=False, index=True),
    Column("step", Integer, nullable=False),
    Column("reached", Integer, nullable=False),
    Column("language", String(8), nullable=False),
    Column("joined_at", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime),
    UniqueConstraint("incident_id", "staff"),
)
"""`step` is what is shown now, `reached` the furthest one, both from 1 (0: none was shown)."""

incident_entries = Table(
    "incident_entries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident_id", ForeignKey("incidents.id"), nullable=False, index=True),
    Column("cause", String(80), nullable=False, unique=True),
    Column("at", UtcDateTime, nullable=False),
    Column("staff", String(64), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("step", Integer, nullable=False),
    Column("sealed_text", Text, nullable=False),
    Column("sealed_reply", Text, nullable=False),
)


INCIDENT_LOCK_ID = 8_231_965
"""PostgreSQL's advisory lock; incidents are rare."""


@dataclass(frozen=True)
class Incident:
    """`live`: counsel's signature held when it began; `ending`: ended, idle, mistake, or real (a drill cut short)."""

    id: int
    school: str | None
    drill: bool
    live: bool
    version: str
    steps: int
    started_by: str
    started_at: datetime
    touched_at: datetime
    ended_by: str | None
    ended_at: datetime | None
    ending: str
    case_id: int | None


@dataclass(frozen=True)
class IncidentParticipant:
    """Somebody in an incident, and where this person stands in the protocol."""

    incident_id: int
    staff: str
    step: int
    reached: int
    language: str
    joined_at: datetime
    done_at: datetime | None


@dataclass(frozen=True)
class IncidentEntry:
    """What somebody did (`kind`: start, join, step, answer, school, end) at a step; `text` are their own words."""

    incident_id: int
    cause: str
    at: datetime
    staff: str
    kind: str
    step: int
    text: str = ""
    reply: str = ""


def acquire_lock(db: Transaction) -> None:
    """Until the transaction ends nobody else changes an incident: two colleagues who text ICE are in one record, and
    two texts of one person do not both take the same step.  SQLite has one writer anyway."""
    if db.dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": INCIDENT_LOCK_ID})


def add(db: Transaction, new: Incident) -> Incident:
    """Write a new incident; the one that was written, with its number."""
    row = {name: getattr(new, name) for name in Incident.__dataclass_fields__ if name != "id"}
    number = db.execute(insert(incidents).values(row).returning(incidents.c.id)).scalar_one()
    return get(db, int(number))


def get(db: Transaction, number: int) -> Incident:
    """The incident with this number; raises `sqlalchemy.exc.NoResultFound`."""
    return _build_incident(db.execute(select(incidents).where(incidents.c.id == number)).one())


def find(db: Transaction, number: int) -> Incident | None:
    """The incident with this number, if there is one."""
    row = db.execute(select(incidents).where(incidents.c.id == number)).one_or_none()
    return _build_incident(row) if row else None


def find_by_case(db: Transaction, case_id: int) -> Incident | None:
    """The newest incident whose alert this case is."""
    query = select(incidents).where(incidents.c.case_id == case_id).order_by(incidents.c.id.desc()).limit(1)
    row = db.execute(query).one_or_none()
    return _build_incident(row) if row else None


def list_running(db: Transaction) -> list[Incident]:
    """What has not ended, the real ones first, then the newest."""
    query = select(incidents).where(incidents.c.ended_at.is_(None))
    return [_build_incident(row) for row in db.execute(query.order_by(incidents.c.drill, incidents.c.id.desc()))]


def list_ended(db: Transaction, limit: int) -> list[Incident]:
    """What is over, the newest first."""
    query = select(incidents).where(incidents.c.ended_at.is_not(None)).order_by(incidents.c.id.desc())
    return [_build_incident(row) for row in db.execute(query.limit(limit))]


def list_drills(db: Transaction, since: datetime) -> list[Incident]:
    """Every drill that began since then, the oldest first; those that were a mistake are none."""
    key = incidents.c.drill & (incidents.c.started_at >= since) & (incidents.c.ending != "mistake")
    return [_build_incident(row) for row in db.execute(select(incidents).where(key).order_by(incidents.c.id))]


def find_running_for_staff(db: Transaction, staff: str) -> Incident | None:
    """The running incident that this person is in: a real one before a drill, the newest first."""
    query = (
        select(incidents)
        .join(incident_participants, incident_participants.c.incident_id == incidents.c.id)
        .where((incident_participants.c.staff == staff) & incidents.c.ended_at.is_(None))
        .order_by(incidents.c.drill, incidents.c.id.desc())
        .limit(1)
    )
    row = db.execute(query).one_or_none()
    return _build_incident(row) if row else None


def find_running_drill_for_staff(db: Transaction, staff: str) -> Incident | None:
    """The running drill that this person is in, the newest."""
    key = (incident_participants.c.staff == staff) & incidents.c.ended_at.is_(None) & incidents.c.drill
    joined = (
        select(incidents).join(incident_participants, incident_participants.c.incident_id == incidents.c.id).where(key)
    )
    row = db.execute(joined.order_by(incidents.c.id.desc()).limit(1)).one_or_none()
    return _build_incident(row) if row else None


def find_running_at_school(db: Transaction, school: str | None, drill: bool) -> Incident | None:
    """The running incident (or drill) of a school, the newest."""
    key = (incidents.c.school == school) & (incidents.c.drill == drill) & incidents.c.ended_at.is_(None)
    row = db.execute(select(incidents).where(key).order_by(incidents.c.id.desc()).limit(1)).one_or_none()
    return _build_incident(row) if row else None


def list_idle(db: Transaction, drill: bool, before: datetime) -> list[Incident]:
    """Running ones in which nothing was written since that moment."""
    key = (incidents.c.drill == drill) & incidents.c.ended_at.is_(None) & (incidents.c.touched_at < before)
    return [_build_incident(row) for row in db.execute(select(incidents).where(key))]


def set_case(db: Transaction, number: int, case_id: int) -> None:
    """The case by which the chain is paged."""
    db.execute(update(incidents).where(incidents.c.id == number).values(case_id=case_id))


def set_school(db: Transaction, number: int, school: str) -> bool:
    """Where it is; False if that was said before."""
    key = (incidents.c.id == number) & incidents.c.school.is_(None)
    return db.execute(update(incidents).where(key).values(school=school)).rowcount == 1


def touch(db: Transaction, number: int, at: datetime) -> None:
    """Something was written: it does not end by itself for some time."""
    db.execute(update(incidents).where(incidents.c.id == number).values(touched_at=at))


def end(db: Transaction, number: int, ended_by: str, ending: str, at: datetime) -> bool:
    """It is over; False if it was before."""
    key = (incidents.c.id == number) & incidents.c.ended_at.is_(None)
    values = {"ended_by": ended_by, "ended_at": at, "ending": ending}
    return db.execute(update(incidents).where(key).values(values)).rowcount == 1


def find_or_add_participant(
    db: Transaction, number: int, staff: str, language: str, at: datetime
) -> IncidentParticipant:
    """This person in the incident, as it was or new, before the first step."""
    found = find_participant(db, number, staff)
    if found is None:
        row = {"incident_id": number, "staff": staff, "step": 0, "reached": 0, "language": language, "joined_at": at}
        db.execute(insert(incident_participants).values(row))
    return found or IncidentParticipant(number, staff, 0, 0, language, at, None)


def find_participant(db: Transaction, number: int, staff: str) -> IncidentParticipant | None:
    """Where this person stands, if in the incident at all."""
    key = (incident_participants.c.incident_id == number) & (incident_participants.c.staff == staff)
    row = db.execute(select(incident_participants).where(key)).one_or_none()
    return IncidentParticipant(**row._mapping) if row else None


def list_participants(db: Transaction, number: int) -> list[IncidentParticipant]:
    """Everybody in it, who came first first."""
    query = (
        select(incident_participants)
        .where(incident_participants.c.incident_id == number)
        .order_by(incident_participants.c.joined_at, incident_participants.c.staff)
    )
    return [IncidentParticipant(**row._mapping) for row in db.execute(query)]


def set_participant_step(
    db: Transaction, participant: IncidentParticipant, step: int, done_at: datetime | None
) -> None:
    """This person reads that step now; `done_at`: it is the last one."""
    key = (incident_participants.c.incident_id == participant.incident_id) & (
        incident_participants.c.staff == participant.staff
    )
    values = {"step": step, "reached": max(participant.reached, step), "done_at": participant.done_at or done_at}
    db.execute(update(incident_participants).where(key).values(values))


def add_entry(db: Transaction, entry: IncidentEntry) -> None:
    """Write an entry; raises `sqlalchemy.exc.IntegrityError` if its cause was written before."""
    row: dict[str, Any] = {
        name: getattr(entry, name) for name in ("incident_id", "cause", "at", "staff", "kind", "step")
    }
    sealed = {
        f"sealed_{name}": db.vault.encrypt(getattr(entry, name), build_context(entry.cause, name))
        for name in ("text", "reply")
    }
    db.execute(insert(incident_entries).values(row | sealed))


def find_entry_by_cause(db: Transaction, cause: str) -> IncidentEntry | None:
    """The entry of this message or form, if it was handled before."""
    row = db.execute(select(incident_entries).where(incident_entries.c.cause == cause)).one_or_none()
    return _build_entry(row, db.vault) if row else None


def list_entries(db: Transaction, number: int) -> Sequence[IncidentEntry]:
    """The whole record, in order."""
    query = select(incident_entries).where(incident_entries.c.incident_id == number).order_by(incident_entries.c.id)
    return [_build_entry(row, db.vault) for row in db.execute(query)]


def has_answered_step(db: Transaction, number: int, staff: str, step: int) -> bool:
    """Whether this person has answered that step."""
    key = (
        (incident_entries.c.incident_id == number)
        & (incident_entries.c.staff == staff)
        & (incident_entries.c.step == step)
    )
    query = select(incident_entries.c.id).where(key & (incident_entries.c.kind == "answer")).limit(1)
    return db.execute(query).first() is not None


def delete_ended_before(db: Transaction, drill: bool, ended_before: datetime) -> int:
    """Delete the records of incidents (or drills) that were over before this moment, words and people; how many."""
    key = (incidents.c.drill == drill) & (incidents.c.ended_at < ended_before)
    old = select(incidents.c.id).where(key)
    for table in (incident_entries, incident_participants):
        db.execute(delete(table).where(table.c.incident_id.in_(old)))
    return db.execute(delete(incidents).where(key)).rowcount


def _build_incident(row: Row[Any]) -> Incident:
    return Incident(**row._mapping)


def _build_entry(row: Row[Any], vault: Vault) -> IncidentEntry:
    text, reply = (
        vault.decrypt(row._mapping[f"sealed_{name}"], build_context(row.cause, name)) for name in ("text", "reply")
    )
    return IncidentEntry(row.incident_id, row.cause, row.at, row.staff, row.kind, row.step, text, reply)


def build_context(cause: str, name: str) -> str:
    return f"incident:{name}:{cause}"
