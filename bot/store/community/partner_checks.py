"""Who called an organization of the district's list, when, and whether number and hours were right."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Boolean, Column, Date, Integer, String, Table, func, insert, select

from bot.base.database import Transaction, UtcDateTime, metadata

partner_checks = Table(
    "partner_checks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("partner", String(64), nullable=False, index=True),
    Column("phone", String(24), nullable=False),
    Column("right", Boolean, nullable=False),
    Column("on_day", Date, nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True)
class PartnerCheck:
    """One call.  `phone` is the number that was called: a check vouches for that number and no other.

    `checked_on` is the day on the district's clocks.
    """

    partner: str
    phone: str
    right: bool
    checked_on: date
    by: str
    at: datetime


def add(db: Transaction, check: PartnerCheck) -> None:
    """Write a call down; nothing of before is overwritten."""
    row = {"partner": check.partner, "phone": check.phone, "right": check.right, "on_day": check.checked_on}
    db.execute(insert(partner_checks).values(**row, by=check.by, at=check.at))


def list_newest(db: Transaction) -> Sequence[PartnerCheck]:
    """The last call to each organization and number."""
    last = select(func.max(partner_checks.c.id)).group_by(partner_checks.c.partner, partner_checks.c.phone)
    rows = db.execute(select(partner_checks).where(partner_checks.c.id.in_(last)).order_by(partner_checks.c.id))
    return [PartnerCheck(row.partner, row.phone, row.right, row.on_day, row.by, row.at) for row in rows]
