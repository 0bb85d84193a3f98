"""Announcement templates: two approved drafts per school, which two people release on the day they are needed.

The draft itself is never sent. A release is a copy of it (bot/announcements/templates.py), so that the draft can be
used again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import Column, ForeignKey, Integer, String, Table, UniqueConstraint, or_, select, update
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.unique_rows import insert_if_new

AGENTS_WERE_HERE, AGENTS_HAVE_LEFT = "were_here", "have_left"

announcement_templates = Table(
    "announcement_templates",
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
"""How long a proposal waits for the second person."""
MIN_TIME_BETWEEN_RELEASES = timedelta(minutes=30)
"""After a release, the time in which the same template cannot be released again by another two people."""


@dataclass(frozen=True)
class AnnouncementTemplate:
    """A template.

    `released_id` is the ID of the newest copy that was sent.
    """

    id: int
    announcement_id: int
    school: str
    what: str
    proposed_by: str | None
    proposed_at: datetime | None
    released_by: str | None
    released_at: datetime | None
    released_id: int | None

    def is_proposed_at(self, now: datetime) -> bool:
        """Return whether a proposal waits for the second person at this time."""
        return self.proposed_at is not None and self.proposed_at > now - PROPOSAL_LIFETIME

    def is_recently_released(self, now: datetime) -> bool:
        """Return whether the last release is too recent for another one."""
        return self.released_at is not None and self.released_at > now - MIN_TIME_BETWEEN_RELEASES

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Build the announcement template from its row."""
        return cls(**row._mapping)


def add(db: Transaction, announcement_id: int, school: str, kind: str) -> bool:
    """Make this draft a template.

    Returns False if the school has one of this kind.
    """
    row = {"announcement_id": announcement_id, "school": school, "what": kind}
    return insert_if_new(db, announcement_templates, row) is not None


def list_all(db: Transaction) -> list[AnnouncementTemplate]:
    """Return all templates."""
    query = select(announcement_templates).order_by(announcement_templates.c.id)
    return [AnnouncementTemplate.from_row(row) for row in db.execute(query)]


def find(db: Transaction, template_id: int) -> AnnouncementTemplate | None:
    """Return the template with this ID, or None."""
    row = db.execute(select(announcement_templates).where(announcement_templates.c.id == template_id)).one_or_none()
    return AnnouncementTemplate.from_row(row) if row else None


def is_template(db: Transaction, announcement_id: int) -> bool:
    """Return whether this draft is a template."""
    query = select(announcement_templates.c.id).where(announcement_templates.c.announcement_id == announcement_id)
    return db.execute(query).first() is not None


def propose(db: Transaction, template_id: int, by: str, now: datetime) -> bool:
    """Record the first of the two people who release it.

    Returns False if a proposal waits, or if the last release is too recent.
    """
    is_not_proposed = or_(
        announcement_templates.c.proposed_at.is_(None), announcement_templates.c.proposed_at <= now - PROPOSAL_LIFETIME
    )
    key = (announcement_templates.c.id == template_id) & is_not_proposed & _match_releasable(now)
    return db.execute(update(announcement_templates).where(key).values(proposed_by=by, proposed_at=now)).rowcount == 1


def confirm(db: Transaction, template: AnnouncementTemplate, by: str, now: datetime) -> bool:
    """Record the second person who releases it.

    Returns False if it is the same person, or if the proposal was withdrawn, replaced, or expired.
    """
    key = (announcement_templates.c.id == template.id) & _match_releasable(now)
    key &= announcement_templates.c.proposed_by == template.proposed_by
    key &= announcement_templates.c.proposed_by != by
    key &= announcement_templates.c.proposed_at == template.proposed_at
    key &= announcement_templates.c.proposed_at > now - PROPOSAL_LIFETIME
    values = {"proposed_by": None, "proposed_at": None, "released_by": by, "released_at": now}
    return db.execute(update(announcement_templates).where(key).values(values)).rowcount == 1


def set_released_copy(db: Transaction, template_id: int, announcement_id: int) -> None:
    """Set the announcement that was released from this template."""
    db.execute(
        update(announcement_templates)
        .where(announcement_templates.c.id == template_id)
        .values(released_id=announcement_id)
    )


def withdraw_proposal(db: Transaction, template_id: int) -> bool:
    """Withdraw the proposal.

    Returns False if there was none.
    """
    key = (announcement_templates.c.id == template_id) & announcement_templates.c.proposed_at.is_not(None)
    values = {"proposed_by": None, "proposed_at": None}
    return db.execute(update(announcement_templates).where(key).values(values)).rowcount == 1


def _match_releasable(now: datetime):  # type: ignore[no-untyped-def]  # SQLAlchemy's own condition
    return or_(
        announcement_templates.c.released_at.is_(None),
        announcement_templates.c.released_at <= now - MIN_TIME_BETWEEN_RELEASES,
    )
