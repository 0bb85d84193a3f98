"""Announcements: messages from the district to many families, from the draft to the end of sending."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self

from sqlalchemy import Column, Integer, String, Table, Text, insert, select, update
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata

AnnouncementState = Literal["draft", "ready", "freezing", "sending", "paused", "done", "stopped"]
"""The progress of an announcement:

- `draft`: not released.
- `ready`: approved and released, until the time of sending.
- `freezing`: the audience becomes rows in `recipients`.
- `sending` and `paused`, which can alternate.
- `done` or `stopped`: the end.
"""

announcements = Table(
    "announcements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("code", String(8), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("sender", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("link", String(500), nullable=False),
    Column("audience", Text, nullable=False),
    Column("channels", String(32), nullable=False),
    Column("unapproved", String(8), nullable=False),
    Column("send_at", UtcDateTime),
    Column("until", UtcDateTime, nullable=False),
    Column("state", String(12), nullable=False, index=True),
    Column("why_paused", String(200), nullable=False, server_default=""),
    Column("written_by", String(64), nullable=False),
    Column("changed_by", Text, nullable=False, server_default=""),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
)

CODE_LETTERS, CODE_DIGITS = "ABCDEFGHJKMNPQRSTUVWXYZ", "23456789"
"""Letters and digits that people do not confuse when they read a code aloud or copy it by hand."""
CODE_LENGTH = 6
DRAFT_STATE: AnnouncementState = "draft"
MAX_TITLE_LENGTH = 60


@dataclass(frozen=True)
class Audience:
    """The families of an announcement.

    A family must match one value of each field. An empty field matches all families.
    """

    roles: tuple[str, ...] = ("family",)
    schools: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class AnnouncementDraft:
    """The text and settings of an announcement.

    `kind` is emergency, attendance, event, or general. `unapproved` decides about languages without an approved
    translation: "hold" waits, "machine" sends a machine translation with a notice. If `send_at` is None, sending starts
    after the release. `until` is the time until which the text is true.
    """

    kind: str
    sender: str
    text: str
    audience: Audience
    until: datetime
    link: str = ""
    channels: tuple[str, ...] = ("whatsapp", "sms")
    unapproved: str = "hold"
    send_at: datetime | None = None


@dataclass(frozen=True)
class Announcement(AnnouncementDraft):
    """A stored announcement."""

    id: int = 0
    code: str = ""
    state: AnnouncementState = DRAFT_STATE
    why_paused: str = ""
    written_by: str = ""
    changed_by: str = ""
    """The other staff members who changed the text, one per line."""
    created_at: datetime = field(default_factory=lambda: datetime.min)
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def writers(self) -> frozenset[str]:
        """Return everyone who wrote or changed the text.

        None of them may approve it as the second person.
        """
        return frozenset({self.written_by, *self.changed_by.splitlines()})

    @property
    def title(self) -> str:
        """Return the beginning of the text, for lists."""
        title = " ".join(self.text.split())
        if len(title) <= MAX_TITLE_LENGTH:
            return title
        return f"{title[:MAX_TITLE_LENGTH].rsplit(' ', 1)[0]} …"

    @property
    def is_finished(self) -> bool:
        """Return whether sending is over."""
        return self.state in ("done", "stopped")

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Build the announcement from its row."""
        audience = Audience(**{name: tuple(values) for name, values in json.loads(row.audience).items()})
        channels = tuple(row.channels.split(","))
        columns = {**row._mapping, "audience": audience, "channels": channels}
        return cls(**columns)


def add(db: Transaction, draft: AnnouncementDraft, by: str, now: datetime) -> int:
    """Store a draft and return its ID.

    `by` is the staff ID or login name of the writer.
    """
    values = {
        **_build_columns(draft),
        "code": generate_code(),
        "state": DRAFT_STATE,
        "written_by": by,
        "created_at": now,
    }
    return int(db.execute(insert(announcements).values(values).returning(announcements.c.id)).scalar_one())


def generate_code() -> str:
    """Return a code of six letters and digits.

    At least one is a digit, so that a code is never a word of a language.
    """
    characters = [secrets.choice(CODE_LETTERS + CODE_DIGITS) for _ in range(CODE_LENGTH - 1)]
    characters.insert(secrets.randbelow(CODE_LENGTH), secrets.choice(CODE_DIGITS))
    return "".join(characters)


def update_draft(db: Transaction, announcement_id: int, draft: AnnouncementDraft, by: str) -> bool:
    """Replace a draft with the new text and settings.

    Returns False if the announcement is no longer a draft.
    """
    announcement = find(db, announcement_id)
    key = (announcements.c.id == announcement_id) & (announcements.c.state == DRAFT_STATE)
    other_writers = []
    if announcement:
        other_writers = sorted((announcement.writers | {by}) - {announcement.written_by})
    values = {**_build_columns(draft), "changed_by": "\n".join(other_writers)}
    return db.execute(update(announcements).where(key).values(values)).rowcount == 1


def _build_columns(draft: AnnouncementDraft) -> dict[str, object]:
    return {
        "kind": draft.kind,
        "sender": draft.sender,
        "text": draft.text,
        "link": draft.link,
        "audience": json.dumps(vars(draft.audience)),
        "channels": ",".join(draft.channels),
        "unapproved": draft.unapproved,
        "send_at": draft.send_at,
        "until": draft.until,
    }


def find(db: Transaction, announcement_id: int) -> Announcement | None:
    """Return the announcement with this ID, or None."""
    row = db.execute(select(announcements).where(announcements.c.id == announcement_id)).one_or_none()
    return Announcement.from_row(row) if row else None


def find_by_code(db: Transaction, code: str) -> Announcement | None:
    """Return the announcement with this code, in upper or lower case, or None."""
    row = db.execute(select(announcements).where(announcements.c.code == code.upper())).one_or_none()
    return Announcement.from_row(row) if row else None


def list_newest(db: Transaction, limit: int, excluded_ids: Sequence[int] = ()) -> list[Announcement]:
    """Return the newest announcements, without `excluded_ids`."""
    query = select(announcements).order_by(announcements.c.id.desc()).limit(limit)
    if excluded_ids:
        query = query.where(announcements.c.id.not_in(excluded_ids))
    return [Announcement.from_row(row) for row in db.execute(query)]


def list_by_state(db: Transaction, *states: AnnouncementState) -> list[Announcement]:
    """Return all announcements in one of these states."""
    query = select(announcements).where(announcements.c.state.in_(states))
    return [Announcement.from_row(row) for row in db.execute(query)]


def list_still_valid(db: Transaction, now: datetime) -> list[Announcement]:
    """Return the announcements that are done and still valid, so that a late approval can still be sent."""
    key = (announcements.c.state == "done") & (announcements.c.until > now)
    return [Announcement.from_row(row) for row in db.execute(select(announcements).where(key))]


def get_state(db: Transaction, announcement_id: int) -> AnnouncementState:
    """Return only the state, which the sender reads every half second."""
    query = select(announcements.c.state).where(announcements.c.id == announcement_id)
    state: AnnouncementState = db.execute(query).scalar_one_or_none() or "stopped"
    return state


def change_state(
    db: Transaction,
    announcement_id: int,
    from_states: Sequence[AnnouncementState],
    to_state: AnnouncementState,
    **other_columns: Any,
) -> bool:
    """Change the state from one of `from_states` to `to_state`, and set other columns.

    Returns False if the announcement was in another state.
    """
    key = (announcements.c.id == announcement_id) & announcements.c.state.in_(from_states)
    return db.execute(update(announcements).where(key).values(state=to_state, **other_columns)).rowcount == 1
