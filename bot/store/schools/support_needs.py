"""Support needs: what would help a child attend, with an owner, a due date, and the outcome.

The family's words are masked and encrypted. Statistics read only the kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Self, get_args

from sqlalchemy import Column, Date, Integer, String, Table, Text, select, update
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store import audit_log
from bot.store.cases import cases
from bot.store.families import record_keys
from bot.store.families.record_keys import Decryptor, Encryptor
from bot.store.unique_rows import insert_if_new

SupportNeedKind = Literal["bus", "together", "call", "home", "other"]
SUPPORT_NEED_KINDS: tuple[SupportNeedKind, ...] = get_args(SupportNeedKind)
"""A ride, someone to walk with, a call, school work at home, or something else."""
SupportNeedOutcome = Literal["arranged", "referred", "not possible", "not needed"]
SUPPORT_NEED_OUTCOMES: tuple[SupportNeedOutcome, ...] = get_args(SupportNeedOutcome)

support_needs = Table(
    "support_needs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cause", String(80), nullable=False, unique=True),
    Column("case_id", Integer, nullable=False, index=True),
    Column("contact_id", Integer, index=True),
    Column("school", String(48)),
    Column("kind", String(12), nullable=False),
    Column("sealed_words", Text),
    Column("language", String(8), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("due_on", Date, nullable=False, index=True),
    Column("day", Date, nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("owner_notified_at", UtcDateTime),
    Column("outcome", String(16)),
    Column("sealed_done", Text),
    Column("closed_by", String(64)),
    Column("closed_at", UtcDateTime),
)
"""`owner_notified_at` is when the owner was notified that the need is overdue. `sealed_done` is the note of staff."""


@dataclass(frozen=True)
class NewSupportNeed:
    """A need to store.

    `words` may be empty.
    """

    cause: str
    case_id: int
    contact_id: int | None
    school: str | None
    kind: SupportNeedKind
    words: str
    language: str
    owner: str
    due_on: date
    day: date


@dataclass(frozen=True)
class SupportNeed:
    """A need, which is open while `closed_at` is None."""

    id: int
    case_id: int
    school: str | None
    kind: SupportNeedKind
    words: str
    language: str
    owner: str
    due_on: date
    outcome: SupportNeedOutcome | None
    outcome_note: str
    closed_by: str | None
    closed_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Return whether a person still has to handle the need."""
        return self.closed_at is None

    @classmethod
    def from_row(cls, row: Row[Any], decryptor: Decryptor) -> Self:
        """Build the support need from its row."""

        def read(encrypted: str | None, part: str) -> str:
            return decryptor.decrypt(encrypted, build_context(row.cause, part)) if encrypted else ""

        names = cls.__dataclass_fields__.keys() - {"words", "outcome_note"}
        columns = {name: getattr(row, name) for name in names}
        return cls(words=read(row.sealed_words, "words"), outcome_note=read(row.sealed_done, "done"), **columns)


@dataclass(frozen=True)
class CountedSupportNeed:
    """One need for the statistics."""

    day: date
    kind: SupportNeedKind
    closed_at: datetime | None
    school: str | None = None


def add(db: Transaction, new: NewSupportNeed, now: datetime) -> bool:
    """Store the need.

    Returns False for a repeat of the same message, or if the case has an open need of this kind.
    """
    is_same = (
        (support_needs.c.case_id == new.case_id)
        & (support_needs.c.kind == new.kind)
        & support_needs.c.closed_at.is_(None)
    )
    if new.kind != "other" and db.execute(select(support_needs.c.id).where(is_same)).first() is not None:
        return False
    row = {name: value for name, value in vars(new).items() if name != "words"}
    row["sealed_words"] = None
    if new.words:
        encryptor = _get_encryptor(db, new.contact_id, new.case_id)
        row["sealed_words"] = encryptor.encrypt(new.words, build_context(new.cause, "words"))
    return insert_if_new(db, support_needs, {**row, "created_at": now}) is not None


def list_open(db: Transaction) -> list[SupportNeed]:
    """Return the open needs, earliest due date first."""
    query = (
        select(support_needs)
        .where(support_needs.c.closed_at.is_(None))
        .order_by(support_needs.c.due_on, support_needs.c.id)
    )
    rows = db.execute(query).all()
    decryptor = record_keys.get_decryptor(db, (row.sealed_words for row in rows))
    return [SupportNeed.from_row(row, decryptor) for row in rows]


def list_for_case(db: Transaction, case_id: int) -> list[SupportNeed]:
    """Return all needs of a case, oldest first."""
    query = select(support_needs).where(support_needs.c.case_id == case_id).order_by(support_needs.c.id)
    return [SupportNeed.from_row(row, record_keys.get_decryptor(db)) for row in db.execute(query)]


def find(db: Transaction, need_id: int) -> SupportNeed | None:
    """Return the need with this ID, or None."""
    row = db.execute(select(support_needs).where(support_needs.c.id == need_id)).one_or_none()
    return SupportNeed.from_row(row, record_keys.get_decryptor(db)) if row else None


def close(db: Transaction, need: SupportNeed, result: tuple[SupportNeedOutcome, str], by: str, now: datetime) -> bool:
    """Close the need with its outcome and a note, which may be empty.

    Returns False if it was closed before.
    """
    outcome, note = result
    query = select(support_needs.c.cause, support_needs.c.contact_id).where(support_needs.c.id == need.id)
    cause, contact_id = db.execute(query).one()
    values: dict[str, object] = {"outcome": outcome, "sealed_done": None, "closed_by": by, "closed_at": now}
    if note:
        encryptor = _get_encryptor(db, contact_id, need.case_id)
        values["sealed_done"] = encryptor.encrypt(note, build_context(cause, "done"))
    key = (support_needs.c.id == need.id) & support_needs.c.closed_at.is_(None)
    if db.execute(update(support_needs).where(key).values(values)).rowcount != 1:
        return False
    audit_log.record(db, by, "closed a need", f"case {need.case_id}", now, outcome)
    return True


def claim_overdue(db: Transaction, today: date, now: datetime) -> Sequence[tuple[str, int]]:
    """Return (owner, need ID) of each overdue need whose owner was not notified.

    Each need is returned once.
    """
    is_overdue = (
        support_needs.c.closed_at.is_(None)
        & (support_needs.c.due_on < today)
        & support_needs.c.owner_notified_at.is_(None)
    )
    rows = db.execute(
        select(support_needs.c.id, support_needs.c.owner).where(is_overdue).order_by(support_needs.c.id)
    ).all()
    claimed_needs = []
    for row in rows:
        key = (
            (support_needs.c.id == row.id)
            & support_needs.c.owner_notified_at.is_(None)
            & support_needs.c.closed_at.is_(None)
        )
        if db.execute(update(support_needs).where(key).values(owner_notified_at=now)).rowcount == 1:
            claimed_needs.append((str(row.owner), int(row.id)))
    return claimed_needs


def list_between(db: Transaction, first: date, last: date) -> list[CountedSupportNeed]:
    """Return the needs that families named on these days, for the statistics."""
    query = select(support_needs.c.day, support_needs.c.kind, support_needs.c.closed_at, support_needs.c.school).where(
        support_needs.c.day >= first, support_needs.c.day <= last
    )
    return [CountedSupportNeed(row.day, row.kind, row.closed_at, row.school) for row in db.execute(query)]


def anonymize_closed_before(db: Transaction, before: datetime) -> int:
    """Remove the family and the texts from needs closed before this time, and return their number."""
    key = (
        support_needs.c.closed_at.is_not(None)
        & (support_needs.c.closed_at < before)
        & support_needs.c.contact_id.is_not(None)
    )
    values = {"contact_id": None, "case_id": 0, "sealed_words": None, "sealed_done": None}
    return db.execute(update(support_needs).where(key).values(values)).rowcount


def anonymize_contact(db: Transaction, contact_id: int, now: datetime) -> None:
    """Close the open needs of an erased contact, and remove the family and the texts from all of them."""
    key = support_needs.c.contact_id == contact_id
    closed_values = {"outcome": "not needed", "closed_by": "erased", "closed_at": now}
    db.execute(update(support_needs).where(key & support_needs.c.closed_at.is_(None)).values(closed_values))
    values = {"contact_id": None, "case_id": 0, "sealed_words": None, "sealed_done": None}
    db.execute(update(support_needs).where(key).values(values))


def _get_encryptor(db: Transaction, contact_id: int | None, case_id: int) -> Encryptor:
    if contact_id is not None:
        return record_keys.get_encryptor(db, contact_id)
    return cases.get_encryptor(db, case_id)


def build_context(cause: str, part: str) -> str:
    return f"need:{part}:{cause}"
