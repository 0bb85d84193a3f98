"""Recordings of Puente's texts by staff, for callers whose language has no computer voice.

A recording is found by its text (`bot.speech.utterances.recording_key`). If the text changes, its recording is no
longer found. The texts hold nothing personal, so they are not encrypted.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Literal, Self

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    and_,
    false,
    insert,
    select,
    update,
)

from bot.base.database import Transaction, UtcDateTime, metadata

recordings = Table(
    "recordings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("language", String(8), nullable=False, index=True),
    Column("key", String(32), nullable=False, index=True),
    Column("place", String(160), nullable=False),
    Column("text", Text, nullable=False),
    Column("mp3", LargeBinary, nullable=False),
    Column("ogg", LargeBinary, nullable=False),
    Column("seconds", Integer, nullable=False),
    Column("recorded_by", String(64), nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("reviewed_by", String(64)),
    Column("reviewed_at", UtcDateTime),
    Column("taken_back_at", UtcDateTime),
)
AudioFormat = Literal["mp3", "ogg"]
RECORDING_KEY_BATCH_SIZE = 500
"""Number of keys per query, because SQLite limits the number of parameters."""


@dataclass(frozen=True)
class Recording:
    """A recording without its audio.

    `place` is where the text was used when it was recorded, such as `menu.open.ask`.
    """

    id: int
    language: str
    key: str
    place: str
    text: str
    seconds: int
    recorded_by: str
    recorded_at: datetime
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None

    @property
    def is_reviewed(self) -> bool:
        """Return whether the recording was reviewed, so that callers hear it."""
        return self.reviewed_at is not None

    @classmethod
    def from_row(cls, row: Row[tuple[object, ...]]) -> Self:
        """Build the recording from its row."""
        return cls(**row._mapping)


@dataclass(frozen=True)
class RecordingAudio:
    """The audio of one recording: mono MP3 for calls, and Opus in OGG for WhatsApp."""

    mp3: bytes
    ogg: bytes
    seconds: int


def add(db: Transaction, recording: Recording, new_audio: RecordingAudio) -> int:
    """Store the recording for review and return its ID.

    The `id` field of the argument is ignored. An unreviewed recording of the same text is withdrawn. A reviewed one
    stays in use until the review of this one.
    """
    withdraw_matching(db, _match_key(recording.key) & recordings.c.reviewed_at.is_(None), recording.recorded_at)
    columns = ("language", "key", "place", "text", "recorded_by", "recorded_at")
    row = {name: getattr(recording, name) for name in columns}
    return int(db.execute(insert(recordings).values(**row, **vars(new_audio)).returning(recordings.c.id)).scalar_one())


def review(db: Transaction, recording_id: int, by: str, now: datetime) -> bool:
    """Approve the recording, which replaces an older one for callers.

    Returns False if it was withdrawn or reviewed, or if `by` recorded it: a second person must review it.
    """
    recording = find(db, recording_id)
    key = and_(
        recordings.c.id == recording_id,
        recordings.c.reviewed_at.is_(None),
        recordings.c.recorded_by != by,
        _match_not_withdrawn(),
    )
    if recording is None:
        return False
    if db.execute(update(recordings).where(key).values(reviewed_by=by, reviewed_at=now)).rowcount != 1:
        return False
    is_older = recordings.c.reviewed_at.is_not(None) & (recordings.c.id != recording_id)
    withdraw_matching(db, _match_key(recording.key) & is_older, now)
    return True


def withdraw(db: Transaction, recording_id: int, now: datetime) -> bool:
    """Withdraw a recording.

    Returns False if it was withdrawn before. The row stays, and the audio is deleted.
    """
    return withdraw_matching(db, and_(recordings.c.id == recording_id, _match_not_withdrawn()), now) == 1


def withdraw_matching(db: Transaction, condition: ColumnElement[bool], now: datetime) -> int:
    """Withdraw all matching recordings and return their number."""
    return db.execute(update(recordings).where(condition).values(taken_back_at=now, mp3=b"", ogg=b"")).rowcount


def find_usable_keys(db: Transaction, language: str, keys: Collection[str]) -> set[str]:
    """Return those of the keys that have a reviewed recording in this language."""
    all_keys, usable_keys = sorted(keys), set()
    is_ready = and_(recordings.c.language == language, _match_not_withdrawn(), recordings.c.reviewed_at.is_not(None))
    for start in range(0, len(all_keys), RECORDING_KEY_BATCH_SIZE):
        is_in_batch = recordings.c.key.in_(all_keys[start : start + RECORDING_KEY_BATCH_SIZE])
        usable_keys |= set(db.execute(select(recordings.c.key).where(is_ready & is_in_batch)).scalars())
    return usable_keys


def get_reviewed_audio(db: Transaction, key: str, kind: AudioFormat) -> bytes | None:
    """Return the reviewed audio with this key, or None."""
    is_ready = _match_key(key) & recordings.c.reviewed_at.is_not(None)
    query = select(recordings.c[kind]).where(is_ready).order_by(recordings.c.id.desc()).limit(1)
    return db.execute(query).scalar_one_or_none()


def get_mp3(db: Transaction, recording_id: int) -> bytes | None:
    """Return the MP3 for staff, reviewed or not, or None if it was withdrawn."""
    query = select(recordings.c.mp3).where(recordings.c.id == recording_id, _match_not_withdrawn())
    return db.execute(query).scalar_one_or_none()


def find(db: Transaction, recording_id: int) -> Recording | None:
    """Return the recording with this ID, or None if it was withdrawn."""
    return next(iter(_fetch_recordings(db, recordings.c.id == recording_id)), None)


def list_for_language(db: Transaction, language: str) -> Sequence[Recording]:
    """Return the recordings of a language that are not withdrawn, oldest first."""
    return _fetch_recordings(db, recordings.c.language == language)


def list_languages(db: Transaction) -> set[str]:
    """Return the languages that have recordings."""
    return set(db.execute(select(recordings.c.language).where(_match_not_withdrawn()).distinct()).scalars())


def _fetch_recordings(db: Transaction, condition: ColumnElement[bool]) -> Sequence[Recording]:
    columns = [recordings.c[field.name] for field in fields(Recording)]
    rows = db.execute(select(*columns).where(condition, _match_not_withdrawn()).order_by(recordings.c.id))
    return [Recording.from_row(row) for row in rows]


def _match_not_withdrawn() -> ColumnElement[bool]:
    return recordings.c.taken_back_at.is_(None)


def _match_key(key: str) -> ColumnElement[bool]:
    if not key:
        return false()
    return and_(recordings.c.key == key, _match_not_withdrawn())
