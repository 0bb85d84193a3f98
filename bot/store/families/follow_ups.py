"""Follow-ups: flows that start with a family later ("Did this help?"), and time-outs of questions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Column, ForeignKey, Integer, String, Table, UniqueConstraint, select, update
from sqlalchemy.engine import Row

from bot.base.database import NO_ID_REUSE, Transaction, UtcDateTime, metadata
from bot.store.unique_rows import insert_if_new

follow_ups = Table(
    "follow_ups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("message_sid", String(64), nullable=False),
    Column("n", Integer, nullable=False),
    Column("contact_id", ForeignKey("contacts.id"), nullable=False),
    Column("flow", String(64), nullable=False),
    Column("step", String(64)),
    Column("due_at", UtcDateTime, nullable=False, index=True),
    Column("state", String(16), nullable=False),
    Column("case_id", Integer),
    UniqueConstraint("message_sid", "n"),
    **NO_ID_REUSE,
)


@dataclass(frozen=True)
class FollowUpTarget:
    """The flow to start, or with `step` the question of it that times out."""

    flow: str
    step: str | None = None
    case_id: int | None = None


@dataclass(frozen=True)
class FollowUp:
    """A planned flow, or with `step` the time-out of a question, which applies only if the question still waits.

    `state` changes from "waiting" to "started", or to "dropped" if the family opted out or the flow no longer exists.
    """

    id: int
    contact_id: int
    flow: str
    due_at: datetime
    state: str
    step: str | None = None
    case_id: int | None = None

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Build a follow-up from a row of the table."""
        return cls(row.id, row.contact_id, row.flow, row.due_at, row.state, row.step, row.case_id)


def plan(db: Transaction, cause: tuple[str, int], contact_id: int, target: FollowUpTarget, due_at: datetime) -> None:
    """Plan the start of a flow, or the time-out of its step, at `due_at`.

    `cause` is the message SID and the number of the effect in that message. A repeat of the message plans nothing.
    """
    message_sid, effect_number = cause
    values = {
        "message_sid": message_sid,
        "n": effect_number,
        "contact_id": contact_id,
        "flow": target.flow,
        "step": target.step,
        "case_id": target.case_id,
        "due_at": due_at,
        "state": "waiting",
    }
    insert_if_new(db, follow_ups, values)


def get(db: Transaction, follow_up_id: int) -> FollowUp:
    """Return the follow-up with this id.

    Raises:
        sqlalchemy.exc.NoResultFound: There is none.
    """
    row = db.execute(select(follow_ups).where(follow_ups.c.id == follow_up_id)).one()
    return FollowUp.from_row(row)


def list_due(db: Transaction, now: datetime, limit: int) -> Sequence[int]:
    """Return the ids of the follow-ups that are due, earliest first."""
    is_due = (follow_ups.c.state == "waiting") & (follow_ups.c.due_at <= now)
    query = select(follow_ups.c.id).where(is_due).order_by(follow_ups.c.due_at).limit(limit)
    return db.execute(query).scalars().all()


def claim(db: Transaction, follow_up_id: int, state: str) -> bool:
    """Change the state of a waiting follow-up. Return False if another process changed it first."""
    key = (follow_ups.c.id == follow_up_id) & (follow_ups.c.state == "waiting")
    return db.execute(update(follow_ups).where(key).values(state=state)).rowcount == 1


def postpone(db: Transaction, follow_up_id: int, due_at: datetime) -> None:
    """Start it later, because the family is in another conversation or it is night there."""
    key = (follow_ups.c.id == follow_up_id) & (follow_ups.c.state == "waiting")
    db.execute(update(follow_ups).where(key).values(due_at=due_at))


def is_planned_between(db: Transaction, contact_ids: Sequence[int], flow: str, start: datetime, end: datetime) -> bool:
    """Return whether this flow is or was planned with one of these contacts from `start` to before `end`."""
    is_same_flow = follow_ups.c.contact_id.in_(tuple(contact_ids)) & (follow_ups.c.flow == flow)
    is_in_time = (follow_ups.c.due_at >= start) & (follow_ups.c.due_at < end) & (follow_ups.c.state != "dropped")
    return db.execute(select(follow_ups.c.id).where(is_same_flow & is_in_time)).first() is not None


def drop(db: Transaction, contact_id: int, flow: str) -> None:
    """Drop the waiting follow-ups of this flow, because a better one replaces them."""
    key = (follow_ups.c.contact_id == contact_id) & (follow_ups.c.flow == flow) & (follow_ups.c.state == "waiting")
    db.execute(update(follow_ups).where(key).values(state="dropped"))


def bring_forward(db: Transaction, contact_id: int, now: datetime) -> int:
    """Make this contact's waiting follow-ups due now in the simulator, and return how many."""
    key = (follow_ups.c.contact_id == contact_id) & (follow_ups.c.state == "waiting")
    return db.execute(update(follow_ups).where(key).values(due_at=now)).rowcount


def drop_due(db: Transaction, now: datetime) -> int:
    """Drop all follow-ups that are due and return how many."""
    key = (follow_ups.c.state == "waiting") & (follow_ups.c.due_at <= now)
    return int(db.execute(update(follow_ups).where(key).values(state="dropped")).rowcount)
