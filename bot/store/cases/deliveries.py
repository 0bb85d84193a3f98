"""Deliveries: one row for each message that we send of our own accord, from the plan to the phone's receipt.

States: waiting → claimed → (queued → sent → delivered → read | undelivered | failed), and two ways aside:
`unknown` (the request was made and its outcome is not known: never sent again before Twilio's list was read) and
`held` (a person must decide).  What Twilio reports only ever moves a row forward.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    case,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.base.logs import get_trace
from bot.store.cases import cases
from bot.store.families import record_keys
from bot.store.families.record_keys import Decryptor, Encryptor

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("case_id", ForeignKey("cases.id")),
    Column("staff", String(64)),
    Column("follow_up_id", ForeignKey("follow_ups.id")),
    Column("contact_id", ForeignKey("contacts.id")),
    Column("sealed_body", Text),
    Column("state", String(16), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("claimed_at", UtcDateTime),
    Column("sid", String(34), index=True),
    Column("error_code", Integer),
    Column("created_at", UtcDateTime, nullable=False),
    Column("round", Integer, nullable=False, server_default="0"),
    Column("means", String(8), nullable=False, server_default="text"),
    Column("template", String(40)),
    Column("trace", String(12)),
    Index("ix_deliveries_created_at", "created_at"),
    UniqueConstraint("case_id", "staff", "kind", "round", "means"),
    UniqueConstraint("follow_up_id"),
)

DELIVERY_STATE_RANKS = {
    "waiting": 0,
    "claimed": 0,
    "unknown": 0,
    "held": 0,
    "queued": 1,
    "accepted": 1,
    "scheduled": 1,
    "sending": 2,
    "sent": 3,
    "delivered": 4,
    "undelivered": 4,
    "failed": 4,
    "canceled": 4,
    "read": 5,
}
"""How far a state is on its way; a report of a lower or equal rank comes late and is dropped (twilio.md, section 2)."""

OPEN_DELIVERY_STATES = ("waiting", "claimed", "unknown")


@dataclass(frozen=True)
class Delivery:
    """One message to one person.  `staff` is an id of the district file; else `contact_id` says who gets it."""

    id: str
    kind: str
    case_id: int | None
    staff: str | None
    contact_id: int | None
    body: str
    state: str
    attempts: int
    due_at: datetime
    claimed_at: datetime | None
    sid: str | None
    error_code: int | None
    created_at: datetime
    means: str = "text"
    round: int = 0
    template: str | None = None
    trace: str | None = None
    """What the log calls the message that led to it (`bot/base/logs.py`)."""


@dataclass(frozen=True)
class StaffPage:
    """One page of a case to one member of staff: in which round, by text or by call, and when."""

    case_id: int
    staff: str
    round: int
    transport: str
    body: str
    due_at: datetime


def plan_page(db: Transaction, page: StaffPage, at: datetime) -> None:
    """A page as a row: written once, however often the job runs."""
    about = {
        "kind": "alert",
        "case_id": page.case_id,
        "staff": page.staff,
        "round": page.round,
        "means": page.transport,
    }
    _insert_delivery(db, about | {"due_at": page.due_at}, page.body, at)


def plan_notice(db: Transaction, columns: dict[str, object], body: str, due: datetime) -> str:
    """A text that tells staff (`staff`) or a family (`contact_id`) how a case stands; the caller writes it once, or
    gives an `id` of 32 letters, under which it is written once however often it is planned."""
    return _insert_delivery(db, {"kind": "notice", **columns}, body, due)


def plan_staff_message(db: Transaction, contact_id: int, body: str, at: datetime, kind: str = "talk") -> str:
    """What a member of staff writes to a family; the caller sees to it that it is written once."""
    return _insert_delivery(db, {"kind": kind, "contact_id": contact_id}, body, at)


def plan_follow_up(db: Transaction, follow_up_id: int, contact_id: int, body: str, at: datetime) -> None:
    """The opening text of a follow-up: written once, however often the job runs."""
    _insert_delivery(db, {"kind": "follow_up", "follow_up_id": follow_up_id, "contact_id": contact_id}, body, at)


def plan_reminder(db: Transaction, staff: str, body: str, due: datetime) -> str:
    """A text to one member of staff about content that needs a look; the caller sees to it that it is written once."""
    return _insert_delivery(db, {"kind": "reminder", "staff": staff}, body, due)


def plan_late_reply(db: Transaction, columns: dict[str, object], body: str, at: datetime) -> None:
    """The reply to a message that had not reached us, to `contact_id` or `staff`: once under its `id` of 32 letters."""
    _insert_delivery(db, {"kind": "late", **columns}, body, at)


def plan_correction(db: Transaction, contact_id: int, body: str, due: datetime) -> str:
    """A right wording for a family that was sent a wrong one; the caller sees to it that it is written once."""
    return _insert_delivery(db, {"kind": "correction", "contact_id": contact_id}, body, due)


def _insert_delivery(db: Transaction, columns: dict[str, object], body: str, at: datetime) -> str:
    """The new row's id, also if one with the same case or follow-up was there before and nothing is written."""
    new = str(columns.get("id") or uuid4().hex)
    own = _get_encryptor(db, columns)
    due = columns.get("due_at", at)  # a page for the morning is not old when the morning comes
    row = {
        "id": new,
        "sealed_body": own.encrypt(body, build_context(new)),
        "created_at": due,
        "due_at": due,
        "trace": get_trace(),
    } | columns
    try:
        with db.begin_nested():
            db.execute(insert(deliveries).values(**row, state="waiting", rank=0, attempts=0))
    except IntegrityError:
        pass  # planned before
    return new


def _get_encryptor(db: Transaction, columns: dict[str, object]) -> Encryptor:
    """The key of the family that it goes to, or whose case it tells of."""
    contact, case_id = columns.get("contact_id"), columns.get("case_id")
    if isinstance(contact, int):
        return record_keys.get_encryptor(db, contact)
    return cases.get_encryptor(db, case_id if isinstance(case_id, int) else None)


def find(db: Transaction, delivery_id: str) -> Delivery | None:
    """The delivery with this id, if there is one."""
    row = db.execute(select(deliveries).where(deliveries.c.id == delivery_id)).one_or_none()
    return _build_delivery(row, record_keys.get_decryptor(db)) if row else None


def list_for_case(db: Transaction, case_id: int) -> list[Delivery]:
    """The alerts of a case."""
    query = select(deliveries).where(deliveries.c.case_id == case_id).order_by(deliveries.c.created_at)
    return [_build_delivery(row, record_keys.get_decryptor(db)) for row in db.execute(query)]


def cancel_pages(db: Transaction, case_id: int) -> None:
    """Pages that have not left are not sent any more: somebody has taken the case."""
    key = (deliveries.c.case_id == case_id) & (deliveries.c.kind == "alert") & (deliveries.c.state == "waiting")
    db.execute(
        update(deliveries).where(key).values(state="canceled", rank=DELIVERY_STATE_RANKS["canceled"], sealed_body=None)
    )


def cancel_waiting(db: Transaction, delivery_id: str) -> bool:
    """What it says counts no more: one that has not left is not sent; False if it is on its way or there."""
    key = (deliveries.c.id == delivery_id) & (deliveries.c.state == "waiting")
    values = {"state": "canceled", "rank": DELIVERY_STATE_RANKS["canceled"], "sealed_body": None}
    return db.execute(update(deliveries).where(key).values(values)).rowcount == 1


def list_due_for_case(db: Transaction, case_id: int, at: datetime) -> Sequence[str]:
    """What is to be sent about a case now."""
    key = (deliveries.c.case_id == case_id) & (deliveries.c.state == "waiting") & (deliveries.c.due_at <= at)
    return db.execute(select(deliveries.c.id).where(key)).scalars().all()


def find_last_planned_at(db: Transaction, contact_id: int, kind: str) -> datetime | None:
    """When something of this kind was last planned for a family."""
    key = (deliveries.c.contact_id == contact_id) & (deliveries.c.kind == kind)
    return db.execute(select(func.max(deliveries.c.created_at)).where(key)).scalar_one_or_none()


def list_waiting_for_follow_up(db: Transaction, follow_up_id: int) -> Sequence[str]:
    """The message of a follow-up, if it waits to be sent."""
    key = (deliveries.c.follow_up_id == follow_up_id) & (deliveries.c.state == "waiting")
    return db.execute(select(deliveries.c.id).where(key)).scalars().all()


def list_unfinished(db: Transaction, at: datetime, lease_ended: datetime, limit: int) -> Sequence[tuple[str, str]]:
    """(id, kind) of what the sweep must carry on: due and waiting or unknown, or claimed before `lease_ended`."""
    due = deliveries.c.state.in_(("waiting", "unknown")) & (deliveries.c.due_at <= at)
    left = (deliveries.c.state == "claimed") & (deliveries.c.claimed_at <= lease_ended)
    query = select(deliveries.c.id, deliveries.c.kind).where(due | left).order_by(deliveries.c.due_at).limit(limit)
    return [(row.id, row.kind) for row in db.execute(query)]


def claim(db: Transaction, delivery_id: str, at: datetime, template: str = "", transport: str = "text") -> bool:
    """Take a waiting row for sending (as this template, by text or call); False if it is not due or another has it."""
    key = (deliveries.c.id == delivery_id) & (deliveries.c.state == "waiting") & (deliveries.c.due_at <= at)
    values: dict[str, Any] = {"state": "claimed", "claimed_at": at, "attempts": deliveries.c.attempts + 1}
    values |= {"template": template or None, "means": transport}
    return db.execute(update(deliveries).where(key).values(values)).rowcount == 1


def postpone(db: Transaction, delivery_id: str, due_at: datetime) -> None:
    """A row that nobody has taken yet waits until then."""
    key = (deliveries.c.id == delivery_id) & (deliveries.c.state == "waiting")
    db.execute(update(deliveries).where(key).values(due_at=due_at))


def claim_unknown(db: Transaction, delivery: Delivery, at: datetime) -> bool:
    """Take a row whose outcome is unknown for a look into Twilio's list; one process at a time gets it."""
    key = (
        (deliveries.c.id == delivery.id)
        & (deliveries.c.state == delivery.state)
        & (deliveries.c.claimed_at == delivery.claimed_at)
    )
    return db.execute(update(deliveries).where(key).values(state="claimed", claimed_at=at)).rowcount == 1


def hold_family_deliveries(db: Transaction) -> Sequence[str]:
    """Hold every text to a family of which Twilio has not said anything; their ids."""
    key = deliveries.c.contact_id.is_not(None) & deliveries.c.state.in_(OPEN_DELIVERY_STATES)
    found = db.execute(select(deliveries.c.id).where(key)).scalars().all()
    db.execute(update(deliveries).where(key).values(state="held"))
    return found


def release_claim(
    db: Transaction, delivery_id: str, state: str, due_at: datetime, error_code: int | None = None
) -> None:
    """Put a claimed row into an open state again (waiting, unknown, held), unless a report has overtaken us."""
    key = (deliveries.c.id == delivery_id) & (deliveries.c.state == "claimed")
    db.execute(update(deliveries).where(key).values(state=state, due_at=due_at, error_code=error_code))


def advance(
    db: Transaction, delivery_id: str, status: str, sid: str | None = None, error_code: int | None = None
) -> bool:
    """Move a row forward to what Twilio says of it; False if it is there or further already.

    The text is dropped with the first report: Twilio has it, and we need it no more.  A call's is read out later, so
    it stays until the call is over.
    """
    rank = DELIVERY_STATE_RANKS[status]
    key = (deliveries.c.id == delivery_id) & (deliveries.c.rank < rank)
    kept = (
        case((deliveries.c.means == "call", deliveries.c.sealed_body))
        if rank < DELIVERY_STATE_RANKS["delivered"]
        else None
    )
    values: dict[str, object] = {"state": status, "rank": rank, "error_code": error_code, "sealed_body": kept}
    if sid:
        values["sid"] = sid
    return db.execute(update(deliveries).where(key).values(values)).rowcount == 1


def find_id_by_sid(db: Transaction, sid: str) -> str | None:
    """The delivery that Twilio knows by this SID."""
    return db.execute(select(deliveries.c.id).where(deliveries.c.sid == sid)).scalars().first()


def _build_delivery(row: Row[tuple[object, ...]], decryptor: Decryptor) -> Delivery:
    body = decryptor.decrypt(row.sealed_body, build_context(row.id)) if row.sealed_body else ""
    return Delivery(
        id=row.id,
        kind=row.kind,
        case_id=row.case_id,
        staff=row.staff,
        contact_id=row.contact_id,
        body=body,
        state=row.state,
        attempts=row.attempts,
        due_at=row.due_at,
        claimed_at=row.claimed_at,
        sid=row.sid,
        error_code=row.error_code,
        created_at=row.created_at,
        means=row.means,
        round=row.round,
        template=row.template,
        trace=row.trace,
    )


def build_context(delivery_id: str) -> str:
    return f"delivery:body:{delivery_id}"
