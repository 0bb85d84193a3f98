"""Approvals of announcements.

An approval covers one exact text and audience. After a change, the announcement needs new approvals.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ForeignKey, String, Table, UniqueConstraint, select

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.unique_rows import insert_if_new

approvals = Table(
    "announcement_approvals",
    metadata,
    Column("announcement_id", ForeignKey("announcements.id"), nullable=False),
    Column("by", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("announcement_id", "by", "digest"),
)


@dataclass(frozen=True)
class Approval:
    """One approval.

    `digest` is the hash of the approved text and audience.
    """

    by: str
    digest: str
    at: datetime


def add(db: Transaction, announcement_id: int, approval: Approval) -> None:
    """Store the approval.

    A repeat adds no row.
    """
    insert_if_new(db, approvals, {"announcement_id": announcement_id, **vars(approval)})


def list_for_announcement(db: Transaction, announcement_id: int) -> list[Approval]:
    """Return all approvals of the announcement, oldest first."""
    query = select(approvals).where(approvals.c.announcement_id == announcement_id).order_by(approvals.c.at)
    return [Approval(row.by, row.digest, row.at) for row in db.execute(query)]
