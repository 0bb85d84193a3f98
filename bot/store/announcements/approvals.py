"""Who approved an announcement, as it read then: any change of words or audience asks for new approvals."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ForeignKey, String, Table, UniqueConstraint, insert, select
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata

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
    """`digest` is of all that was approved."""

    by: str
    digest: str
    at: datetime


def add(db: Transaction, announcement_id: int, approval: Approval) -> None:
    """Write it down; once, however often it is clicked."""
    try:
        with db.begin_nested():
            db.execute(insert(approvals).values(announcement_id=announcement_id, **vars(approval)))
    except IntegrityError:
        pass


def list_for_announcement(db: Transaction, announcement_id: int) -> list[Approval]:
    """All that were ever given, oldest first."""
    query = select(approvals).where(approvals.c.announcement_id == announcement_id).order_by(approvals.c.at)
    return [Approval(row.by, row.digest, row.at) for row in db.execute(query)]
