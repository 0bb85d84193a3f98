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
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from bot.base.database import Moment, metadata
from bot.store.announcements.announcements import new_code

gatherings = Table(
    "gatherings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("code", String(8), nullable=False, unique=True),
    Column("title", String(80), nullable=False),
    Column("schools", Text, nullable=False),
    Column("host", String(64), nullable=False),
    Column("helpers", Text, nullable=False),
    Column("starts_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
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
    Column("created_at", Moment, nullable=False),
)

needs = Table(
    "gathering_needs",
    metadata,
    Column("gathering_id", ForeignKey("gatherings.id"), nullable=False),
    Column("language", String(8), nullable=False),
    Column("at", Moment, nullable=False),
    UniqueConstraint("gathering_id", "language"),
)
"""Languages for which the coordinator was asked to find an interpreter: once each."""

BEFORE = ("planned", "ready", "invited")
"""States of a gathering that is still to come."""
LISTS = ("schools", "helpers", "languages")


@dataclass(frozen=True)
class Plan:
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
class Gathering(Plan):
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
    def to_come(self) -> bool:
        """Whether it is still planned to take place."""
        return self.state in BEFORE

    def facts(self) -> tuple[object, ...]:
        """What somebody who comes must know: a change of it is told."""
        return (self.starts_at, self.ends_at, self.link, self.dial_in, self.dial_code, self.place)


def add(db: Connection, plan: Plan, by: str, at: datetime) -> int:
    """Keep a new gathering; its number."""
    values = {**_values(plan), "code": new_code(), "state": "planned", "written_by": by, "created_at": at}
    return int(db.execute(insert(gatherings).values(values).returning(gatherings.c.id)).scalar_one())


def change(db: Connection, before: Gathering, plan: Plan, told: bool) -> bool:
    """Put a new plan in place of the one that was looked at; False if it is over, canceled or changed meanwhile.

    `told`: people rely on it, so that a change of its facts is a new revision; an invitation with the old ones holds
    no more, and is drafted anew.
    """
    same = (gatherings.c.id == before.id) & (gatherings.c.revision == before.revision)
    values = {**_values(plan), "revision": before.revision + (1 if told else 0)}
    if before.state == "ready" or (told and before.state == "invited"):
        values["state"] = "planned"
    return db.execute(update(gatherings).where(same & gatherings.c.state.in_(BEFORE)).values(values)).rowcount == 1


def move(db: Connection, gathering_id: int, before: Sequence[str], to: str, **more: Any) -> bool:
    """From one of these states to another (with other columns); False if it was in none of them."""
    key = (gatherings.c.id == gathering_id) & gatherings.c.state.in_(before)
    return db.execute(update(gatherings).where(key).values(state=to, **more)).rowcount == 1


def set_sheet(db: Connection, gathering_id: int, text: str, by: str) -> None:
    """The questions with their answers, as staff will say them; whoever approved the old one must do so again."""
    key = gatherings.c.id == gathering_id
    db.execute(update(gatherings).where(key).values(sheet=text, sheet_by=by, sheet_approved_by=None))


def approve_sheet(db: Connection, gathering_id: int, text: str, by: str) -> bool:
    """Somebody besides its writer approves this very text; False if it was changed, or is one's own."""
    key = (gatherings.c.id == gathering_id) & (gatherings.c.sheet == text) & (gatherings.c.sheet_by != by)
    return db.execute(update(gatherings).where(key).values(sheet_approved_by=by)).rowcount == 1


def first_need(db: Connection, gathering_id: int, language: str, at: datetime) -> bool:
    """Note that an interpreter of this language is asked for; False if that was done before."""
    try:
        with db.begin_nested():
            db.execute(insert(needs).values(gathering_id=gathering_id, language=language, at=at))
    except IntegrityError:
        return False
    return True


def find(db: Connection, gathering_id: int) -> Gathering | None:
    """The gathering with this number, if there is one."""
    return _one(db, gatherings.c.id == gathering_id)


def by_code(db: Connection, code: str) -> Gathering | None:
    """The gathering with this code, written in any case."""
    return _one(db, gatherings.c.code == code.upper())


def by_announcement(db: Connection, announcement_id: int) -> Gathering | None:
    """The gathering to which this announcement invites."""
    return _one(db, gatherings.c.announcement_id == announcement_id)


def newest(db: Connection, limit: int) -> list[Gathering]:
    """The latest day first."""
    query = select(gatherings).order_by(gatherings.c.starts_at.desc()).limit(limit)
    return [_gathering(row) for row in db.execute(query)]


def in_state(db: Connection, *states: str) -> list[Gathering]:
    """All in one of these states."""
    return [_gathering(row) for row in db.execute(select(gatherings).where(gatherings.c.state.in_(states)))]


def _one(db: Connection, key: Any) -> Gathering | None:
    row = db.execute(select(gatherings).where(key)).one_or_none()
    return _gathering(row) if row else None


def _values(plan: Plan) -> dict[str, Any]:
    names = Plan.__dataclass_fields__
    return {name: json.dumps(getattr(plan, name)) if name in LISTS else getattr(plan, name) for name in names}


def _gathering(row: Row[Any]) -> Gathering:
    lists = {name: tuple(json.loads(getattr(row, name))) for name in LISTS}
    return Gathering(**{name: getattr(row, name) for name in Gathering.__dataclass_fields__} | lists)
