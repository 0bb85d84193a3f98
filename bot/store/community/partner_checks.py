"""Checks of partners by phone: who called, when, and whether number and hours were right."""

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
    Column("is_number_correct", Boolean, nullable=False),
    Column("on_day", Date, nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True)
class PartnerCheck:
    """One call to a partner.

    The check covers only the number in `phone`. `checked_on` is a day in the district's time zone.
    """

    partner: str
    phone: str
    is_number_correct: bool
    checked_on: date
    by: str
    at: datetime


def add(db: Transaction, check: PartnerCheck) -> None:
    """Store a check.

    Earlier checks stay.
    """
    row = {
        "partner": check.partner,
        "phone": check.phone,
        "is_number_correct": check.is_number_correct,
        "on_day": check.checked_on,
    }
    db.execute(insert(partner_checks).values(**row, by=check.by, at=check.at))


def list_newest(db: Transaction) -> Sequence[PartnerCheck]:
    """Return the newest check of each partner and number."""
    last = select(func.max(partner_checks.c.id)).group_by(partner_checks.c.partner, partner_checks.c.phone)
    rows = db.execute(select(partner_checks).where(partner_checks.c.id.in_(last)).order_by(partner_checks.c.id))
    return [PartnerCheck(row.partner, row.phone, row.is_number_correct, row.on_day, row.by, row.at) for row in rows]
