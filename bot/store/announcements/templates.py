"""Announcements that wait ready for a bad day: per school two drafts, approved long before, released by two people.

The draft itself never leaves: a release is a copy of it (bot/announcements/templates.py), so that it is there another
day.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ForeignKey, Integer, String, Table, UniqueConstraint, insert, or_, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata

AGENTS_WERE_HERE, AGENTS_HAVE_LEFT = "were_here", "have_left"

announcement_templates = Table(
    "ready_made",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("announcement_id", ForeignKey("announcements.id"), nullable=False, unique=True),
    Column("school", String(48), nullable=False),
    Column("what", String(12), nullable=False),
    Column("proposed_by", String(64)),
    Column("proposed_at", UtcDateTime),
    Column("released_by", String(64)),
    Column("released_at", UtcDateTime),
    Column("released_id", Integer),
    UniqueConstraint("school", "what"),
)

PROPOSAL_LIFETIME = timedelta(minutes=30)
"""So long a proposal waits for the second person; then somebody must look again."""
MIN_TIME_BETWEEN_RELEASES = timedelta(minutes=30)
"""So long after a release the same is not released again: two pairs of people must not send it twice."""


@dataclass(frozen=True)
class AnnouncementTemplate:
    """One that waits.  `released_id` is the newest copy that was sent."""

    id: int
    announcement_id: int
    school: str
    what: str
    proposed_by: str | None
    proposed_at: datetime | None
    released_by: str | None
    released_at: datetime | None
    released_id: int | None

    def is_proposed_at(self, at: datetime) -> bool:
        """Whether somebody waits for a second person now."""
        return self.proposed_at is not None and self.proposed_at > at - PROPOSAL_LIFETIME

    def is_recently_released(self, at: datetime) -> bool:
        """Whether it was sent so lately that it cannot be sent again."""
        return self.released_at is not None and self.released_at > at - MIN_TIME_BETWEEN_RELEASES


def add(db: Transaction, announcement_id: int, school: str, kind: str) -> bool:
    """Make this draft the ready one; False if the school has one."""
    try:
        with db.begin_nested():
            db.execute(insert(announcement_templates).values(announcement_id=announcement_id, school=school, what=kind))
    except IntegrityError:
        return False
    return True


def list_all(db: Transaction) -> list[AnnouncementTemplate]:
    """All of them."""
    return [
        _build_template(row) for row in db.execute(select(announcement_templates).order_by(announcement_templates.c.id))
    ]


def find(db: Transaction, template_id: int) -> AnnouncementTemplate | None:
    """The one with this number, if there is one."""
    row = db.execute(select(announcement_templates).where(announcement_templates.c.id == template_id)).one_or_none()
    return _build_template(row) if row else None


def is_template(db: Transaction, announcement_id: int) -> bool:
    """Whether this draft is a ready-made one."""
    query = select(announcement_templates.c.id).where(announcement_templates.c.announcement_id == announcement_id)
    return db.execute(query).first() is not None


def propose(db: Transaction, template_id: int, by: str, at: datetime) -> bool:
    """The first of two people; False if somebody has proposed it, or it has just been released."""
    nobody = or_(
        announcement_templates.c.proposed_at.is_(None), announcement_templates.c.proposed_at <= at - PROPOSAL_LIFETIME
    )
    key = (announcement_templates.c.id == template_id) & nobody & _match_releasable(at)
    return db.execute(update(announcement_templates).where(key).values(proposed_by=by, proposed_at=at)).rowcount == 1


def confirm(db: Transaction, template: AnnouncementTemplate, by: str, at: datetime) -> bool:
    """The second: somebody else; False if that is the same person, or the proposal is gone or too old."""
    key = (announcement_templates.c.id == template.id) & (announcement_templates.c.proposed_by == template.proposed_by)
    key &= (announcement_templates.c.proposed_at == template.proposed_at) & (
        announcement_templates.c.proposed_at > at - PROPOSAL_LIFETIME
    )
    key &= (announcement_templates.c.proposed_by != by) & _match_releasable(at)
    values = {"proposed_by": None, "proposed_at": None, "released_by": by, "released_at": at}
    return db.execute(update(announcement_templates).where(key).values(values)).rowcount == 1


def set_released_copy(db: Transaction, template_id: int, announcement_id: int) -> None:
    """Which announcement it became this time."""
    db.execute(
        update(announcement_templates)
        .where(announcement_templates.c.id == template_id)
        .values(released_id=announcement_id)
    )


def withdraw_proposal(db: Transaction, template_id: int) -> bool:
    """The proposal is taken back; False if there was none."""
    key = (announcement_templates.c.id == template_id) & announcement_templates.c.proposed_at.is_not(None)
    return (
        db.execute(update(announcement_templates).where(key).values(proposed_by=None, proposed_at=None)).rowcount == 1
    )


def _match_releasable(at: datetime):  # type: ignore[no-untyped-def]  # SQLAlchemy's own condition
    return or_(
        announcement_templates.c.released_at.is_(None),
        announcement_templates.c.released_at <= at - MIN_TIME_BETWEEN_RELEASES,
    )


def _build_template(row: Row[Any]) -> AnnouncementTemplate:
    return AnnouncementTemplate(**row._mapping)
