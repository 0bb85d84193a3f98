"""Referrals: which organization a family was told of, for which case, and what it says of it later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ForeignKey, Integer, String, Table, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata

referrals = Table(
    "referrals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cause", String(80), nullable=False, unique=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False, index=True),
    Column("partner", String(64), nullable=False, index=True),
    Column("by", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("outcome", String(16)),
    Column("answered_at", UtcDateTime),
)

REFERRAL_OUTCOMES = ("helped", "not_helped", "not_reached")
NOT_ANSWERED = "not_answered"


@dataclass(frozen=True)
class Referral:
    """`outcome` is one of `OUTCOMES`, or None until the family has answered."""

    id: int
    partner: str
    by: str
    at: datetime
    outcome: str | None


def add(db: Transaction, cause: str, case_id: int, partner: str, by: str, at: datetime) -> int | None:
    """The number of a new referral; None for a repeat of the same form."""
    row = {"cause": cause, "case_id": case_id, "partner": partner, "by": by, "at": at}
    try:
        with db.begin_nested():
            return int(db.execute(insert(referrals).values(row).returning(referrals.c.id)).scalar_one())
    except IntegrityError:
        return None


def list_for_case(db: Transaction, case_id: int) -> Sequence[Referral]:
    """What a family was told of, in order."""
    rows = db.execute(select(referrals).where(referrals.c.case_id == case_id).order_by(referrals.c.id))
    return [Referral(row.id, row.partner, row.by, row.at, row.outcome) for row in rows]


def record_outcome(db: Transaction, case_id: int, outcome: str, at: datetime) -> bool:
    """What the family says of the newest referral of its case; False if it has said so before, or there is none."""
    newest = select(func.max(referrals.c.id)).where(referrals.c.case_id == case_id).scalar_subquery()
    key = (referrals.c.id == newest) & referrals.c.outcome.is_(None)
    return db.execute(update(referrals).where(key).values(outcome=outcome, answered_at=at)).rowcount == 1


def count_by_outcome(db: Transaction) -> Mapping[tuple[str, str], int]:
    """(partner, outcome) → how many families; those that have not answered under `NOT_ANSWERED`."""
    query = select(referrals.c.partner, referrals.c.outcome, func.count()).group_by(
        referrals.c.partner, referrals.c.outcome
    )
    return {(partner, outcome or NOT_ANSWERED): int(number) for partner, outcome, number in db.execute(query)}
