"""Needs: what would help a family to send its child, with somebody who owns it, a day, and what was done.

The family's own words are masked before and sealed here; the figures read only the kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, get_args

from sqlalchemy import Column, Date, Integer, String, Table, Text, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store import audit_log
from bot.store.cases import cases
from bot.store.families import record_keys
from bot.store.families.record_keys import Decryptor, Encryptor

SupportNeedKind = Literal["bus", "together", "call", "home", "other"]
SUPPORT_NEED_KINDS: tuple[SupportNeedKind, ...] = get_args(SupportNeedKind)
"""A ride; somebody to walk with; a call; school work for home; something else."""
SupportNeedOutcome = Literal["arranged", "referred", "not possible", "not needed"]
SUPPORT_NEED_OUTCOMES: tuple[SupportNeedOutcome, ...] = get_args(SupportNeedOutcome)

support_needs = Table(
    "needs",
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
    Column("told_at", UtcDateTime),
    Column("outcome", String(16)),
    Column("sealed_done", Text),
    Column("closed_by", String(64)),
    Column("closed_at", UtcDateTime),
)
"""`told_at`: when the owner was told that it is overdue; `sealed_done`: what was done, in the words of staff."""


@dataclass(frozen=True)
class NewSupportNeed:
    """A need as it is named; `words` may be empty."""

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
    """A need; open while `closed_at` is None."""

    id: int
    case_id: int
    school: str | None
    kind: str
    words: str
    language: str
    owner: str
    due_on: date
    outcome: str | None
    outcome_note: str
    closed_by: str | None
    closed_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to see to it."""
        return self.closed_at is None


@dataclass(frozen=True)
class CountedSupportNeed:
    """One need as the figures count it."""

    day: date
    kind: str
    closed_at: datetime | None
    school: str | None = None


def add(db: Transaction, new: NewSupportNeed, at: datetime) -> bool:
    """Write it down; False if this message did so before, or the same need of the case is open already."""
    same = (
        (support_needs.c.case_id == new.case_id)
        & (support_needs.c.kind == new.kind)
        & support_needs.c.closed_at.is_(None)
    )
    if new.kind != "other" and db.execute(select(support_needs.c.id).where(same)).first() is not None:
        return False
    row = {name: value for name, value in vars(new).items() if name != "words"}
    row["sealed_words"] = (
        _get_encryptor(db, new.contact_id, new.case_id).encrypt(new.words, build_context(new.cause, "words"))
        if new.words
        else None
    )
    try:
        with db.begin_nested():
            db.execute(insert(support_needs).values(**row, created_at=at))
    except IntegrityError:
        return False
    return True


def list_open(db: Transaction) -> list[SupportNeed]:
    """All open needs, the one that is due first first."""
    query = (
        select(support_needs)
        .where(support_needs.c.closed_at.is_(None))
        .order_by(support_needs.c.due_on, support_needs.c.id)
    )
    rows = db.execute(query).all()
    opens = record_keys.get_decryptor(db, (row.sealed_words for row in rows))
    return [_build_need(row, opens) for row in rows]


def list_for_case(db: Transaction, case_id: int) -> list[SupportNeed]:
    """The needs of a case, open and done, in the order in which they were named."""
    query = select(support_needs).where(support_needs.c.case_id == case_id).order_by(support_needs.c.id)
    return [_build_need(row, record_keys.get_decryptor(db)) for row in db.execute(query)]


def find(db: Transaction, need_id: int) -> SupportNeed | None:
    """The need with this number, if there is one."""
    row = db.execute(select(support_needs).where(support_needs.c.id == need_id)).one_or_none()
    return _build_need(row, record_keys.get_decryptor(db)) if row else None


def close(db: Transaction, need: SupportNeed, result: tuple[SupportNeedOutcome, str], by: str, at: datetime) -> bool:
    """It is done, and how (`words` of staff may be empty); False if somebody said so before."""
    outcome, words = result
    cause, contact = db.execute(
        select(support_needs.c.cause, support_needs.c.contact_id).where(support_needs.c.id == need.id)
    ).one()
    sealed = _get_encryptor(db, contact, need.case_id).encrypt(words, build_context(cause, "done")) if words else None
    values = {"outcome": outcome, "sealed_done": sealed, "closed_by": by, "closed_at": at}
    key = (support_needs.c.id == need.id) & support_needs.c.closed_at.is_(None)
    if db.execute(update(support_needs).where(key).values(values)).rowcount != 1:
        return False
    audit_log.record(db, by, "closed a need", f"case {need.case_id}", at, outcome)
    return True


def claim_overdue(db: Transaction, today: date, at: datetime) -> Sequence[tuple[str, int]]:
    """(owner, need) of each that is past its day and whose owner was not told yet; each is given out once."""
    late = support_needs.c.closed_at.is_(None) & (support_needs.c.due_on < today) & support_needs.c.told_at.is_(None)
    found = db.execute(select(support_needs.c.id, support_needs.c.owner).where(late).order_by(support_needs.c.id)).all()
    mine = []
    for row in found:
        key = (support_needs.c.id == row.id) & support_needs.c.told_at.is_(None) & support_needs.c.closed_at.is_(None)
        if db.execute(update(support_needs).where(key).values(told_at=at)).rowcount == 1:
            mine.append((str(row.owner), int(row.id)))
    return mine


def list_between(db: Transaction, first: date, last: date) -> list[CountedSupportNeed]:
    """The needs that were named on these days, for the figures."""
    query = select(support_needs.c.day, support_needs.c.kind, support_needs.c.closed_at, support_needs.c.school).where(
        support_needs.c.day >= first, support_needs.c.day <= last
    )
    return [CountedSupportNeed(row.day, row.kind, row.closed_at, row.school) for row in db.execute(query)]


def anonymize_closed_before(db: Transaction, before: datetime) -> int:
    """Older needs that are done lose the family and all words; how many."""
    old = (
        support_needs.c.closed_at.is_not(None)
        & (support_needs.c.closed_at < before)
        & support_needs.c.contact_id.is_not(None)
    )
    values = {"contact_id": None, "case_id": 0, "sealed_words": None, "sealed_done": None}
    return db.execute(update(support_needs).where(old).values(values)).rowcount


def anonymize_contact(db: Transaction, contact_id: int, at: datetime) -> None:
    """A family is erased: its needs stay as figures, without words and case; nobody is asked to see to them."""
    mine = support_needs.c.contact_id == contact_id
    over = {"outcome": "not needed", "closed_by": "erased", "closed_at": at}
    db.execute(update(support_needs).where(mine & support_needs.c.closed_at.is_(None)).values(over))
    values = {"contact_id": None, "case_id": 0, "sealed_words": None, "sealed_done": None}
    db.execute(update(support_needs).where(mine).values(values))


def _get_encryptor(db: Transaction, contact_id: int | None, case_id: int) -> Encryptor:
    return record_keys.get_encryptor(db, contact_id) if contact_id is not None else cases.get_encryptor(db, case_id)


def _build_need(row: Row[Any], decryptor: Decryptor) -> SupportNeed:
    def read(sealed: str | None, part: str) -> str:
        return decryptor.decrypt(sealed, build_context(row.cause, part)) if sealed else ""

    names = SupportNeed.__dataclass_fields__.keys() - {"words", "outcome_note"}
    plain = {name: getattr(row, name) for name in names}
    return SupportNeed(words=read(row.sealed_words, "words"), outcome_note=read(row.sealed_done, "done"), **plain)


def build_context(cause: str, part: str) -> str:
    return f"need:{part}:{cause}"
