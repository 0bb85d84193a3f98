"""The register of community leaders and organizations: who keeps the contact, by which way a community is reached.

Names and numbers are sealed.  The district writes each of them in by hand: there is no import, and no list of whom a
leader knows.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Column, Date, ForeignKey, Integer, String, Table, Text, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.base.encryption import Vault

community_leaders = Table(
    "leaders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number_index", String(64), unique=True),
    Column("sealed", Text, nullable=False),
    Column("place", String(32), nullable=False),
    Column("organization", String(120), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("languages", Text, nullable=False),
    Column("channel", String(160), nullable=False, server_default=""),
    Column("owner", String(64), nullable=False),
    Column("contacted_on", Date),
    Column("due_on", Date),
    Column("created_at", UtcDateTime, nullable=False),
    Column("left_at", UtcDateTime),
)
leader_requests = Table(
    "leader_requests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("leader_id", ForeignKey("leaders.id"), nullable=False, index=True),
    Column("why", String(200), nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("with_id", Integer),
    Column("done_by", String(64)),
    Column("done_at", UtcDateTime),
)
"""What staff want of a leader.  `with_id`: it is asked together with that request, in one call."""
leader_tasks = Table(
    "leader_tasks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False, unique=True),
    Column("due_on", Date, nullable=False),
    Column("owner", String(64), nullable=False),
    Column("invitation", Text, nullable=False),
    Column("changed_by", String(64)),
)

MIN_TIME_BETWEEN_REQUESTS = timedelta(days=7)
"""A leader is asked once in this time, whoever in the district wants something (SEED_MAP.md, P1b)."""


@dataclass(frozen=True)
class CommunityLeader:
    """`channel` is how this community is best reached, in the leader's words; `due_on` when it is to be called next."""

    id: int
    name: str
    phone: str
    organization: str
    kind: str
    languages: tuple[str, ...]
    channel: str
    owner: str
    contacted_on: date | None = None
    due_on: date | None = None


@dataclass(frozen=True)
class LeaderRequest:
    """One matter; `with_id` the request with which it is asked."""

    id: int
    leader_id: int
    why: str
    asked_by: str
    asked_at: datetime
    with_id: int | None
    done_by: str | None
    done_at: datetime | None


@dataclass(frozen=True)
class LeaderTask:
    """Find a partner of this kind, and invite it with these words, until this day."""

    kind: str
    due_on: date
    owner: str
    invitation: str


def add(db: Transaction, leader: CommunityLeader, at: datetime) -> int | None:
    """Write a leader into the register; None if the number stands there already."""
    place = uuid4().hex
    row = {**_build_columns(db.vault, leader, place), "place": place, "created_at": at}
    try:
        with db.begin_nested():
            return int(db.execute(insert(community_leaders).values(row).returning(community_leaders.c.id)).scalar_one())
    except IntegrityError:
        return None


def change(db: Transaction, leader: CommunityLeader) -> bool:
    """Put what is known now in place of what was; False if another leader has this number."""
    place = db.execute(select(community_leaders.c.place).where(community_leaders.c.id == leader.id)).scalar_one()
    try:
        with db.begin_nested():
            db.execute(
                update(community_leaders)
                .where(community_leaders.c.id == leader.id)
                .values(_build_columns(db.vault, leader, place))
            )
    except IntegrityError:
        return False
    return True


def remove(db: Transaction, leader_id: int, at: datetime) -> None:
    """Who wants to be in no register: name and number are gone, the organization stays on no list."""
    gone = {"left_at": at, "sealed": "", "number_index": None, "channel": ""}  # the way may name a person
    db.execute(update(community_leaders).where(community_leaders.c.id == leader_id).values(gone))


def list_all(db: Transaction) -> list[CommunityLeader]:
    """The register, by organization."""
    query = (
        select(community_leaders)
        .where(community_leaders.c.left_at.is_(None))
        .order_by(community_leaders.c.organization, community_leaders.c.id)
    )
    return [_build_leader(row, db.vault) for row in db.execute(query)]


def find(db: Transaction, leader_id: int) -> CommunityLeader | None:
    """The leader with this number of the register."""
    key = (community_leaders.c.id == leader_id) & community_leaders.c.left_at.is_(None)
    row = db.execute(select(community_leaders).where(key)).one_or_none()
    return _build_leader(row, db.vault) if row else None


def record_contact(db: Transaction, leader_id: int, contacted_on: date, due_on: date) -> None:
    """Somebody talked with them on this day."""
    db.execute(
        update(community_leaders)
        .where(community_leaders.c.id == leader_id)
        .values(contacted_on=contacted_on, due_on=due_on)
    )


def add_request(db: Transaction, leader_id: int, reason: str, by: str, at: datetime) -> LeaderRequest | None:
    """Put a matter into the queue.  One that waits already takes it along, and is given back: who asked, and when."""
    lock = update(community_leaders).where(community_leaders.c.id == leader_id).values(owner=community_leaders.c.owner)
    db.execute(lock)  # two who ask at once must not both open a request
    waiting = next((one for one in list_open_requests(db) if one.leader_id == leader_id and one.with_id is None), None)
    row = {"leader_id": leader_id, "why": reason, "asked_by": by, "asked_at": at}
    db.execute(insert(leader_requests).values(**row, with_id=waiting.id if waiting else None))
    return waiting


def list_open_requests(db: Transaction) -> list[LeaderRequest]:
    """The queue, the oldest first."""
    query = select(leader_requests).where(leader_requests.c.done_at.is_(None)).order_by(leader_requests.c.id)
    return [_build_request(row) for row in db.execute(query)]


def complete_request(db: Transaction, request_id: int, by: str, at: datetime) -> int | None:
    """It was asked, and all that waited with it; the leader's number, None if that was written down before."""
    key = (
        (leader_requests.c.id == request_id) & leader_requests.c.done_at.is_(None) & leader_requests.c.with_id.is_(None)
    )
    if db.execute(update(leader_requests).where(key).values(done_by=by, done_at=at)).rowcount != 1:
        return None
    db.execute(update(leader_requests).where(leader_requests.c.with_id == request_id).values(done_by=by, done_at=at))
    return int(db.execute(select(leader_requests.c.leader_id).where(leader_requests.c.id == request_id)).scalar_one())


def find_last_completed_request(db: Transaction, leader_id: int) -> LeaderRequest | None:
    """The request for which this leader was called last."""
    key = (
        (leader_requests.c.leader_id == leader_id)
        & leader_requests.c.done_at.is_not(None)
        & leader_requests.c.with_id.is_(None)
    )
    row = db.execute(select(leader_requests).where(key).order_by(leader_requests.c.done_at.desc()).limit(1)).first()
    return _build_request(row) if row else None


def add_task(db: Transaction, task: LeaderTask) -> None:
    """A task of the plan for the first week, if it is not there."""
    try:
        with db.begin_nested():
            db.execute(insert(leader_tasks).values(vars(task)))
    except IntegrityError:
        pass


def set_task(db: Transaction, task: LeaderTask, by: str) -> None:
    """Another day, another person, other words."""
    db.execute(update(leader_tasks).where(leader_tasks.c.kind == task.kind).values(**vars(task), changed_by=by))


def list_tasks(db: Transaction) -> list[LeaderTask]:
    """The tasks, the most pressing first."""
    query = select(leader_tasks).order_by(leader_tasks.c.due_on, leader_tasks.c.id)
    return [LeaderTask(row.kind, row.due_on, row.owner, row.invitation) for row in db.execute(query)]


def _build_columns(vault: Vault, leader: CommunityLeader, place: str) -> dict[str, Any]:
    sealed = vault.encrypt(json.dumps([leader.name, leader.phone]), build_context(place))
    kept = ("organization", "kind", "channel", "owner", "contacted_on", "due_on")
    index = vault.compute_lookup_hash(leader.phone) if leader.phone else None
    values: dict[str, Any] = {name: getattr(leader, name) for name in kept}
    return {**values, "sealed": sealed, "number_index": index, "languages": json.dumps(leader.languages)}


def _build_leader(row: Row[Any], vault: Vault) -> CommunityLeader:
    name, phone = json.loads(vault.decrypt(row.sealed, build_context(row.place)))
    more = (row.channel, row.owner, row.contacted_on, row.due_on)
    return CommunityLeader(row.id, name, phone, row.organization, row.kind, tuple(json.loads(row.languages)), *more)


def _build_request(row: Row[Any]) -> LeaderRequest:
    return LeaderRequest(**{name: getattr(row, name) for name in LeaderRequest.__dataclass_fields__})


def build_context(place: str) -> str:
    return f"leader:{place}"
