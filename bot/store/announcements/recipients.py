"""Recipients of an announcement: one row for each family and attempt, from the plan to the last delivery status.

The text is stored with the announcement, so a row holds none. `round` 0 is the first attempt. A later round is an SMS
after WhatsApp failed, another call, or a new attempt by staff. All writes handle many rows, because fifty thousand
single transactions would overload the database.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import uuid4

from sqlalchemy import (
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.cases.deliveries import DELIVERY_STATE_RANKS, OPEN_DELIVERY_STATES, DeliveryState, find_state_rank
from bot.store.families.families import families

recipients = Table(
    "recipients",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("announcement_id", ForeignKey("announcements.id"), nullable=False),
    Column("family_id", Integer, nullable=False),
    Column("contact_id", Integer, nullable=False, index=True),
    Column("kind", String(8), nullable=False),
    Column("round", Integer, nullable=False, server_default="0"),
    Column("language", String(8), nullable=False),
    Column("channel", String(8), nullable=False),
    Column("template", String(40)),
    Column("state", String(16), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("reason", String(24), nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("looks", Integer, nullable=False, server_default="0"),
    Column("due_at", UtcDateTime, nullable=False),
    Column("claimed_at", UtcDateTime),
    Column("moved_at", UtcDateTime, nullable=False),
    Column("sid", String(34), index=True),
    Column("error_code", Integer),
    UniqueConstraint("announcement_id", "family_id", "kind", "round"),
    Index("ix_recipients_open", "announcement_id", "state", "channel", "due_at"),
)

RECIPIENT_ID_PREFIX = "A"
"""The prefix of the IDs of these rows. The ID of a delivery is hexadecimal, in lowercase letters."""


@dataclass(frozen=True)
class PlannedRecipient:
    """A recipient to plan.

    A `reason`, such as missing consent, holds the row from the start.
    """

    family_id: int
    contact_id: int
    language: str
    channel: str
    due_at: datetime
    reason: str = ""
    kind: str = "text"
    round: int = 0


@dataclass(frozen=True)
class Recipient:
    """One attempt to reach a family.

    `kind` is "text", or "kit" for the share kit of a community leader.
    """

    id: str
    announcement_id: int
    family_id: int
    contact_id: int
    kind: str
    round: int
    language: str
    channel: str
    template: str | None
    state: DeliveryState
    reason: str
    attempts: int
    looks: int
    due_at: datetime
    claimed_at: datetime | None
    moved_at: datetime
    sid: str | None
    error_code: int | None

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Return the recipient of a row."""
        columns = dict(row._mapping)
        columns.pop("rank")
        return cls(**columns)


@dataclass(frozen=True)
class RecipientChange:
    """The result for one row.

    `state` is a status from Twilio, or an open state that is due again at `due_at`.
    """

    id: str
    state: str
    due_at: datetime
    sid: str | None = None
    error_code: int | None = None
    reason: str = ""
    channel: str | None = None
    template: str | None = None
    looks: int = 0


def is_recipient_id(delivery_id: str | None) -> bool:
    """Return whether an ID from Twilio belongs to this table."""
    return bool(delivery_id and delivery_id.startswith(RECIPIENT_ID_PREFIX))


def add_all(db: Transaction, announcement_id: int, planned: Iterable[PlannedRecipient], now: datetime) -> None:
    """Insert the rows that do not exist yet.

    A repeat adds no rows.
    """
    rows = [
        {
            **vars(recipient),
            "id": generate_id(),
            "announcement_id": announcement_id,
            "state": "held" if recipient.reason else "waiting",
            "rank": 0,
            "moved_at": now,
        }
        for recipient in planned
    ]
    if not rows:
        return
    dialect = postgresql if db.dialect.name == "postgresql" else sqlite
    db.execute(dialect.insert(recipients).on_conflict_do_nothing(), rows)


def delete_erased(db: Transaction, announcement_id: int) -> None:
    """Delete the rows of families that were erased after the audience was read."""
    family_exists = exists().where(families.c.id == recipients.c.family_id)
    key = (recipients.c.announcement_id == announcement_id) & (recipients.c.family_id > 0)
    db.execute(delete(recipients).where(key & ~family_exists))


def generate_id() -> str:
    """Return an ID for a new row."""
    return RECIPIENT_ID_PREFIX + uuid4().hex[1:]


def claim(db: Transaction, announcement_id: int, channel: str, limit: int, now: datetime) -> list[Recipient]:
    """Claim up to `limit` due rows of this channel for sending.

    No two processes claim the same row.
    """
    key = (
        (recipients.c.announcement_id == announcement_id)
        & (recipients.c.state == "waiting")
        & (recipients.c.channel == channel)
        & (recipients.c.due_at <= now)
    )
    query = select(recipients).where(key).order_by(recipients.c.due_at).limit(limit).with_for_update(skip_locked=True)
    rows = [Recipient.from_row(row) for row in db.execute(query)]
    if rows:
        ids = [row.id for row in rows]
        values = {"state": "claimed", "claimed_at": now, "attempts": recipients.c.attempts + 1, "moved_at": now}
        db.execute(update(recipients).where(recipients.c.id.in_(ids)).values(values))
    return rows


def has_lost(db: Transaction, announcement_id: int, now: datetime, lease_ended: datetime) -> bool:
    """Return whether `claim_lost` would find a row.

    This frequent check needs no write transaction.
    """
    return bool(db.execute(select(exists().where(_match_lost(announcement_id, now, lease_ended)))).scalar())


def _match_lost(announcement_id: int, now: datetime, lease_ended: datetime) -> ColumnElement[bool]:
    is_unknown = (recipients.c.state == "unknown") & (recipients.c.due_at <= now)
    is_lease_expired = (recipients.c.state == "claimed") & (recipients.c.claimed_at <= lease_ended)
    return (recipients.c.announcement_id == announcement_id) & (is_unknown | is_lease_expired)


def claim_lost(
    db: Transaction, announcement_id: int, now: datetime, lease_ended: datetime, limit: int
) -> list[Recipient]:
    """Claim rows with an unknown outcome, to look them up in Twilio's list."""
    key = _match_lost(announcement_id, now, lease_ended)
    query = select(recipients).where(key).limit(limit).with_for_update(skip_locked=True)
    rows = [Recipient.from_row(row) for row in db.execute(query)]
    if rows:
        ids = [row.id for row in rows]
        db.execute(update(recipients).where(recipients.c.id.in_(ids)).values(state="claimed", claimed_at=now))
    return rows


_ADVANCE_STATEMENT = (
    update(recipients)
    .where((recipients.c.id == bindparam("b_id")) & (recipients.c.rank < bindparam("b_rank")))
    .where(
        recipients.c.sid.is_(None)
        | (recipients.c.sid == func.coalesce(bindparam("b_sid", type_=String), recipients.c.sid))
    )
    .values(
        state=bindparam("b_state"),
        rank=bindparam("b_rank"),
        error_code=bindparam("b_code"),
        sid=func.coalesce(bindparam("b_sid", type_=String), recipients.c.sid),
        reason=case((bindparam("b_reason") != "", bindparam("b_reason")), else_=recipients.c.reason),
        moved_at=bindparam("b_at", type_=UtcDateTime),
    )
)
_RELEASE_CLAIM_STATEMENT = (
    update(recipients)
    .where((recipients.c.id == bindparam("b_id")) & (recipients.c.state == "claimed"))
    .values(
        state=bindparam("b_state"),
        error_code=bindparam("b_code"),
        due_at=bindparam("b_due", type_=UtcDateTime),
        reason=bindparam("b_reason"),
        looks=bindparam("b_looks"),
        channel=func.coalesce(bindparam("b_channel", type_=String), recipients.c.channel),
        template=case((bindparam("b_channel", type_=String).is_not(None), None), else_=recipients.c.template),
        moved_at=bindparam("b_at", type_=UtcDateTime),
    )
)
_SET_TEMPLATE_STATEMENT = (
    update(recipients)
    .where(recipients.c.id == bindparam("b_id"))
    .values(template=bindparam("b_template"), channel=bindparam("b_channel"))
)


def set_templates(db: Transaction, templates: Mapping[str, str]) -> None:
    """Set the WhatsApp template of these rows, by row ID."""
    if templates:
        rows = [
            {"b_id": row_id, "b_template": template, "b_channel": "whatsapp"} for row_id, template in templates.items()
        ]
        db.execute(_SET_TEMPLATE_STATEMENT, rows)


def apply_changes(db: Transaction, changes: Iterable[RecipientChange], now: datetime) -> None:
    """Store the results for many rows.

    Twilio's reports advance a row and never move it back. An open state applies only to a claimed row, because a report
    can arrive first. An unknown status changes nothing.
    """
    reports: list[dict[str, Any]] = []
    releases: list[dict[str, Any]] = []
    for change in changes:
        rank = find_state_rank(change.state)
        if rank is None:
            continue
        values = {
            "b_id": change.id,
            "b_state": change.state,
            "b_code": change.error_code,
            "b_reason": change.reason,
            "b_at": now,
        }
        if rank > 0:
            reports.append({**values, "b_rank": rank, "b_sid": change.sid})
        else:
            releases.append({**values, "b_due": change.due_at, "b_looks": change.looks, "b_channel": change.channel})
    if reports:
        db.execute(_ADVANCE_STATEMENT, reports)
    if releases:
        db.execute(_RELEASE_CLAIM_STATEMENT, releases)


def get_many(db: Transaction, ids: Iterable[str]) -> list[Recipient]:
    """Return the rows with these IDs."""
    query = select(recipients).where(recipients.c.id.in_(tuple(ids)))
    return [Recipient.from_row(row) for row in db.execute(query)]


def find_by_sid(db: Transaction, sid: str) -> Recipient | None:
    """Return the row with this Twilio SID, or None."""
    row = db.execute(select(recipients).where(recipients.c.sid == sid)).first()
    if row is None:
        return None
    return Recipient.from_row(row)


def find_sids_of_others(db: Transaction, sids: Iterable[str], own_id: str) -> set[str]:
    """Return those of these SIDs that belong to rows other than `own_id`."""
    query = select(recipients.c.sid).where(recipients.c.sid.in_(tuple(sids)) & (recipients.c.id != own_id))
    return {str(sid) for sid in db.execute(query).scalars()}


def find_newest_for_contact(db: Transaction, contact_id: int, since: datetime) -> Recipient | None:
    """Return the newest announcement sent to this contact since `since`, or None."""
    is_sent = recipients.c.state.in_(("queued", "accepted", "sending", "sent", "delivered", "read"))
    key = (
        (recipients.c.contact_id == contact_id)
        & (recipients.c.kind == "text")
        & is_sent
        & (recipients.c.moved_at >= since)
    )
    row = db.execute(select(recipients).where(key).order_by(recipients.c.moved_at.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return Recipient.from_row(row)


def has_open(db: Transaction, announcement_id: int) -> bool:
    """Return whether the announcement has rows in an open state."""
    key = (recipients.c.announcement_id == announcement_id) & recipients.c.state.in_(OPEN_DELIVERY_STATES)
    return bool(db.execute(select(exists().where(key))).scalar())


def postpone_waiting(db: Transaction, announcement_id: int, until: datetime) -> None:
    """Postpone all waiting rows until this time."""
    key = (recipients.c.announcement_id == announcement_id) & (recipients.c.state == "waiting")
    db.execute(update(recipients).where(key & (recipients.c.due_at < until)).values(due_at=until))


def list_held_languages(db: Transaction, announcement_id: int) -> list[str]:
    """Return the languages whose families wait for an approval."""
    key = (recipients.c.announcement_id == announcement_id) & (recipients.c.state == "held")
    query = select(recipients.c.language).where(key & (recipients.c.reason == "language")).distinct()
    return list(db.execute(query).scalars())


def has_work(db: Transaction, announcement_id: int, now: datetime, lease_ended: datetime) -> bool:
    """Return whether a job has something to do now."""
    is_due = recipients.c.state.in_(("waiting", "unknown")) & (recipients.c.due_at <= now)
    is_lease_expired = (recipients.c.state == "claimed") & (recipients.c.claimed_at <= lease_ended)
    key = (recipients.c.announcement_id == announcement_id) & (is_due | is_lease_expired)
    return bool(db.execute(select(exists().where(key))).scalar())


def find_next_due_at(db: Transaction, announcement_id: int) -> datetime | None:
    """Return when the next open row is due, or None."""
    key = (recipients.c.announcement_id == announcement_id) & recipients.c.state.in_(("waiting", "unknown"))
    return db.execute(select(func.min(recipients.c.due_at)).where(key)).scalar_one_or_none()


def cancel_waiting(db: Transaction, announcement_id: int, limit: int, now: datetime) -> int:
    """Cancel up to `limit` rows that wait or are held, and return their number."""
    key = (recipients.c.announcement_id == announcement_id) & recipients.c.state.in_(("waiting", "held"))
    ids = select(recipients.c.id).where(key).limit(limit)
    values = {"state": "canceled", "rank": DELIVERY_STATE_RANKS["canceled"], "moved_at": now}
    return db.execute(update(recipients).where(recipients.c.id.in_(ids)).values(values)).rowcount


def release_language(db: Transaction, announcement_id: int, language: str, now: datetime) -> int:
    """Release the rows that wait for the approval of this language, and return their number."""
    key = (
        (recipients.c.announcement_id == announcement_id)
        & (recipients.c.state == "held")
        & (recipients.c.reason == "language")
        & (recipients.c.language == language)
    )
    values = {"state": "waiting", "reason": "", "due_at": now, "moved_at": now}
    return db.execute(update(recipients).where(key).values(values)).rowcount


def is_newest(announcement_id: int) -> ColumnElement[bool]:
    """Return the condition that the family has no later attempt."""
    later = recipients.alias()
    return ~exists().where(
        (later.c.announcement_id == literal(announcement_id))
        & (later.c.family_id == recipients.c.family_id)
        & (later.c.kind == recipients.c.kind)
        & (later.c.round > recipients.c.round)
    )
