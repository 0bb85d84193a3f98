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
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata

announcement_translations = Table(
    "announcement_wordings",
    metadata,
    Column("announcement_id", ForeignKey("announcements.id"), nullable=False),
    Column("language", String(8), nullable=False),
    Column("parts", Text, nullable=False),
    Column("state", String(8), nullable=False),
    Column("failed", String(24), nullable=False, server_default=""),
    Column("due_at", UtcDateTime, nullable=False),
    Column("reviewed_by", String(80)),
    Column("recorded_by", String(64)),
    Column("reviewed_at", UtcDateTime),
    Column("audio", LargeBinary),
    UniqueConstraint("announcement_id", "language"),
)


@dataclass(frozen=True)
class TranslatedSentence:
    """One sentence.  `after` is what stands between it and the next; `machine` "yes", "no" (a person's) or ""."""

    english: str
    wording: str = ""
    machine: str = ""
    back: str = ""
    warnings: tuple[str, ...] = ()
    after: str = " "


@dataclass(frozen=True)
class AnnouncementTranslation:
    """`state`: waiting (for the translator), draft, or approved; `failed` why a part has no translation."""

    announcement_id: int
    language: str
    parts: tuple[TranslatedSentence, ...]
    state: str
    failed: str
    reviewed_by: str | None
    recorded_by: str | None
    reviewed_at: datetime | None
    has_audio: bool

    @property
    def is_complete(self) -> bool:
        """Whether every sentence has a wording."""
        return bool(self.parts) and all(part.wording.strip() for part in self.parts)

    @property
    def text(self) -> str:
        """The whole."""
        return "".join(part.wording.strip() + part.after for part in self.parts).strip()


def request(
    db: Transaction, announcement_id: int, language: str, parts: Sequence[TranslatedSentence], at: datetime
) -> bool:
    """Have it translated from now on, as these sentences; False if they stand there already."""
    row = {"parts": _dump_sentences(parts), "state": "waiting", "failed": "", "due_at": at, "reviewed_by": None}
    row |= {"recorded_by": None, "reviewed_at": None}
    before = find(db, announcement_id, language)
    if before is None:
        return _insert_row(db, {"announcement_id": announcement_id, "language": language, **row})
    if [(one.english, one.after) for one in before.parts] == [(one.english, one.after) for one in parts]:
        return False
    values = row | {"audio": None}  # somebody has said the old sentences
    db.execute(update(announcement_translations).where(_match_translation(announcement_id, language)).values(values))
    return True


def _insert_row(db: Transaction, row: dict[str, object]) -> bool:
    try:
        with db.begin_nested():
            db.execute(insert(announcement_translations).values(row))
    except IntegrityError:
        return False  # asked for by another process just now
    return True


def request_again(db: Transaction, announcement_id: int, language: str, at: datetime) -> None:
    """Have a draft made anew; an approved wording stays."""
    key = _match_translation(announcement_id, language) & (announcement_translations.c.state != "approved")
    db.execute(update(announcement_translations).where(key).values(state="waiting", due_at=at, failed=""))


def find(db: Transaction, announcement_id: int, language: str) -> AnnouncementTranslation | None:
    """The wording in this language, if it was asked for."""
    row = db.execute(_select_without_audio().where(_match_translation(announcement_id, language))).one_or_none()
    return _build_translation(row) if row else None


def list_for_announcement(db: Transaction, announcement_id: int) -> dict[str, AnnouncementTranslation]:
    """All wordings, by language."""
    rows = db.execute(
        _select_without_audio()
        .where(announcement_translations.c.announcement_id == announcement_id)
        .order_by(announcement_translations.c.language)
    )
    return {row.language: _build_translation(row) for row in rows}


def list_due(db: Transaction, at: datetime, limit: int) -> Sequence[tuple[int, str]]:
    """(announcement, language) of those that wait for the translator."""
    key = (announcement_translations.c.state == "waiting") & (announcement_translations.c.due_at <= at)
    query = (
        select(announcement_translations.c.announcement_id, announcement_translations.c.language)
        .where(key)
        .limit(limit)
    )
    return [(row.announcement_id, row.language) for row in db.execute(query)]


def claim(db: Transaction, announcement_id: int, language: str, at: datetime, until: datetime) -> bool:
    """Take one for translating; False while another job has it."""
    key = (
        _match_translation(announcement_id, language)
        & (announcement_translations.c.state == "waiting")
        & (announcement_translations.c.due_at <= at)
    )
    return db.execute(update(announcement_translations).where(key).values(due_at=until)).rowcount == 1


def save_draft(
    db: Transaction, announcement_id: int, language: str, parts: Sequence[TranslatedSentence], failed: str = ""
) -> bool:
    """What the translator made; False if it was changed or approved meanwhile."""
    before = find(db, announcement_id, language)
    same = before and [one.english for one in before.parts] == [one.english for one in parts]
    if not before or before.state == "approved" or not same:
        return False
    values = {"parts": _dump_sentences(parts), "state": "draft", "failed": failed[:24]}
    db.execute(update(announcement_translations).where(_match_translation(announcement_id, language)).values(values))
    return True


@dataclass(frozen=True)
class TranslationReview:
    """A named person says that a wording is right; `recorded_by` is the login that says so."""

    reviewed_by: str
    recorded_by: str
    at: datetime


def approve(
    db: Transaction, announcement_id: int, language: str, parts: Sequence[TranslatedSentence], review: TranslationReview
) -> None:
    """Keep this wording as approved."""
    values: dict[str, object] = {"parts": _dump_sentences(parts), "state": "approved", "failed": ""}
    values |= {"reviewed_by": review.reviewed_by[:80], "recorded_by": review.recorded_by, "reviewed_at": review.at}
    db.execute(update(announcement_translations).where(_match_translation(announcement_id, language)).values(values))


def set_audio(db: Transaction, announcement_id: int, language: str, audio: bytes | None) -> None:
    """The district's own recording of it (MP3)."""
    db.execute(
        update(announcement_translations).where(_match_translation(announcement_id, language)).values(audio=audio)
    )


def get_audio(db: Transaction, announcement_id: int, language: str) -> bytes | None:
    """The recording, if there is one."""
    return db.execute(
        select(announcement_translations.c.audio).where(_match_translation(announcement_id, language))
    ).scalar_one_or_none()


def list_audio_by_language(db: Transaction, announcement_id: int) -> dict[str, bytes]:
    """All recordings, by language."""
    spoken = (
        announcement_translations.c.announcement_id == announcement_id
    ) & announcement_translations.c.audio.is_not(None)
    return {
        row.language: row.audio
        for row in db.execute(
            select(announcement_translations.c.language, announcement_translations.c.audio).where(spoken)
        )
    }


def copy(db: Transaction, announcement_id: int, target_id: int) -> None:
    """The same wordings, with who approved them, for another announcement of the same words; recordings are not copied
    (what is read aloud names no time)."""
    names = [column.name for column in announcement_translations.c if column.name not in ("announcement_id", "audio")]
    whose = announcement_translations.c.announcement_id == announcement_id
    chosen = select(literal(target_id), *(announcement_translations.c[name] for name in names)).where(whose)
    db.execute(insert(announcement_translations).from_select(["announcement_id", *names], chosen))


def _select_without_audio() -> Select[Any]:
    columns = [column for column in announcement_translations.c if column.name != "audio"]
    return select(*columns, (announcement_translations.c.audio.is_not(None)).label("has_audio"))


def _match_translation(announcement_id: int, language: str):  # type: ignore[no-untyped-def]  # SQLAlchemy's own condition
    return (announcement_translations.c.announcement_id == announcement_id) & (
        announcement_translations.c.language == language
    )


def _dump_sentences(parts: Sequence[TranslatedSentence]) -> str:
    return json.dumps([asdict(part) for part in parts], ensure_ascii=False)


def _build_translation(row: Row[Any]) -> AnnouncementTranslation:
    parts = tuple(TranslatedSentence(**{**one, "warnings": tuple(one["warnings"])}) for one in json.loads(row.parts))
    who = (row.reviewed_by, row.recorded_by, row.reviewed_at)
    return AnnouncementTranslation(
        row.announcement_id, row.language, parts, row.state, row.failed, *who, bool(row.has_audio)
    )
