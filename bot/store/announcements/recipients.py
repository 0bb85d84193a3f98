"""Recipients: who gets an announcement, one row for each family and try, from the frozen plan to the receipt.

The same states as `deliveries`.  The words stand with the announcement, so a row holds none; `round` 0 is the first
try, a later one the way by SMS after WhatsApp failed, another call, or a new try that somebody asked for.  All is done
many rows at a time: fifty thousand single transactions would take the database's whole day.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
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
from bot.store.cases.deliveries import DELIVERY_STATE_RANKS, OPEN_DELIVERY_STATES
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
"""An id that begins so is one of these rows; a delivery's is hexadecimal, in small letters."""


@dataclass(frozen=True)
class PlannedRecipient:
    """A row to be: whom, by which channel; with a `reason` it is held at once (no consent, a language held back)."""

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
    """A row.  `kind` is "text", or "kit" for what a leader gets to pass on."""

    id: str
    announcement_id: int
    family_id: int
    contact_id: int
    kind: str
    round: int
    language: str
    channel: str
    template: str | None
    state: str
    reason: str
    attempts: int
    looks: int
    due_at: datetime
    claimed_at: datetime | None
    moved_at: datetime
    sid: str | None
    error_code: int | None


@dataclass(frozen=True)
class RecipientChange:
    """What became of one row: `state` with Twilio's word for it, or an open state with when it is due again."""

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
    """Whether an id that Twilio names is of this table."""
    return bool(delivery_id and delivery_id.startswith(RECIPIENT_ID_PREFIX))


def add_all(db: Transaction, announcement_id: int, planned: Iterable[PlannedRecipient], at: datetime) -> None:
    """Write the rows that are not there yet; safe to do again."""
    rows = [
        {
            **vars(one),
            "id": generate_id(),
            "announcement_id": announcement_id,
            "state": "held" if one.reason else "waiting",
            "rank": 0,
            "moved_at": at,
        }
        for one in planned
    ]
    if not rows:
        return
    dialect = postgresql if db.dialect.name == "postgresql" else sqlite
    db.execute(dialect.insert(recipients).on_conflict_do_nothing(), rows)


def delete_erased(db: Transaction, announcement_id: int) -> None:
    """Take out families that were erased between the reading of the audience and the writing of these rows."""
    there = exists().where(families.c.id == recipients.c.family_id)
    mine = (recipients.c.announcement_id == announcement_id) & (recipients.c.family_id > 0)
    db.execute(delete(recipients).where(mine & ~there))


def generate_id() -> str:
    """An id for a row."""
    return RECIPIENT_ID_PREFIX + uuid4().hex[1:]


def claim(db: Transaction, announcement_id: int, channel: str, limit: int, at: datetime) -> list[Recipient]:
    """Take up to `most` rows that are due on this channel, for sending now; no other process gets the same."""
    key = (
        (recipients.c.announcement_id == announcement_id)
        & (recipients.c.state == "waiting")
        & (recipients.c.channel == channel)
        & (recipients.c.due_at <= at)
    )
    query = select(recipients).where(key).order_by(recipients.c.due_at).limit(limit).with_for_update(skip_locked=True)
    rows = [build_recipient(row) for row in db.execute(query)]
    if rows:
        taken = recipients.c.id.in_([one.id for one in rows])
        values = {"state": "claimed", "claimed_at": at, "attempts": recipients.c.attempts + 1, "moved_at": at}
        db.execute(update(recipients).where(taken).values(values))
    return rows


def has_lost(db: Transaction, announcement_id: int, at: datetime, lease_ended: datetime) -> bool:
    """Whether `claim_lost` would find one: asked often, and it must not cost a transaction."""
    return bool(db.execute(select(exists().where(_match_lost(announcement_id, at, lease_ended)))).scalar())


def _match_lost(announcement_id: int, at: datetime, lease_ended: datetime) -> ColumnElement[bool]:
    unknown = (recipients.c.state == "unknown") & (recipients.c.due_at <= at)
    left = (recipients.c.state == "claimed") & (recipients.c.claimed_at <= lease_ended)
    return (recipients.c.announcement_id == announcement_id) & (unknown | left)


def claim_lost(
    db: Transaction, announcement_id: int, at: datetime, lease_ended: datetime, limit: int
) -> list[Recipient]:
    """Take rows of which nobody knows what became, for a look into Twilio's list."""
    key = _match_lost(announcement_id, at, lease_ended)
    rows = [
        build_recipient(row)
        for row in db.execute(select(recipients).where(key).limit(limit).with_for_update(skip_locked=True))
    ]
    if rows:
        taken = recipients.c.id.in_([one.id for one in rows])
        db.execute(update(recipients).where(taken).values(state="claimed", claimed_at=at))
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
    """Which rows (by id) go out as a WhatsApp template."""
    if templates:
        given = [{"b_id": one, "b_template": template, "b_channel": "whatsapp"} for one, template in templates.items()]
        db.execute(_SET_TEMPLATE_STATEMENT, given)


def apply_changes(db: Transaction, changes: Iterable[RecipientChange], at: datetime) -> None:
    """Write down what became of many rows.  What Twilio says only moves a row forward; an open state is put only on
    a row that is still claimed, because a report may have been faster."""
    all_changes = list(changes)
    forward = [one for one in all_changes if DELIVERY_STATE_RANKS[one.state] > 0]
    back = [one for one in all_changes if DELIVERY_STATE_RANKS[one.state] == 0]
    if forward:
        db.execute(
            _ADVANCE_STATEMENT,
            [{**_bind_change(one, at), "b_rank": DELIVERY_STATE_RANKS[one.state], "b_sid": one.sid} for one in forward],
        )
    if back:
        more = [
            {
                **_bind_change(one, at),
                "b_due": one.due_at,
                "b_looks": one.looks,
                "b_channel": one.channel,
            }
            for one in back
        ]
        db.execute(_RELEASE_CLAIM_STATEMENT, more)


def _bind_change(change: RecipientChange, at: datetime) -> dict[str, Any]:
    told = {"b_code": change.error_code, "b_reason": change.reason}
    return {"b_id": change.id, "b_state": change.state, "b_at": at, **told}


def get_many(db: Transaction, ids: Iterable[str]) -> list[Recipient]:
    """The rows with these ids."""
    query = select(recipients).where(recipients.c.id.in_(tuple(ids)))
    return [build_recipient(row) for row in db.execute(query)]


def find_by_sid(db: Transaction, sid: str) -> Recipient | None:
    """The row that Twilio knows by this SID."""
    row = db.execute(select(recipients).where(recipients.c.sid == sid)).first()
    return build_recipient(row) if row else None


def find_sids_of_others(db: Transaction, sids: Iterable[str], own_id: str) -> set[str]:
    """Those of these SIDs that belong to another row than `own`."""
    query = select(recipients.c.sid).where(recipients.c.sid.in_(tuple(sids)) & (recipients.c.id != own_id))
    return {str(sid) for sid in db.execute(query).scalars()}


def find_newest_for_contact(db: Transaction, contact_id: int, since: datetime) -> Recipient | None:
    """What this contact was sent last, if it was since then."""
    sent = recipients.c.state.in_(("queued", "accepted", "sending", "sent", "delivered", "read"))
    key = (
        (recipients.c.contact_id == contact_id)
        & (recipients.c.kind == "text")
        & sent
        & (recipients.c.moved_at >= since)
    )
    row = db.execute(select(recipients).where(key).order_by(recipients.c.moved_at.desc()).limit(1)).one_or_none()
    return build_recipient(row) if row else None


def has_open(db: Transaction, announcement_id: int) -> bool:
    """Whether anything of it is still to be done."""
    key = (recipients.c.announcement_id == announcement_id) & recipients.c.state.in_(OPEN_DELIVERY_STATES)
    return bool(db.execute(select(exists().where(key))).scalar())


def postpone_waiting(db: Transaction, announcement_id: int, until: datetime) -> None:
    """Nothing that waits leaves before this moment."""
    key = (recipients.c.announcement_id == announcement_id) & (recipients.c.state == "waiting")
    db.execute(update(recipients).where(key & (recipients.c.due_at < until)).values(due_at=until))


def list_held_languages(db: Transaction, announcement_id: int) -> list[str]:
    """The languages whose families wait for an approval."""
    key = (recipients.c.announcement_id == announcement_id) & (recipients.c.state == "held")
    query = select(recipients.c.language).where(key & (recipients.c.reason == "language")).distinct()
    return list(db.execute(query).scalars())


def has_work(db: Transaction, announcement_id: int, at: datetime, lease_ended: datetime) -> bool:
    """Whether a job would find something to do now."""
    due = recipients.c.state.in_(("waiting", "unknown")) & (recipients.c.due_at <= at)
    left = (recipients.c.state == "claimed") & (recipients.c.claimed_at <= lease_ended)
    key = (recipients.c.announcement_id == announcement_id) & (due | left)
    return bool(db.execute(select(exists().where(key))).scalar())


def find_next_due_at(db: Transaction, announcement_id: int) -> datetime | None:
    """When the next open row is due."""
    key = (recipients.c.announcement_id == announcement_id) & recipients.c.state.in_(("waiting", "unknown"))
    return db.execute(select(func.min(recipients.c.due_at)).where(key)).scalar_one_or_none()


def cancel_waiting(db: Transaction, announcement_id: int, limit: int, at: datetime) -> int:
    """Take up to `most` rows that have not left off the plan; how many there were."""
    key = (recipients.c.announcement_id == announcement_id) & recipients.c.state.in_(("waiting", "held"))
    some = select(recipients.c.id).where(key).limit(limit)
    values = {"state": "canceled", "rank": DELIVERY_STATE_RANKS["canceled"], "moved_at": at}
    return db.execute(update(recipients).where(recipients.c.id.in_(some)).values(values)).rowcount


def release_language(db: Transaction, announcement_id: int, language: str, at: datetime) -> int:
    """Send what was held for want of this language's approval; how many families."""
    key = (
        (recipients.c.announcement_id == announcement_id)
        & (recipients.c.state == "held")
        & (recipients.c.reason == "language")
        & (recipients.c.language == language)
    )
    values = {"state": "waiting", "reason": "", "due_at": at, "moved_at": at}
    return db.execute(update(recipients).where(key).values(values)).rowcount


def is_newest(announcement_id: int) -> ColumnElement[bool]:
    """Whether no later try of the same family is there."""
    later = recipients.alias()
    return ~exists().where(
        (later.c.announcement_id == literal(announcement_id))
        & (later.c.family_id == recipients.c.family_id)
        & (later.c.kind == recipients.c.kind)
        & (later.c.round > recipients.c.round)
    )


def build_recipient(row: Row[Any]) -> Recipient:
    """A row as read."""
    given = dict(row._mapping)
    given.pop("rank")
    return Recipient(**given)
