"""Announcements: what the district says to many families, from the draft to the end of sending.

States: draft → ready (approved and released, waiting for its hour) → freezing (its audience becomes rows) → sending
⇄ paused → done | stopped.  Its wordings stand in `wordings`, its approvals in `approvals`, who gets it in `recipients`.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Integer, String, Table, Text, insert, select, update
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata

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
"""Without those that are taken for others when a code is read aloud or copied by hand."""
CODE_LENGTH = 6
DRAFT_STATE = "draft"
MAX_TITLE_LENGTH = 60


@dataclass(frozen=True)
class Audience:
    """Who is meant: of each kind that is named one must fit; a kind that names nothing fits all."""

    roles: tuple[str, ...] = ("family",)
    schools: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class AnnouncementDraft:
    """What somebody writes.  `send_at` None: as soon as it is released; `until`: how long it holds true.

    `kind`: emergency, attendance, event or general.  `unapproved`: "hold" what no person has approved, or send it
    with the notice of the "machine".
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
    """One that is kept."""

    id: int = 0
    code: str = ""
    state: str = DRAFT_STATE
    why_paused: str = ""
    written_by: str = ""
    changed_by: str = ""
    """Who else has changed it, a line each."""
    created_at: datetime = field(default_factory=lambda: datetime.min)
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def writers(self) -> frozenset[str]:
        """Everybody whose words these are: none of them counts as somebody else who approves."""
        return frozenset({self.written_by, *self.changed_by.splitlines()})

    @property
    def title(self) -> str:
        """Its beginning, for lists."""
        line = " ".join(self.text.split())
        return line if len(line) <= MAX_TITLE_LENGTH else f"{line[:MAX_TITLE_LENGTH].rsplit(' ', 1)[0]} …"

    @property
    def is_finished(self) -> bool:
        """Whether nothing of it is sent any more."""
        return self.state in ("done", "stopped")


def add(db: Transaction, draft: AnnouncementDraft, by: str, at: datetime) -> int:
    """Keep a new draft, written by `by` (a staff id or a login's name); its number."""
    values = {
        **_build_columns(draft),
        "code": generate_code(),
        "state": DRAFT_STATE,
        "written_by": by,
        "created_at": at,
    }
    return int(db.execute(insert(announcements).values(values).returning(announcements.c.id)).scalar_one())


def generate_code() -> str:
    """Six letters and digits, one digit at least: no word of any language is a code."""
    others = [secrets.choice(CODE_LETTERS + CODE_DIGITS) for _ in range(CODE_LENGTH - 1)]
    others.insert(secrets.randbelow(CODE_LENGTH), secrets.choice(CODE_DIGITS))
    return "".join(others)


def update_draft(db: Transaction, announcement_id: int, draft: AnnouncementDraft, by: str) -> bool:
    """Put what was written anew in place of a draft; False if it is no draft any more."""
    before = find(db, announcement_id)
    key = (announcements.c.id == announcement_id) & (announcements.c.state == DRAFT_STATE)
    others = sorted((before.writers | {by}) - {before.written_by}) if before else []
    values = {**_build_columns(draft), "changed_by": "\n".join(others)}
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
    """The announcement with this number, if there is one."""
    row = db.execute(select(announcements).where(announcements.c.id == announcement_id)).one_or_none()
    return _build_announcement(row) if row else None


def find_by_code(db: Transaction, code: str) -> Announcement | None:
    """The announcement with this code, written in any case."""
    row = db.execute(select(announcements).where(announcements.c.code == code.upper())).one_or_none()
    return _build_announcement(row) if row else None


def list_newest(db: Transaction, limit: int, excluded_ids: Sequence[int] = ()) -> list[Announcement]:
    """The newest first; `without` those that have a page of their own."""
    query = select(announcements).order_by(announcements.c.id.desc()).limit(limit)
    query = query.where(announcements.c.id.not_in(excluded_ids)) if excluded_ids else query
    return [_build_announcement(row) for row in db.execute(query)]


def list_by_state(db: Transaction, *states: str) -> list[Announcement]:
    """All that are in one of these states."""
    return [
        _build_announcement(row) for row in db.execute(select(announcements).where(announcements.c.state.in_(states)))
    ]


def list_still_valid(db: Transaction, at: datetime) -> list[Announcement]:
    """Those that are done and still hold true: a language may yet be approved."""
    key = (announcements.c.state == "done") & (announcements.c.until > at)
    return [_build_announcement(row) for row in db.execute(select(announcements).where(key))]


def get_state(db: Transaction, announcement_id: int) -> str:
    """Its state alone: asked every half second while it is sent."""
    query = select(announcements.c.state).where(announcements.c.id == announcement_id)
    return db.execute(query).scalar_one_or_none() or "stopped"


def change_state(
    db: Transaction, announcement_id: int, from_states: Sequence[str], to_state: str, **other_columns: Any
) -> bool:
    """From one of these states to another (with other columns); False if it was in none of them."""
    key = (announcements.c.id == announcement_id) & announcements.c.state.in_(from_states)
    return db.execute(update(announcements).where(key).values(state=to_state, **other_columns)).rowcount == 1


def _build_announcement(row: Row[Any]) -> Announcement:
    audience = Audience(**{name: tuple(values) for name, values in json.loads(row.audience).items()})
    channels = tuple(row.channels.split(","))
    given = {**row._mapping, "audience": audience, "channels": channels}
    return Announcement(**given)
