"""What was heard at and after a gathering, in the words of staff: a theme, and how often it came up."""

from collections import Counter
from datetime import datetime

from sqlalchemy import Column, ForeignKey, Integer, String, Table, UniqueConstraint, insert, select
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata

meeting_themes = Table(
    "gathering_themes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("gathering_id", ForeignKey("gatherings.id"), nullable=False, index=True),
    Column("theme", String(80), nullable=False),
    Column("case_id", Integer),
    Column("by", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("gathering_id", "theme", "case_id"),
)
"""`case_id`: the answer that holds it; none for what somebody heard at the gathering itself."""


def add(db: Transaction, meeting_id: int, theme: str, case_id: int | None, by: str, at: datetime) -> None:
    """Write a theme down; once for each answer."""
    row = {"gathering_id": meeting_id, "theme": theme, "case_id": case_id, "by": by, "at": at}
    try:
        with db.begin_nested():
            db.execute(insert(meeting_themes).values(row))
    except IntegrityError:
        pass  # noted before


def count_by_theme(db: Transaction, meeting_id: int) -> list[tuple[str, int]]:
    """Each theme with how often it was noted, the most frequent first."""
    found = Counter(
        db.execute(select(meeting_themes.c.theme).where(meeting_themes.c.gathering_id == meeting_id)).scalars()
    )
    return sorted(found.items(), key=lambda one: (-one[1], one[0]))


def list_by_case(db: Transaction, meeting_id: int) -> dict[int, list[str]]:
    """The themes of each answer."""
    key = (meeting_themes.c.gathering_id == meeting_id) & meeting_themes.c.case_id.is_not(None)
    found: dict[int, list[str]] = {}
    for row in db.execute(
        select(meeting_themes.c.case_id, meeting_themes.c.theme).where(key).order_by(meeting_themes.c.id)
    ):
        found.setdefault(int(row.case_id), []).append(row.theme)
    return found
