"""Referrals: which partner a family was referred to, for which case, and whether it helped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import Column, ForeignKey, Integer, String, Table, func, select, update

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.unique_rows import insert_if_new

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

ReferralOutcome = Literal["helped", "not_helped", "not_reached"]
REFERRAL_OUTCOMES: tuple[ReferralOutcome, ...] = get_args(ReferralOutcome)
NOT_ANSWERED = "not_answered"


@dataclass(frozen=True)
class Referral:
    """A referral of a family to a partner.

    `outcome` is None until the family answers.
    """

    id: int
    partner: str
    by: str
    at: datetime
    outcome: ReferralOutcome | None


def add(db: Transaction, cause: str, case_id: int, partner: str, by: str, now: datetime) -> int | None:
    """Store the referral and return its ID.

    Returns None for a repeat of the same form.
    """
    row = {"cause": cause, "case_id": case_id, "partner": partner, "by": by, "at": now}
    new_row = insert_if_new(db, referrals, row)
    return None if new_row is None else int(new_row.id)


def list_for_case(db: Transaction, case_id: int) -> Sequence[Referral]:
    """Return the referrals of a case, oldest first."""
    rows = db.execute(select(referrals).where(referrals.c.case_id == case_id).order_by(referrals.c.id))
    return [Referral(row.id, row.partner, row.by, row.at, row.outcome) for row in rows]


def record_outcome(db: Transaction, case_id: int, outcome: ReferralOutcome, now: datetime) -> bool:
    """Record the family's answer about the newest referral of the case.

    Returns False if the family answered before, or if the case has no referral.
    """
    newest = select(func.max(referrals.c.id)).where(referrals.c.case_id == case_id).scalar_subquery()
    key = (referrals.c.id == newest) & referrals.c.outcome.is_(None)
    return db.execute(update(referrals).where(key).values(outcome=outcome, answered_at=now)).rowcount == 1


def count_by_outcome(db: Transaction) -> Mapping[tuple[str, str], int]:
    """Return (partner, outcome) → number of referrals.

    Referrals without an answer count as `NOT_ANSWERED`.
    """
    columns = (referrals.c.partner, referrals.c.outcome)
    query = select(*columns, func.count()).group_by(*columns)
    return {(partner, outcome or NOT_ANSWERED): int(count) for partner, outcome, count in db.execute(query)}
