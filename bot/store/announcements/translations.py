"""The wordings of an announcement: one for each language, sentence by sentence, with who approved it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    LargeBinary,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from bot.base.database import Moment, metadata

wordings = Table(
    "announcement_wordings",
    metadata,
    Column("announcement_id", ForeignKey("announcements.id"), nullable=False),
    Column("language", String(8), nullable=False),
    Column("parts", Text, nullable=False),
    Column("state", String(8), nullable=False),
    Column("failed", String(24), nullable=False, server_default=""),
    Column("due_at", Moment, nullable=False),
    Column("reviewed_by", String(80)),
    Column("recorded_by", String(64)),
    Column("reviewed_at", Moment),
    Column("audio", LargeBinary),
    UniqueConstraint("announcement_id", "language"),
)


@dataclass(frozen=True)
class Part:
    """One sentence.  `after` is what stands between it and the next; `machine` "yes", "no" (a person's) or ""."""

    english: str
    wording: str = ""
    machine: str = ""
    back: str = ""
    warnings: tuple[str, ...] = ()
    after: str = " "


@dataclass(frozen=True)
class Wording:
    """`state`: waiting (for the translator), draft, or approved; `failed` why a part has no translation."""

    announcement_id: int
    language: str
    parts: tuple[Part, ...]
    state: str
    failed: str
    reviewed_by: str | None
    recorded_by: str | None
    reviewed_at: datetime | None
    has_audio: bool

    @property
    def complete(self) -> bool:
        """Whether every sentence has a wording."""
        return bool(self.parts) and all(part.wording.strip() for part in self.parts)

    @property
    def text(self) -> str:
        """The whole."""
        return "".join(part.wording.strip() + part.after for part in self.parts).strip()


def ask_for(db: Connection, announcement_id: int, language: str, parts: Sequence[Part], at: datetime) -> bool:
    """Have it translated from now on, as these sentences; False if they stand there already."""
    row = {"parts": _dumped(parts), "state": "waiting", "failed": "", "due_at": at, "reviewed_by": None}
    row |= {"recorded_by": None, "reviewed_at": None}
    before = find(db, announcement_id, language)
    if before is None:
        return _insert(db, {"announcement_id": announcement_id, "language": language, **row})
    if [(one.english, one.after) for one in before.parts] == [(one.english, one.after) for one in parts]:
        return False
    values = row | {"audio": None}  # somebody has said the old sentences
    db.execute(update(wordings).where(_is(announcement_id, language)).values(values))
    return True


def _insert(db: Connection, row: dict[str, object]) -> bool:
    try:
        with db.begin_nested():
            db.execute(insert(wordings).values(row))
    except IntegrityError:
        return False  # asked for by another process just now
    return True


def ask_again(db: Connection, announcement_id: int, language: str, at: datetime) -> None:
    """Have a draft made anew; an approved wording stays."""
    key = _is(announcement_id, language) & (wordings.c.state != "approved")
    db.execute(update(wordings).where(key).values(state="waiting", due_at=at, failed=""))


def find(db: Connection, announcement_id: int, language: str) -> Wording | None:
    """The wording in this language, if it was asked for."""
    row = db.execute(_plain().where(_is(announcement_id, language))).one_or_none()
    return _wording(row) if row else None


def of(db: Connection, announcement_id: int) -> dict[str, Wording]:
    """All wordings, by language."""
    rows = db.execute(_plain().where(wordings.c.announcement_id == announcement_id).order_by(wordings.c.language))
    return {row.language: _wording(row) for row in rows}


def due(db: Connection, at: datetime, limit: int) -> Sequence[tuple[int, str]]:
    """(announcement, language) of those that wait for the translator."""
    key = (wordings.c.state == "waiting") & (wordings.c.due_at <= at)
    query = select(wordings.c.announcement_id, wordings.c.language).where(key).limit(limit)
    return [(row.announcement_id, row.language) for row in db.execute(query)]


def claim(db: Connection, announcement_id: int, language: str, at: datetime, until: datetime) -> bool:
    """Take one for translating; False while another job has it."""
    key = _is(announcement_id, language) & (wordings.c.state == "waiting") & (wordings.c.due_at <= at)
    return db.execute(update(wordings).where(key).values(due_at=until)).rowcount == 1


def save_draft(db: Connection, announcement_id: int, language: str, parts: Sequence[Part], failed: str = "") -> bool:
    """What the translator made; False if it was changed or approved meanwhile."""
    before = find(db, announcement_id, language)
    same = before and [one.english for one in before.parts] == [one.english for one in parts]
    if not before or before.state == "approved" or not same:
        return False
    values = {"parts": _dumped(parts), "state": "draft", "failed": failed[:24]}
    db.execute(update(wordings).where(_is(announcement_id, language)).values(values))
    return True


@dataclass(frozen=True)
class Review:
    """A named person says that a wording is right; `recorded_by` is the login that says so."""

    reviewed_by: str
    recorded_by: str
    at: datetime


def approve(db: Connection, announcement_id: int, language: str, parts: Sequence[Part], review: Review) -> None:
    """Keep this wording as approved."""
    values: dict[str, object] = {"parts": _dumped(parts), "state": "approved", "failed": ""}
    values |= {"reviewed_by": review.reviewed_by[:80], "recorded_by": review.recorded_by, "reviewed_at": review.at}
    db.execute(update(wordings).where(_is(announcement_id, language)).values(values))


def set_audio(db: Connection, announcement_id: int, language: str, audio: bytes | None) -> None:
    """The district's own recording of it (MP3)."""
    db.execute(update(wordings).where(_is(announcement_id, language)).values(audio=audio))


def audio(db: Connection, announcement_id: int, language: str) -> bytes | None:
    """The recording, if there is one."""
    return db.execute(select(wordings.c.audio).where(_is(announcement_id, language))).scalar_one_or_none()


def audios(db: Connection, announcement_id: int) -> dict[str, bytes]:
    """All recordings, by language."""
    spoken = (wordings.c.announcement_id == announcement_id) & wordings.c.audio.is_not(None)
    return {row.language: row.audio for row in db.execute(select(wordings.c.language, wordings.c.audio).where(spoken))}


def copy(db: Connection, announcement_id: int, to: int) -> None:
    """The same wordings, with who approved them, for another announcement of the same words; recordings are not copied
    (what is read aloud names no time)."""
    names = [column.name for column in wordings.c if column.name not in ("announcement_id", "audio")]
    whose = wordings.c.announcement_id == announcement_id
    chosen = select(literal(to), *(wordings.c[name] for name in names)).where(whose)
    db.execute(insert(wordings).from_select(["announcement_id", *names], chosen))


def _plain() -> Select[Any]:
    columns = [column for column in wordings.c if column.name != "audio"]
    return select(*columns, (wordings.c.audio.is_not(None)).label("has_audio"))


def _is(announcement_id: int, language: str):  # type: ignore[no-untyped-def]  # SQLAlchemy's own condition
    return (wordings.c.announcement_id == announcement_id) & (wordings.c.language == language)


def _dumped(parts: Sequence[Part]) -> str:
    return json.dumps([asdict(part) for part in parts], ensure_ascii=False)


def _wording(row: Row[Any]) -> Wording:
    parts = tuple(Part(**{**one, "warnings": tuple(one["warnings"])}) for one in json.loads(row.parts))
    who = (row.reviewed_by, row.recorded_by, row.reviewed_at)
    return Wording(row.announcement_id, row.language, parts, row.state, row.failed, *who, bool(row.has_audio))
