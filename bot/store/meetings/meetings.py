"""Meetings of the district with families, online or at a place.

The answers of families are in `rsvps`, the interpreters in `meeting_interpreters`, and the questions in
`meeting_questions`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text, UniqueConstraint, insert, select, update
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.announcements.announcements import generate_code
from bot.store.unique_rows import insert_if_new

MeetingState = Literal["planned", "ready", "invited", "over", "canceled"]
"""The progress of a meeting:

- `planned`: interpreters may be missing.
- `ready`: all interpreters are booked.
- `invited`: its announcement is drafted.
- `over` or `canceled`: the end.
"""

meetings = Table(
    "meetings",
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
    "meeting_interpreter_requests",
    metadata,
    Column("meeting_id", ForeignKey("meetings.id"), nullable=False),
    Column("language", String(8), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("meeting_id", "language"),
)
"""Languages for which the coordinator was asked to find an interpreter, once each."""

UPCOMING_STATES: tuple[MeetingState, ...] = ("planned", "ready", "invited")
"""States of a meeting that has not ended and is not canceled."""
JSON_LIST_COLUMNS = ("schools", "helpers", "languages")


@dataclass(frozen=True)
class MeetingPlan:
    """The plan of a meeting.

    For a meeting at a `place`, `link`, `dial_in`, and `dial_code` are empty.
    """

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
    """A stored meeting.

    `revision` counts the changes that attendees must be notified of.
    """

    id: int = 0
    code: str = ""
    state: MeetingState = "planned"
    revision: int = 0
    announcement_id: int | None = None
    sheet: str = ""
    sheet_by: str | None = None
    sheet_approved_by: str | None = None
    written_by: str = ""

    @property
    def is_upcoming(self) -> bool:
        """Return whether the meeting is still planned to take place."""
        return self.state in UPCOMING_STATES

    def get_attendee_facts(self) -> tuple[object, ...]:
        """Return the details that attendees need.

        If one changes, attendees are notified.
        """
        return (self.starts_at, self.ends_at, self.link, self.dial_in, self.dial_code, self.place)

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Build the meeting from its row."""
        lists = {name: tuple(json.loads(getattr(row, name))) for name in JSON_LIST_COLUMNS}
        return cls(**{name: getattr(row, name) for name in cls.__dataclass_fields__} | lists)


def add(db: Transaction, plan: MeetingPlan, by: str, now: datetime) -> int:
    """Store a meeting and return its ID."""
    values = {**_build_columns(plan), "code": generate_code(), "state": "planned", "written_by": by, "created_at": now}
    return int(db.execute(insert(meetings).values(values).returning(meetings.c.id)).scalar_one())


def change(db: Transaction, current: Meeting, plan: MeetingPlan, is_announced: bool) -> bool:
    """Replace the plan of the meeting.

    Returns False if the meeting is over, canceled, or changed meanwhile. If `is_announced` is True, the change is a new
    revision, because families rely on the old plan. An invitation with the old details becomes invalid and is drafted
    again.
    """
    is_unchanged = (meetings.c.id == current.id) & (meetings.c.revision == current.revision)
    values = {**_build_columns(plan), "revision": current.revision}
    if is_announced:
        values["revision"] += 1
    if current.state == "ready" or (is_announced and current.state == "invited"):
        values["state"] = "planned"
    key = is_unchanged & meetings.c.state.in_(UPCOMING_STATES)
    return db.execute(update(meetings).where(key).values(values)).rowcount == 1


def change_state(
    db: Transaction,
    meeting_id: int,
    from_states: Sequence[MeetingState],
    to_state: MeetingState,
    **other_columns: Any,
) -> bool:
    """Change the state from one of `from_states` to `to_state`, and set other columns.

    Returns False if the meeting was in another state.
    """
    key = (meetings.c.id == meeting_id) & meetings.c.state.in_(from_states)
    return db.execute(update(meetings).where(key).values(state=to_state, **other_columns)).rowcount == 1


def set_answer_sheet(db: Transaction, meeting_id: int, text: str, by: str) -> None:
    """Store the questions with their answers for staff.

    The new text needs a new approval.
    """
    key = meetings.c.id == meeting_id
    db.execute(update(meetings).where(key).values(sheet=text, sheet_by=by, sheet_approved_by=None))


def approve_answer_sheet(db: Transaction, meeting_id: int, text: str, by: str) -> bool:
    """Approve exactly this text.

    Returns False if the text changed, or if `by` wrote it.
    """
    key = (meetings.c.id == meeting_id) & (meetings.c.sheet == text) & (meetings.c.sheet_by != by)
    return db.execute(update(meetings).where(key).values(sheet_approved_by=by)).rowcount == 1


def record_interpreter_request(db: Transaction, meeting_id: int, language: str, now: datetime) -> bool:
    """Record that an interpreter for this language is requested.

    Returns False if it was recorded before.
    """
    row = {"meeting_id": meeting_id, "language": language, "at": now}
    return insert_if_new(db, meeting_interpreter_requests, row) is not None


def find(db: Transaction, meeting_id: int) -> Meeting | None:
    """Return the meeting with this ID, or None."""
    return _find_meeting(db, meetings.c.id == meeting_id)


def find_by_code(db: Transaction, code: str) -> Meeting | None:
    """Return the meeting with this code, in upper or lower case, or None."""
    return _find_meeting(db, meetings.c.code == code.upper())


def find_by_announcement(db: Transaction, announcement_id: int) -> Meeting | None:
    """Return the meeting of this invitation, or None."""
    return _find_meeting(db, meetings.c.announcement_id == announcement_id)


def list_newest(db: Transaction, limit: int) -> list[Meeting]:
    """Return the meetings, latest start first."""
    query = select(meetings).order_by(meetings.c.starts_at.desc()).limit(limit)
    return [Meeting.from_row(row) for row in db.execute(query)]


def list_by_state(db: Transaction, *states: MeetingState) -> list[Meeting]:
    """Return all meetings in one of these states."""
    return [Meeting.from_row(row) for row in db.execute(select(meetings).where(meetings.c.state.in_(states)))]


def _find_meeting(db: Transaction, key: Any) -> Meeting | None:
    row = db.execute(select(meetings).where(key)).one_or_none()
    return Meeting.from_row(row) if row else None


def _build_columns(plan: MeetingPlan) -> dict[str, Any]:
    columns = {name: getattr(plan, name) for name in MeetingPlan.__dataclass_fields__}
    lists = {name: json.dumps(columns[name]) for name in JSON_LIST_COLUMNS}
    return columns | lists
