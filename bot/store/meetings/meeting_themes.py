"""Themes that staff heard at and after a meeting, and how often each came up."""

from collections import Counter
from datetime import datetime

from sqlalchemy import Column, ForeignKey, Integer, String, Table, UniqueConstraint, select

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.unique_rows import insert_if_new

meeting_themes = Table(
    "meeting_themes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("meeting_id", ForeignKey("meetings.id"), nullable=False, index=True),
    Column("theme", String(80), nullable=False),
    Column("case_id", Integer),
    Column("by", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("meeting_id", "theme", "case_id"),
)
"""`case_id` is the family's answer that contains the theme. It is empty for what staff heard at the meeting."""


def add(db: Transaction, meeting_id: int, theme: str, case_id: int | None, by: str, now: datetime) -> None:
    """Store a theme.

    A repeat for the same answer adds no row.
    """
    row = {"meeting_id": meeting_id, "theme": theme, "case_id": case_id, "by": by, "at": now}
    insert_if_new(db, meeting_themes, row)


def count_by_theme(db: Transaction, meeting_id: int) -> list[tuple[str, int]]:
    """Return each theme with its count, highest count first."""
    query = select(meeting_themes.c.theme).where(meeting_themes.c.meeting_id == meeting_id)
    counts = Counter(db.execute(query).scalars())
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def list_by_case(db: Transaction, meeting_id: int) -> dict[int, list[str]]:
    """Return the themes of each answer, by case ID."""
    key = (meeting_themes.c.meeting_id == meeting_id) & meeting_themes.c.case_id.is_not(None)
    themes: dict[int, list[str]] = {}
    query = select(meeting_themes.c.case_id, meeting_themes.c.theme).where(key).order_by(meeting_themes.c.id)
    for row in db.execute(query):
        themes.setdefault(int(row.case_id), []).append(row.theme)
    return themes
