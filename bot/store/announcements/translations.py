"""Translations of an announcement: one for each language, by sentence, with the reviewer."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, Self

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

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.unique_rows import insert_if_new

TranslationState = Literal["waiting", "draft", "approved"]
"""`waiting` is for the translator."""

announcement_translations = Table(
    "announcement_translations",
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
    """One sentence and its translation.

    `after` is the text between it and the next sentence. `machine` is "yes", "no" (a person translated), or "".
    """

    english: str
    wording: str = ""
    machine: str = ""
    back: str = ""
    warnings: tuple[str, ...] = ()
    after: str = " "


@dataclass(frozen=True)
class AnnouncementTranslation:
    """The translation into one language.

    `failed` says why a sentence has no translation.
    """

    announcement_id: int
    language: str
    parts: tuple[TranslatedSentence, ...]
    state: TranslationState
    failed: str
    reviewed_by: str | None
    recorded_by: str | None
    reviewed_at: datetime | None
    has_audio: bool

    @property
    def is_complete(self) -> bool:
        """Return whether every sentence has a translation."""
        return bool(self.parts) and all(part.wording.strip() for part in self.parts)

    @property
    def text(self) -> str:
        """Return the whole text."""
        return "".join(part.wording.strip() + part.after for part in self.parts).strip()

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Build the announcement translation from its row."""
        parts = tuple(
            TranslatedSentence(**{**part, "warnings": tuple(part["warnings"])}) for part in json.loads(row.parts)
        )
        return cls(
            announcement_id=row.announcement_id,
            language=row.language,
            parts=parts,
            state=row.state,
            failed=row.failed,
            reviewed_by=row.reviewed_by,
            recorded_by=row.recorded_by,
            reviewed_at=row.reviewed_at,
            has_audio=bool(row.has_audio),
        )


def request(
    db: Transaction, announcement_id: int, language: str, parts: Sequence[TranslatedSentence], now: datetime
) -> bool:
    """Request a translation of these sentences.

    Returns False if the same sentences are stored.
    """
    row = {"parts": _dump_sentences(parts), "state": "waiting", "failed": "", "due_at": now, "reviewed_by": None}
    row |= {"recorded_by": None, "reviewed_at": None}
    translation = find(db, announcement_id, language)
    if translation is None:
        new_row = {"announcement_id": announcement_id, "language": language, **row}
        return insert_if_new(db, announcement_translations, new_row) is not None
    old_sentences = [(part.english, part.after) for part in translation.parts]
    if old_sentences == [(part.english, part.after) for part in parts]:
        return False
    values = row | {"audio": None}  # the recording is of the old sentences
    db.execute(update(announcement_translations).where(_match_translation(announcement_id, language)).values(values))
    return True


def request_again(db: Transaction, announcement_id: int, language: str, now: datetime) -> None:
    """Request a new draft, unless the translation is approved."""
    key = _match_translation(announcement_id, language) & (announcement_translations.c.state != "approved")
    db.execute(update(announcement_translations).where(key).values(state="waiting", due_at=now, failed=""))


def find(db: Transaction, announcement_id: int, language: str) -> AnnouncementTranslation | None:
    """Return the translation into this language, or None."""
    row = db.execute(_select_without_audio().where(_match_translation(announcement_id, language))).one_or_none()
    return AnnouncementTranslation.from_row(row) if row else None


def list_for_announcement(db: Transaction, announcement_id: int) -> dict[str, AnnouncementTranslation]:
    """Return all translations, by language."""
    rows = db.execute(
        _select_without_audio()
        .where(announcement_translations.c.announcement_id == announcement_id)
        .order_by(announcement_translations.c.language)
    )
    return {row.language: AnnouncementTranslation.from_row(row) for row in rows}


def list_due(db: Transaction, now: datetime, limit: int) -> Sequence[tuple[int, str]]:
    """Return (announcement ID, language) of the translations that wait for the translator."""
    key = (announcement_translations.c.state == "waiting") & (announcement_translations.c.due_at <= now)
    query = (
        select(announcement_translations.c.announcement_id, announcement_translations.c.language)
        .where(key)
        .limit(limit)
    )
    return [(row.announcement_id, row.language) for row in db.execute(query)]


def claim(db: Transaction, announcement_id: int, language: str, now: datetime, until: datetime) -> bool:
    """Claim a translation for the translator until `until`.

    Returns False if another job claimed it.
    """
    key = (
        _match_translation(announcement_id, language)
        & (announcement_translations.c.state == "waiting")
        & (announcement_translations.c.due_at <= now)
    )
    return db.execute(update(announcement_translations).where(key).values(due_at=until)).rowcount == 1


def save_draft(
    db: Transaction, announcement_id: int, language: str, parts: Sequence[TranslatedSentence], failed: str = ""
) -> bool:
    """Store the translator's draft.

    Returns False if the sentences changed, or if the translation was approved meanwhile.
    """
    translation = find(db, announcement_id, language)
    if not translation or translation.state == "approved":
        return False
    if [part.english for part in translation.parts] != [part.english for part in parts]:
        return False
    values = {"parts": _dump_sentences(parts), "state": "draft", "failed": failed[:24]}
    db.execute(update(announcement_translations).where(_match_translation(announcement_id, language)).values(values))
    return True


@dataclass(frozen=True)
class TranslationReview:
    """A review of a translation.

    `reviewed_by` is the reviewer's name. `recorded_by` is the login that recorded the review.
    """

    reviewed_by: str
    recorded_by: str
    at: datetime


def approve(
    db: Transaction, announcement_id: int, language: str, parts: Sequence[TranslatedSentence], review: TranslationReview
) -> None:
    """Store the sentences as an approved translation."""
    values: dict[str, object] = {"parts": _dump_sentences(parts), "state": "approved", "failed": ""}
    values |= {"reviewed_by": review.reviewed_by[:80], "recorded_by": review.recorded_by, "reviewed_at": review.at}
    db.execute(update(announcement_translations).where(_match_translation(announcement_id, language)).values(values))


def set_audio(db: Transaction, announcement_id: int, language: str, audio: bytes | None) -> None:
    """Store the district's recording (MP3), or delete it if `audio` is None."""
    db.execute(
        update(announcement_translations).where(_match_translation(announcement_id, language)).values(audio=audio)
    )


def get_audio(db: Transaction, announcement_id: int, language: str) -> bytes | None:
    """Return the district's recording, or None."""
    query = select(announcement_translations.c.audio).where(_match_translation(announcement_id, language))
    return db.execute(query).scalar_one_or_none()


def list_audio_by_language(db: Transaction, announcement_id: int) -> dict[str, bytes]:
    """Return all recordings, by language."""
    query = select(announcement_translations.c.language, announcement_translations.c.audio).where(
        announcement_translations.c.announcement_id == announcement_id,
        announcement_translations.c.audio.is_not(None),
    )
    return {row.language: row.audio for row in db.execute(query)}


def copy(db: Transaction, announcement_id: int, target_id: int) -> None:
    """Copy the translations and their reviews to an announcement with the same text.

    Recordings are not copied. Text that is read aloud names no time.
    """
    names = [column.name for column in announcement_translations.c if column.name not in ("announcement_id", "audio")]
    key = announcement_translations.c.announcement_id == announcement_id
    query = select(literal(target_id), *(announcement_translations.c[name] for name in names)).where(key)
    db.execute(insert(announcement_translations).from_select(["announcement_id", *names], query))


def _select_without_audio() -> Select[Any]:
    columns = [column for column in announcement_translations.c if column.name != "audio"]
    return select(*columns, (announcement_translations.c.audio.is_not(None)).label("has_audio"))


def _match_translation(announcement_id: int, language: str):  # type: ignore[no-untyped-def]  # SQLAlchemy's own condition
    return (announcement_translations.c.announcement_id == announcement_id) & (
        announcement_translations.c.language == language
    )


def _dump_sentences(parts: Sequence[TranslatedSentence]) -> str:
    return json.dumps([asdict(part) for part in parts], ensure_ascii=False)
