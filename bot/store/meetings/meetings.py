"""Gatherings: a meeting that the district holds with families, online unless it says a place.

States: planned → ready (interpreters are there) → invited (its announcement is drafted) → over, or canceled before.
Who comes stands in `rsvps`, who interprets in `gathering_interpreters`, what was asked before in `questions`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text, UniqueConstraint, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.announcements.announcements import generate_code

meetings = Table(
    "gatherings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("code", String(8), nullable=False, unique=True),
    Column("title", String(80), nullable=False),
    Column("schools", Text, nullable=False),
    Column("host", String(64), nullable=False),
    Column("helpers", Text, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("link", String(300), nullable=False),
    Column("dial_in", String(20), nullable=False),
    Column("dial_code", String(24), nullable=False),
    Column("place", String(160), nullable=False),
    Column("languages", Text, nullable=False),
    Column("state", String(12), nullable=False, index=True),
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("announcement_id", Integer, index=True),
    Column("sheet", Text, nullable=False, server_default=""),
    Column("sheet_by", String(64)),
    Column("sheet_approved_by", String(64)),
    Column("written_by", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

meeting_interpreter_requests = Table(
    "gathering_needs",
    metadata,
    Column("gathering_id", ForeignKey("gatherings.id"), nullable=False),
    Column("language", String(8), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("gathering_id", "language"),
)
"""Languages for which the coordinator was asked to find an interpreter: once each."""

UPCOMING_STATES = ("planned", "ready", "invited")
"""States of a gathering that is still to come."""
JSON_LIST_COLUMNS = ("schools", "helpers", "languages")


@dataclass(frozen=True)
class MeetingPlan:
    """What somebody fills in.  `link`, `dial_in` and `dial_code` are empty where it is at a `place`."""

    title: str
    host: str
    starts_at: datetime
    ends_at: datetime
    link: str = ""
    dial_in: str = ""
    dial_code: str = ""
    place: str = ""
    schools: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Meeting(MeetingPlan):
    """One that is kept.  `revision` counts the changes that those who said yes must hear of."""

    id: int = 0
    code: str = ""
    state: str = "planned"
    revision: int = 0
    announcement_id: int | None = None
    sheet: str = ""
    sheet_by: str | None = None
    sheet_approved_by: str | None = None
    written_by: str = ""

    @property
    def is_upcoming(self) -> bool:
        """Whether it is still planned to take place."""
        return self.state in UPCOMING_STATES

    def get_attendee_facts(self) -> tuple[object, ...]:
        """What somebody who comes must know: a change of it is told."""
        return (self.starts_at, self.ends_at, self.link, self.dial_in, self.dial_code, self.place)


def add(db: Transaction, plan: MeetingPlan, by: str, at: datetime) -> int:
    """Keep a new gathering; its number."""
    values = {**_build_columns(plan), "code": generate_code(), "state": "planned", "written_by": by, "created_at": at}
    return int(db.execute(insert(meetings).values(values).returning(meetings.c.id)).scalar_one())


def change(db: Transaction, current: Meeting, plan: MeetingPlan, is_announced: bool) -> bool:
    """Put a new plan in place of the one that was looked at; False if it is over, canceled or changed meanwhile.

    `told`: people rely on it, so that a change of its facts is a new revision; an invitation with the old ones holds
    no more, and is drafted anew.
    """
    same = (meetings.c.id == current.id) & (meetings.c.revision == current.revision)
    values = {**_build_columns(plan), "revision": current.revision + (1 if is_announced else 0)}
    if current.state == "ready" or (is_announced and current.state == "invited"):
        values["state"] = "planned"
    return db.execute(update(meetings).where(same & meetings.c.state.in_(UPCOMING_STATES)).values(values)).rowcount == 1


def change_state(
    db: Transaction, meeting_id: int, from_states: Sequence[str], to_state: str, **other_columns: Any
) -> bool:
    """From one of these states to another (with other columns); False if it was in none of them."""
    key = (meetings.c.id == meeting_id) & meetings.c.state.in_(from_states)
    return db.execute(update(meetings).where(key).values(state=to_state, **other_columns)).rowcount == 1


def set_answer_sheet(db: Transaction, meeting_id: int, text: str, by: str) -> None:
    """The questions with their answers, as staff will say them; whoever approved the old one must do so again."""
    key = meetings.c.id == meeting_id
    db.execute(update(meetings).where(key).values(sheet=text, sheet_by=by, sheet_approved_by=None))


def approve_answer_sheet(db: Transaction, meeting_id: int, text: str, by: str) -> bool:
    """Somebody besides its writer approves this very text; False if it was changed, or is one's own."""
    key = (meetings.c.id == meeting_id) & (meetings.c.sheet == text) & (meetings.c.sheet_by != by)
    return db.execute(update(meetings).where(key).values(sheet_approved_by=by)).rowcount == 1


def record_interpreter_request(db: Transaction, meeting_id: int, language: str, at: datetime) -> bool:
    """Note that an interpreter of this language is asked for; False if that was done before."""
    try:
        with db.begin_nested():
            db.execute(insert(meeting_interpreter_requests).values(gathering_id=meeting_id, language=language, at=at))
    except IntegrityError:
        return False
    return True


def find(db: Transaction, meeting_id: int) -> Meeting | None:
    """The gathering with this number, if there is one."""
    return _find_meeting(db, meetings.c.id == meeting_id)


def find_by_code(db: Transaction, code: str) -> Meeting | None:
    """The gathering with this code, written in any case."""
    return _find_meeting(db, meetings.c.code == code.upper())


def find_by_announcement(db: Transaction, announcement_id: int) -> Meeting | None:
    """The gathering to which this announcement invites."""
    return _find_meeting(db, meetings.c.announcement_id == announcement_id)


def list_newest(db: Transaction, limit: int) -> list[Meeting]:
    """The latest day first."""
    query = select(meetings).order_by(meetings.c.starts_at.desc()).limit(limit)
    return [_build_meeting(row) for row in db.execute(query)]


def list_by_state(db: Transaction, *states: str) -> list[Meeting]:
    """All in one of these states."""
    return [_build_meeting(row) for row in db.execute(select(meetings).where(meetings.c.state.in_(states)))]


def _find_meeting(db: Transaction, key: Any) -> Meeting | None:
    row = db.execute(select(meetings).where(key)).one_or_none()
    return _build_meeting(row) if row else None


def _build_columns(plan: MeetingPlan) -> dict[str, Any]:
    names = MeetingPlan.__dataclass_fields__
    return {
        name: json.dumps(getattr(plan, name)) if name in JSON_LIST_COLUMNS else getattr(plan, name) for name in names
    }


def _build_meeting(row: Row[Any]) -> Meeting:
    lists = {name: tuple(json.loads(getattr(row, name))) for name in JSON_LIST_COLUMNS}
    return Meeting(**{name: getattr(row, name) for name in Meeting.__dataclass_fields__} | lists)
