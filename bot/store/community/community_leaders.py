"""The register of community leaders and organizations, with the owner of each contact.

Names and numbers are encrypted. Staff enter each leader by hand. There is no import, and no list of the families that a
leader knows.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Self
from uuid import uuid4

from sqlalchemy import Column, Date, ForeignKey, Integer, String, Table, Text, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.base.encryption import Vault
from bot.store.unique_rows import insert_if_new

community_leaders = Table(
    "community_leaders",
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
    Column("leader_id", ForeignKey("community_leaders.id"), nullable=False, index=True),
    Column("why", String(200), nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("with_id", Integer),
    Column("done_by", String(64)),
    Column("done_at", UtcDateTime),
)
"""Requests of staff to a leader. `with_id` is the request that is asked in the same call."""
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
"""The minimum time between two calls to a leader, for the whole district (SEED_MAP.md, P1b)."""


@dataclass(frozen=True)
class CommunityLeader:
    """A community leader.

    `channel` says how to reach the community, in the leader's words. `due_on` is the day of the next call.
    """

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

    @classmethod
    def from_row(cls, row: Row[Any], vault: Vault) -> Self:
        """Build the community leader from its row."""
        name, phone = json.loads(vault.decrypt(row.sealed, build_context(row.place)))
        return cls(
            id=row.id,
            name=name,
            phone=phone,
            organization=row.organization,
            kind=row.kind,
            languages=tuple(json.loads(row.languages)),
            channel=row.channel,
            owner=row.owner,
            contacted_on=row.contacted_on,
            due_on=row.due_on,
        )


@dataclass(frozen=True)
class LeaderRequest:
    """A request to a leader.

    `with_id` is the request that is asked in the same call.
    """

    id: int
    leader_id: int
    why: str
    asked_by: str
    asked_at: datetime
    with_id: int | None
    done_by: str | None
    done_at: datetime | None

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Build the leader request from its row."""
        return cls(**{name: getattr(row, name) for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class LeaderTask:
    """A task to find a partner of this kind by `due_on`, and to send the invitation."""

    kind: str
    due_on: date
    owner: str
    invitation: str


def add(db: Transaction, leader: CommunityLeader, now: datetime) -> int | None:
    """Store the leader and return its ID.

    Returns None if the number is already registered.
    """
    context_id = uuid4().hex
    row = {**_build_columns(db.vault, leader, context_id), "place": context_id, "created_at": now}
    new_row = insert_if_new(db, community_leaders, row)
    if new_row is None:
        return None
    return int(new_row.id)


def change(db: Transaction, leader: CommunityLeader) -> bool:
    """Replace the details of the leader.

    Returns False if another leader has this number.
    """
    context_id = db.execute(select(community_leaders.c.place).where(community_leaders.c.id == leader.id)).scalar_one()
    try:
        with db.begin_nested():
            db.execute(
                update(community_leaders)
                .where(community_leaders.c.id == leader.id)
                .values(_build_columns(db.vault, leader, context_id))
            )
    except IntegrityError:
        return False
    return True


def remove(db: Transaction, leader_id: int, now: datetime) -> None:
    """Remove a leader from the register: delete name and number, and show the row in no list."""
    # The channel can name a person.
    values = {"left_at": now, "sealed": "", "number_index": None, "channel": ""}
    db.execute(update(community_leaders).where(community_leaders.c.id == leader_id).values(values))


def list_all(db: Transaction) -> list[CommunityLeader]:
    """Return all leaders, by organization."""
    query = (
        select(community_leaders)
        .where(community_leaders.c.left_at.is_(None))
        .order_by(community_leaders.c.organization, community_leaders.c.id)
    )
    return [CommunityLeader.from_row(row, db.vault) for row in db.execute(query)]


def find(db: Transaction, leader_id: int) -> CommunityLeader | None:
    """Return the leader with this ID, or None."""
    key = (community_leaders.c.id == leader_id) & community_leaders.c.left_at.is_(None)
    row = db.execute(select(community_leaders).where(key)).one_or_none()
    if row is None:
        return None
    return CommunityLeader.from_row(row, db.vault)


def record_contact(db: Transaction, leader_id: int, contacted_on: date, due_on: date) -> None:
    """Record the day of the last call and of the next one."""
    db.execute(
        update(community_leaders)
        .where(community_leaders.c.id == leader_id)
        .values(contacted_on=contacted_on, due_on=due_on)
    )


def add_request(db: Transaction, leader_id: int, reason: str, by: str, now: datetime) -> LeaderRequest | None:
    """Add a request to the leader, and return the open request that it joins.

    Returns None if the leader has no open request.
    """
    lock = update(community_leaders).where(community_leaders.c.id == leader_id).values(owner=community_leaders.c.owner)
    db.execute(lock)  # two concurrent requests must not both become the open one
    requests = (request for request in list_open_requests(db) if request.leader_id == leader_id)
    open_request = next((request for request in requests if request.with_id is None), None)
    row = {"leader_id": leader_id, "why": reason, "asked_by": by, "asked_at": now}
    db.execute(insert(leader_requests).values(**row, with_id=open_request.id if open_request else None))
    return open_request


def list_open_requests(db: Transaction) -> list[LeaderRequest]:
    """Return the open requests, oldest first."""
    query = select(leader_requests).where(leader_requests.c.done_at.is_(None)).order_by(leader_requests.c.id)
    return [LeaderRequest.from_row(row) for row in db.execute(query)]


def complete_request(db: Transaction, request_id: int, by: str, now: datetime) -> int | None:
    """Complete the request and all that joined it, and return the ID of the leader.

    Returns None if the request was completed before.
    """
    key = (
        (leader_requests.c.id == request_id) & leader_requests.c.done_at.is_(None) & leader_requests.c.with_id.is_(None)
    )
    if db.execute(update(leader_requests).where(key).values(done_by=by, done_at=now)).rowcount != 1:
        return None
    db.execute(update(leader_requests).where(leader_requests.c.with_id == request_id).values(done_by=by, done_at=now))
    return int(db.execute(select(leader_requests.c.leader_id).where(leader_requests.c.id == request_id)).scalar_one())


def find_last_completed_request(db: Transaction, leader_id: int) -> LeaderRequest | None:
    """Return the request of the last call to this leader, or None."""
    key = (
        (leader_requests.c.leader_id == leader_id)
        & leader_requests.c.done_at.is_not(None)
        & leader_requests.c.with_id.is_(None)
    )
    row = db.execute(select(leader_requests).where(key).order_by(leader_requests.c.done_at.desc()).limit(1)).first()
    if row is None:
        return None
    return LeaderRequest.from_row(row)


def add_task(db: Transaction, task: LeaderTask) -> None:
    """Add a task to the plan of the first week, unless it exists."""
    insert_if_new(db, leader_tasks, vars(task))


def set_task(db: Transaction, task: LeaderTask, by: str) -> None:
    """Replace the date, owner, and invitation of a task."""
    db.execute(update(leader_tasks).where(leader_tasks.c.kind == task.kind).values(**vars(task), changed_by=by))


def list_tasks(db: Transaction) -> list[LeaderTask]:
    """Return the tasks, earliest due date first."""
    query = select(leader_tasks).order_by(leader_tasks.c.due_on, leader_tasks.c.id)
    return [LeaderTask(row.kind, row.due_on, row.owner, row.invitation) for row in db.execute(query)]


def _build_columns(vault: Vault, leader: CommunityLeader, context_id: str) -> dict[str, Any]:
    return {
        "sealed": vault.encrypt(json.dumps([leader.name, leader.phone]), build_context(context_id)),
        "number_index": vault.compute_lookup_hash(leader.phone) if leader.phone else None,
        "organization": leader.organization,
        "kind": leader.kind,
        "languages": json.dumps(leader.languages),
        "channel": leader.channel,
        "owner": leader.owner,
        "contacted_on": leader.contacted_on,
        "due_on": leader.due_on,
    }


def build_context(context_id: str) -> str:
    return f"leader:{context_id}"
