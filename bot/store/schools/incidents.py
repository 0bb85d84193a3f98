"""Incidents: agents at a school, or a drill, with the participants, their steps, and the record.

An entry is stored once with its reply. `cause` is the SID of the message or the token of the form, so a repeat returns
the same reply. The texts are encrypted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Integer,
    Select,
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
"""`step` is the current step, and `reached` the furthest one. Both count from 1; 0 means that no step was shown."""

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
"""The ID of PostgreSQL's advisory lock. One lock is enough, because incidents are rare."""


@dataclass(frozen=True)
class Incident:
    """An incident.

    `live` is True if counsel's signature was valid when it began. `ending` is ended, idle, mistake, or real (a real
    incident replaced the drill).
    """

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

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Build the incident from its row."""
        return cls(**row._mapping)


@dataclass(frozen=True)
class IncidentParticipant:
    """A staff member in an incident, with the current step of the protocol."""

    incident_id: int
    staff: str
    step: int
    reached: int
    language: str
    joined_at: datetime
    done_at: datetime | None


@dataclass(frozen=True)
class IncidentEntry:
    """One entry of the record: what a staff member did at a step.

    `kind` is start, join, step, answer, school, or end. `text` holds the staff member's own words.
    """

    incident_id: int
    cause: str
    at: datetime
    staff: str
    kind: str
    step: int
    text: str = ""
    reply: str = ""

    @classmethod
    def from_row(cls, row: Row[Any], vault: Vault) -> Self:
        """Build the incident entry from its row."""
        return cls(
            incident_id=row.incident_id,
            cause=row.cause,
            at=row.at,
            staff=row.staff,
            kind=row.kind,
            step=row.step,
            text=vault.decrypt(row.sealed_text, build_context(row.cause, "text")),
            reply=vault.decrypt(row.sealed_reply, build_context(row.cause, "reply")),
        )


def acquire_lock(db: Transaction) -> None:
    """Lock all incidents until the transaction ends.

    Two colleagues who text ICE join one record, and two texts of one person do not both take the same step. SQLite
    needs no lock, because it has only one writer.
    """
    if db.dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": INCIDENT_LOCK_ID})


def add(db: Transaction, new: Incident) -> Incident:
    """Store an incident, and return it with its ID."""
    row = {name: getattr(new, name) for name in Incident.__dataclass_fields__ if name != "id"}
    incident_id = db.execute(insert(incidents).values(row).returning(incidents.c.id)).scalar_one()
    return get(db, int(incident_id))


def get(db: Transaction, incident_id: int) -> Incident:
    """Return the incident with this ID.

    Raises `sqlalchemy.exc.NoResultFound`.
    """
    return Incident.from_row(db.execute(select(incidents).where(incidents.c.id == incident_id)).one())


def find(db: Transaction, incident_id: int) -> Incident | None:
    """Return the incident with this ID, or None."""
    return _find_one(db, select(incidents).where(incidents.c.id == incident_id))


def find_by_case(db: Transaction, case_id: int) -> Incident | None:
    """Return the newest incident that pages staff by this case, or None."""
    query = select(incidents).where(incidents.c.case_id == case_id).order_by(incidents.c.id.desc()).limit(1)
    return _find_one(db, query)


def list_running(db: Transaction) -> list[Incident]:
    """Return the running incidents, drills last, and newest first."""
    query = select(incidents).where(incidents.c.ended_at.is_(None))
    return [Incident.from_row(row) for row in db.execute(query.order_by(incidents.c.drill, incidents.c.id.desc()))]


def list_ended(db: Transaction, limit: int) -> list[Incident]:
    """Return the ended incidents, newest first."""
    query = select(incidents).where(incidents.c.ended_at.is_not(None)).order_by(incidents.c.id.desc())
    return [Incident.from_row(row) for row in db.execute(query.limit(limit))]


def list_drills(db: Transaction, since: datetime) -> list[Incident]:
    """Return the drills since this time, oldest first, without mistakes."""
    key = incidents.c.drill & (incidents.c.started_at >= since) & (incidents.c.ending != "mistake")
    return [Incident.from_row(row) for row in db.execute(select(incidents).where(key).order_by(incidents.c.id))]


def find_running_for_staff(db: Transaction, staff: str) -> Incident | None:
    """Return the newest running incident of this staff member, and drills last, or None."""
    query = (
        select(incidents)
        .join(incident_participants, incident_participants.c.incident_id == incidents.c.id)
        .where((incident_participants.c.staff == staff) & incidents.c.ended_at.is_(None))
        .order_by(incidents.c.drill, incidents.c.id.desc())
        .limit(1)
    )
    return _find_one(db, query)


def find_running_drill_for_staff(db: Transaction, staff: str) -> Incident | None:
    """Return the newest running drill of this staff member, or None."""
    key = (incident_participants.c.staff == staff) & incidents.c.ended_at.is_(None) & incidents.c.drill
    query = (
        select(incidents).join(incident_participants, incident_participants.c.incident_id == incidents.c.id).where(key)
    )
    return _find_one(db, query.order_by(incidents.c.id.desc()).limit(1))


def find_running_at_school(db: Transaction, school: str | None, drill: bool) -> Incident | None:
    """Return the newest running incident (or drill) at a school, or None."""
    key = (incidents.c.school == school) & (incidents.c.drill == drill) & incidents.c.ended_at.is_(None)
    return _find_one(db, select(incidents).where(key).order_by(incidents.c.id.desc()).limit(1))


def list_idle(db: Transaction, drill: bool, before: datetime) -> list[Incident]:
    """Return the running incidents (or drills) without an entry since this time."""
    key = (incidents.c.drill == drill) & incidents.c.ended_at.is_(None) & (incidents.c.touched_at < before)
    return [Incident.from_row(row) for row in db.execute(select(incidents).where(key))]


def set_case(db: Transaction, incident_id: int, case_id: int) -> None:
    """Set the case that pages staff."""
    db.execute(update(incidents).where(incidents.c.id == incident_id).values(case_id=case_id))


def set_school(db: Transaction, incident_id: int, school: str) -> bool:
    """Set the school.

    Returns False if it was set before.
    """
    key = (incidents.c.id == incident_id) & incidents.c.school.is_(None)
    return db.execute(update(incidents).where(key).values(school=school)).rowcount == 1


def touch(db: Transaction, incident_id: int, now: datetime) -> None:
    """Record activity, which delays the automatic end."""
    db.execute(update(incidents).where(incidents.c.id == incident_id).values(touched_at=now))


def end(db: Transaction, incident_id: int, ended_by: str, ending: str, now: datetime) -> bool:
    """End the incident.

    Returns False if it ended before.
    """
    key = (incidents.c.id == incident_id) & incidents.c.ended_at.is_(None)
    values = {"ended_by": ended_by, "ended_at": now, "ending": ending}
    return db.execute(update(incidents).where(key).values(values)).rowcount == 1


def find_or_add_participant(
    db: Transaction, incident_id: int, staff: str, language: str, now: datetime
) -> IncidentParticipant:
    """Return the staff member's participation, and add it before the first step if needed."""
    participant = find_participant(db, incident_id, staff)
    if participant is not None:
        return participant
    row = {"incident_id": incident_id, "staff": staff, "step": 0, "reached": 0, "language": language, "joined_at": now}
    db.execute(insert(incident_participants).values(row))
    return IncidentParticipant(incident_id, staff, 0, 0, language, now, None)


def find_participant(db: Transaction, incident_id: int, staff: str) -> IncidentParticipant | None:
    """Return the staff member's participation, or None."""
    key = (incident_participants.c.incident_id == incident_id) & (incident_participants.c.staff == staff)
    row = db.execute(select(incident_participants).where(key)).one_or_none()
    if row is None:
        return None
    return IncidentParticipant(**row._mapping)


def list_participants(db: Transaction, incident_id: int) -> list[IncidentParticipant]:
    """Return the participants, in the order of joining."""
    query = (
        select(incident_participants)
        .where(incident_participants.c.incident_id == incident_id)
        .order_by(incident_participants.c.joined_at, incident_participants.c.staff)
    )
    return [IncidentParticipant(**row._mapping) for row in db.execute(query)]


def set_participant_step(
    db: Transaction, participant: IncidentParticipant, step: int, done_at: datetime | None
) -> None:
    """Set the current step of the participant.

    If it is the last step, pass `done_at`.
    """
    key = (incident_participants.c.incident_id == participant.incident_id) & (
        incident_participants.c.staff == participant.staff
    )
    values = {"step": step, "reached": max(participant.reached, step), "done_at": participant.done_at or done_at}
    db.execute(update(incident_participants).where(key).values(values))


def add_entry(db: Transaction, entry: IncidentEntry) -> None:
    """Store an entry.

    Raises `sqlalchemy.exc.IntegrityError` if an entry with the same cause exists.
    """
    row = {
        "incident_id": entry.incident_id,
        "cause": entry.cause,
        "at": entry.at,
        "staff": entry.staff,
        "kind": entry.kind,
        "step": entry.step,
        "sealed_text": db.vault.encrypt(entry.text, build_context(entry.cause, "text")),
        "sealed_reply": db.vault.encrypt(entry.reply, build_context(entry.cause, "reply")),
    }
    db.execute(insert(incident_entries).values(row))


def find_entry_by_cause(db: Transaction, cause: str) -> IncidentEntry | None:
    """Return the entry of this message or form, or None."""
    row = db.execute(select(incident_entries).where(incident_entries.c.cause == cause)).one_or_none()
    if row is None:
        return None
    return IncidentEntry.from_row(row, db.vault)


def list_entries(db: Transaction, incident_id: int) -> Sequence[IncidentEntry]:
    """Return all entries, in order."""
    query = (
        select(incident_entries).where(incident_entries.c.incident_id == incident_id).order_by(incident_entries.c.id)
    )
    return [IncidentEntry.from_row(row, db.vault) for row in db.execute(query)]


def has_answered_step(db: Transaction, incident_id: int, staff: str, step: int) -> bool:
    """Return whether this staff member has answered the step."""
    key = (
        (incident_entries.c.incident_id == incident_id)
        & (incident_entries.c.staff == staff)
        & (incident_entries.c.step == step)
    )
    query = select(incident_entries.c.id).where(key & (incident_entries.c.kind == "answer")).limit(1)
    return db.execute(query).first() is not None


def delete_ended_before(db: Transaction, drill: bool, ended_before: datetime) -> int:
    """Delete the incidents (or drills) that ended before this time, and return their number.

    Their entries and participants are deleted too.
    """
    key = (incidents.c.drill == drill) & (incidents.c.ended_at < ended_before)
    old_ids = select(incidents.c.id).where(key)
    for table in (incident_entries, incident_participants):
        db.execute(delete(table).where(table.c.incident_id.in_(old_ids)))
    return db.execute(delete(incidents).where(key)).rowcount


def _find_one(db: Transaction, query: Select[Any]) -> Incident | None:
    row = db.execute(query).one_or_none()
    if row is None:
        return None
    return Incident.from_row(row)


def build_context(cause: str, name: str) -> str:
    return f"incident:{name}:{cause}"
