"""Deliveries: one row for each outgoing message, from planning to the last delivery status."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self
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
    select,
    update,
)
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.base.logs import get_trace
from bot.store.cases import cases
from bot.store.families import record_keys
from bot.store.families.record_keys import Decryptor, Encryptor
from bot.store.unique_rows import insert_if_new

DeliveryState = Literal[
    "waiting",
    "claimed",
    "unknown",
    "held",
    "queued",
    "accepted",
    "scheduled",
    "sending",
    "sent",
    "delivered",
    "undelivered",
    "failed",
    "canceled",
    "read",
]
"""The progress of a delivery. Twilio's reports advance a row and never move it back.

- `waiting`, then `claimed`: Puente has not sent the message.
- `unknown`: the outcome of the request is not known. Before it sends again, Puente looks in Twilio's list.
- `held`: a person must decide.
- All others are Twilio's statuses.
"""
DeliveryTransport = Literal["text", "call"]

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
    Column("transport", String(8), nullable=False, server_default="text"),
    Column("template", String(40)),
    Column("trace", String(12)),
    Index("ix_deliveries_created_at", "created_at"),
    UniqueConstraint("case_id", "staff", "kind", "round", "transport"),
    UniqueConstraint("follow_up_id"),
)

DELIVERY_STATE_RANKS: dict[str, int] = {
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
"""The order of states. A late report with a lower or equal rank is dropped (twilio.md, section 2)."""

OPEN_DELIVERY_STATES: tuple[DeliveryState, ...] = ("waiting", "claimed", "unknown")

_PLAIN_WORD = re.compile(r"[A-Za-z][A-Za-z_-]{0,31}")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """One message to one person.

    `staff` is a staff ID of the district file. If it is None, `contact_id` names the recipient.
    """

    id: str
    kind: str
    case_id: int | None
    staff: str | None
    contact_id: int | None
    body: str
    state: DeliveryState
    attempts: int
    due_at: datetime
    claimed_at: datetime | None
    sid: str | None
    error_code: int | None
    created_at: datetime
    transport: DeliveryTransport = "text"
    round: int = 0
    template: str | None = None
    trace: str | None = None
    """The trace ID in the log of the message that caused this delivery (`bot/base/logs.py`)."""

    @classmethod
    def from_row(cls, row: Row[tuple[object, ...]], decryptor: Decryptor) -> Self:
        """Build the delivery from its row."""
        body = decryptor.decrypt(row.sealed_body, build_context(row.id)) if row.sealed_body else ""
        return cls(
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
            transport=row.transport,
            round=row.round,
            template=row.template,
            trace=row.trace,
        )


@dataclass(frozen=True)
class StaffPage:
    """One page of a case to one staff member, in one escalation round."""

    case_id: int
    staff: str
    round: int
    transport: DeliveryTransport
    body: str
    due_at: datetime


def plan_page(db: Transaction, page: StaffPage, now: datetime) -> None:
    """Plan a page.

    A repeat adds no row.
    """
    columns = {
        "kind": "alert",
        "case_id": page.case_id,
        "staff": page.staff,
        "round": page.round,
        "transport": page.transport,
    }
    _insert_delivery(db, columns | {"due_at": page.due_at}, page.body, now)


def plan_notice(db: Transaction, columns: dict[str, object], body: str, due_at: datetime) -> str:
    """Plan a notice to staff (`staff`) or a family (`contact_id`) about the state of a case.

    To make a repeat safe, pass an `id` of 32 hexadecimal digits. Otherwise, the caller must prevent repeats.
    """
    return _insert_delivery(db, {"kind": "notice", **columns}, body, due_at)


def plan_staff_message(db: Transaction, contact_id: int, body: str, now: datetime, kind: str = "talk") -> str:
    """Plan a message from a staff member to a family.

    The caller must prevent repeats.
    """
    return _insert_delivery(db, {"kind": kind, "contact_id": contact_id}, body, now)


def plan_follow_up(db: Transaction, follow_up_id: int, contact_id: int, body: str, now: datetime) -> None:
    """Plan the first text of a follow-up.

    A repeat adds no row.
    """
    _insert_delivery(db, {"kind": "follow_up", "follow_up_id": follow_up_id, "contact_id": contact_id}, body, now)


def plan_reminder(db: Transaction, staff: str, body: str, due_at: datetime) -> str:
    """Plan a reminder to one staff member.

    The caller must prevent repeats.
    """
    return _insert_delivery(db, {"kind": "reminder", "staff": staff}, body, due_at)


def plan_late_reply(db: Transaction, columns: dict[str, object], body: str, now: datetime) -> None:
    """Plan the reply to a message that Puente missed, to `contact_id` or `staff`.

    The `id` of 32 hexadecimal digits makes a repeat safe.
    """
    _insert_delivery(db, {"kind": "late", **columns}, body, now)


def plan_correction(db: Transaction, contact_id: int, body: str, due_at: datetime) -> str:
    """Plan a correction for a family that received a wrong text.

    The caller must prevent repeats.
    """
    return _insert_delivery(db, {"kind": "correction", "contact_id": contact_id}, body, due_at)


def _insert_delivery(db: Transaction, columns: dict[str, object], body: str, now: datetime) -> str:
    """Insert the row and return its ID.

    If the delivery was planned before, nothing is written.
    """
    delivery_id = str(columns.get("id") or uuid4().hex)
    encryptor = _get_encryptor(db, columns)
    planned_at = columns.get("due_at", now)  # the age of a delayed page counts from its due time
    row = {
        "id": delivery_id,
        "sealed_body": encryptor.encrypt(body, build_context(delivery_id)),
        "created_at": planned_at,
        "due_at": planned_at,
        "trace": get_trace(),
    } | columns
    insert_if_new(db, deliveries, {**row, "state": "waiting", "rank": 0, "attempts": 0})
    return delivery_id


def _get_encryptor(db: Transaction, columns: dict[str, object]) -> Encryptor:
    """Return the encryptor of the family that receives the message, or of the family of its case."""
    contact_id, case_id = columns.get("contact_id"), columns.get("case_id")
    if isinstance(contact_id, int):
        return record_keys.get_encryptor(db, contact_id)
    if isinstance(case_id, int):
        return cases.get_encryptor(db, case_id)
    return cases.get_encryptor(db, None)


def find(db: Transaction, delivery_id: str) -> Delivery | None:
    """Return the delivery with this ID, or None."""
    row = db.execute(select(deliveries).where(deliveries.c.id == delivery_id)).one_or_none()
    if row is None:
        return None
    return Delivery.from_row(row, record_keys.get_decryptor(db))


def list_for_case(db: Transaction, case_id: int) -> list[Delivery]:
    """Return the deliveries of a case, oldest first."""
    query = select(deliveries).where(deliveries.c.case_id == case_id).order_by(deliveries.c.created_at)
    return [Delivery.from_row(row, record_keys.get_decryptor(db)) for row in db.execute(query)]


def cancel_pages(db: Transaction, case_id: int) -> None:
    """Cancel the pages of a case that still wait, because a staff member took the case."""
    key = (deliveries.c.case_id == case_id) & (deliveries.c.kind == "alert") & (deliveries.c.state == "waiting")
    values = {"state": "canceled", "rank": DELIVERY_STATE_RANKS["canceled"], "sealed_body": None}
    db.execute(update(deliveries).where(key).values(values))


def cancel_waiting(db: Transaction, delivery_id: str) -> bool:
    """Cancel an outdated delivery that still waits.

    Returns False if it no longer waits.
    """
    key = (deliveries.c.id == delivery_id) & (deliveries.c.state == "waiting")
    values = {"state": "canceled", "rank": DELIVERY_STATE_RANKS["canceled"], "sealed_body": None}
    return db.execute(update(deliveries).where(key).values(values)).rowcount == 1


def list_due_for_case(db: Transaction, case_id: int, now: datetime) -> Sequence[str]:
    """Return the IDs of the deliveries of a case that are due."""
    key = (deliveries.c.case_id == case_id) & (deliveries.c.state == "waiting") & (deliveries.c.due_at <= now)
    return db.execute(select(deliveries.c.id).where(key)).scalars().all()


def find_last_planned_at(db: Transaction, contact_id: int, kind: str) -> datetime | None:
    """Return when a delivery of this kind was last planned for a contact."""
    key = (deliveries.c.contact_id == contact_id) & (deliveries.c.kind == kind)
    return db.execute(select(func.max(deliveries.c.created_at)).where(key)).scalar_one_or_none()


def list_waiting_for_follow_up(db: Transaction, follow_up_id: int) -> Sequence[str]:
    """Return the ID of the follow-up's delivery, if it waits for sending."""
    key = (deliveries.c.follow_up_id == follow_up_id) & (deliveries.c.state == "waiting")
    return db.execute(select(deliveries.c.id).where(key)).scalars().all()


def list_unfinished(db: Transaction, now: datetime, lease_ended: datetime, limit: int) -> Sequence[tuple[str, str]]:
    """Return (ID, kind) of the deliveries that the sweep must continue.

    These are waiting or unknown and due, or they were claimed before `lease_ended`.
    """
    is_due = deliveries.c.state.in_(("waiting", "unknown")) & (deliveries.c.due_at <= now)
    is_lease_expired = (deliveries.c.state == "claimed") & (deliveries.c.claimed_at <= lease_ended)
    query = (
        select(deliveries.c.id, deliveries.c.kind)
        .where(is_due | is_lease_expired)
        .order_by(deliveries.c.due_at)
        .limit(limit)
    )
    return [(row.id, row.kind) for row in db.execute(query)]


def claim(
    db: Transaction, delivery_id: str, now: datetime, template: str = "", transport: DeliveryTransport = "text"
) -> bool:
    """Claim a waiting delivery for sending, with this template and transport.

    Returns False if it is not due or another process claimed it.
    """
    key = (deliveries.c.id == delivery_id) & (deliveries.c.state == "waiting") & (deliveries.c.due_at <= now)
    values: dict[str, Any] = {"state": "claimed", "claimed_at": now, "attempts": deliveries.c.attempts + 1}
    values |= {"template": template or None, "transport": transport}
    return db.execute(update(deliveries).where(key).values(values)).rowcount == 1


def postpone(db: Transaction, delivery_id: str, due_at: datetime) -> None:
    """Set a new due time if the delivery still waits."""
    key = (deliveries.c.id == delivery_id) & (deliveries.c.state == "waiting")
    db.execute(update(deliveries).where(key).values(due_at=due_at))


def claim_unknown(db: Transaction, delivery: Delivery, now: datetime) -> bool:
    """Claim a delivery with an unknown outcome, to look it up in Twilio's list.

    Returns True for one process at a time.
    """
    key = (
        (deliveries.c.id == delivery.id)
        & (deliveries.c.state == delivery.state)
        & (deliveries.c.claimed_at == delivery.claimed_at)
    )
    return db.execute(update(deliveries).where(key).values(state="claimed", claimed_at=now)).rowcount == 1


def hold_family_deliveries(db: Transaction) -> Sequence[str]:
    """Hold all texts to families that Twilio has not confirmed, and return their IDs."""
    key = deliveries.c.contact_id.is_not(None) & deliveries.c.state.in_(OPEN_DELIVERY_STATES)
    delivery_ids = db.execute(select(deliveries.c.id).where(key)).scalars().all()
    db.execute(update(deliveries).where(key).values(state="held"))
    return delivery_ids


def release_claim(
    db: Transaction, delivery_id: str, state: DeliveryState, due_at: datetime, error_code: int | None = None
) -> None:
    """Return a claimed delivery to an open state: waiting, unknown, or held.

    If a report has changed the state meanwhile, nothing changes.
    """
    key = (deliveries.c.id == delivery_id) & (deliveries.c.state == "claimed")
    db.execute(update(deliveries).where(key).values(state=state, due_at=due_at, error_code=error_code))


def find_state_rank(status: str) -> int | None:
    """Return the rank of a state, or None for a status that Puente does not know.

    An unknown status is logged, because Twilio can add one. Other text than a plain word does not go into the log.
    """
    rank = DELIVERY_STATE_RANKS.get(status)
    if rank is None:
        is_plain_word = _PLAIN_WORD.fullmatch(status) is not None
        log.warning("unknown delivery status ignored: status=%s", status if is_plain_word else "(not a word)")
    return rank


def advance(
    db: Transaction, delivery_id: str, status: str, sid: str | None = None, error_code: int | None = None
) -> bool:
    """Advance a delivery to Twilio's `status`.

    Returns False if the state has an equal or higher rank. An unknown status changes nothing.
    The first report deletes the text, because Twilio has it.
    The text of a call stays until the call ends, because Puente reads it aloud.
    """
    rank = find_state_rank(status)
    if rank is None:
        return False
    key = (deliveries.c.id == delivery_id) & (deliveries.c.rank < rank)
    values: dict[str, object] = {"state": status, "rank": rank, "error_code": error_code, "sealed_body": None}
    if rank < DELIVERY_STATE_RANKS["delivered"]:
        values["sealed_body"] = case((deliveries.c.transport == "call", deliveries.c.sealed_body))
    if sid:
        values["sid"] = sid
    return db.execute(update(deliveries).where(key).values(values)).rowcount == 1


def find_id_by_sid(db: Transaction, sid: str) -> str | None:
    """Return the ID of the delivery with this Twilio SID."""
    return db.execute(select(deliveries.c.id).where(deliveries.c.sid == sid)).scalars().first()


def build_context(delivery_id: str) -> str:
    return f"delivery:body:{delivery_id}"
