"""Follow-ups: a flow to be started with a family later ("did this help?"), or a question that times out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ForeignKey, Integer, String, Table, UniqueConstraint, insert, select, update
from sqlalchemy.exc import IntegrityError

from bot.base.database import NO_ID_REUSE, Transaction, UtcDateTime, metadata

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
    """A flow, or with `step` a question of it."""

    flow: str
    step: str | None = None
    case_id: int | None = None


@dataclass(frozen=True)
class FollowUp:
    """`state` goes waiting → started, or waiting → dropped (the family stopped, or the flow is gone).

    With a `step` it is the time-out of that question: it starts only if the question still waits.
    """

    id: int
    contact_id: int
    flow: str
    due_at: datetime
    state: str
    step: str | None = None
    case_id: int | None = None


def plan(db: Transaction, cause: tuple[str, int], contact_id: int, target: FollowUpTarget, due_at: datetime) -> None:
    """Write down that a flow starts (or its step times out) at `due_at`.

    `cause` is the message and the number of the effect in it: a repeat of the message plans nothing twice.
    """
    row: dict[str, object] = {
        "message_sid": cause[0],
        "n": cause[1],
        "contact_id": contact_id,
        "flow": target.flow,
        "step": target.step,
    }
    row["case_id"] = target.case_id
    try:
        with db.begin_nested():
            db.execute(insert(follow_ups).values(**row, due_at=due_at, state="waiting"))
    except IntegrityError:
        pass  # the same message again


def get(db: Transaction, follow_up_id: int) -> FollowUp:
    """The follow-up with this id; raises `sqlalchemy.exc.NoResultFound`."""
    row = db.execute(select(follow_ups).where(follow_ups.c.id == follow_up_id)).one()
    return FollowUp(row.id, row.contact_id, row.flow, row.due_at, row.state, row.step, row.case_id)


def list_due(db: Transaction, at: datetime, limit: int) -> Sequence[int]:
    """Those whose time has come, earliest first."""
    ready = (follow_ups.c.state == "waiting") & (follow_ups.c.due_at <= at)
    query = select(follow_ups.c.id).where(ready).order_by(follow_ups.c.due_at).limit(limit)
    return db.execute(query).scalars().all()


def claim(db: Transaction, follow_up_id: int, state: str) -> bool:
    """Move it on from waiting; False if another process did so first."""
    key = (follow_ups.c.id == follow_up_id) & (follow_ups.c.state == "waiting")
    return db.execute(update(follow_ups).where(key).values(state=state)).rowcount == 1


def postpone(db: Transaction, follow_up_id: int, due_at: datetime) -> None:
    """Ask again later: the family is in the middle of another conversation, or it is night there."""
    key = (follow_ups.c.id == follow_up_id) & (follow_ups.c.state == "waiting")
    db.execute(update(follow_ups).where(key).values(due_at=due_at))


def is_planned_between(db: Transaction, contact_ids: Sequence[int], flow: str, start: datetime, end: datetime) -> bool:
    """Whether this flow started, or starts, with one of these contacts between two moments."""
    mine = follow_ups.c.contact_id.in_(tuple(contact_ids)) & (follow_ups.c.flow == flow)
    then = (follow_ups.c.due_at >= start) & (follow_ups.c.due_at < end) & (follow_ups.c.state != "dropped")
    return db.execute(select(follow_ups.c.id).where(mine & then)).first() is not None


def drop(db: Transaction, contact_id: int, flow: str) -> None:
    """A flow that was planned for later is not started any more: something better was planned instead."""
    key = (follow_ups.c.contact_id == contact_id) & (follow_ups.c.flow == flow) & (follow_ups.c.state == "waiting")
    db.execute(update(follow_ups).where(key).values(state="dropped"))


def bring_forward(db: Transaction, contact_id: int, at: datetime) -> int:
    """The simulator's "let two days pass": this contact's follow-ups are due at once; how many there were."""
    key = (follow_ups.c.contact_id == contact_id) & (follow_ups.c.state == "waiting")
    return db.execute(update(follow_ups).where(key).values(due_at=at)).rowcount


def drop_due(db: Transaction, at: datetime) -> int:
    """Those whose time has come are not started any more; how many."""
    key = (follow_ups.c.state == "waiting") & (follow_ups.c.due_at <= at)
    return int(db.execute(update(follow_ups).where(key).values(state="dropped")).rowcount)
