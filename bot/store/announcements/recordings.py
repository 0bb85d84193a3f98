"""Recordings: a text of the line, said aloud by a person, for callers whose language no machine speaks.

Found by what is said (`bot.speech.utterances.recording_key`): where the text changes, its recording is not found any
more.  The texts are the line's own and hold nothing personal, so that they stand here in the clear.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Literal

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
"""So many keys are asked for in one query: SQLite takes no more than some thousand."""


@dataclass(frozen=True)
class Recording:
    """What stands beside the sound.  `place` is where the text stood when it was said (`menu.open.ask`)."""

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
        """Whether somebody has reviewed it, so that callers hear it."""
        return self.reviewed_at is not None


@dataclass(frozen=True)
class RecordingAudio:
    """One recording, as calls (mono MP3) and WhatsApp (Opus in OGG) want it."""

    mp3: bytes
    ogg: bytes
    seconds: int


def add(db: Transaction, recording: Recording, new_audio: RecordingAudio) -> int:
    """Keep it for review (its `id` counts for nothing) and give back its number.  One that still waited for the same
    text is dropped; a reviewed one is heard until this one is reviewed too."""
    withdraw_matching(db, _match_key(recording.key) & recordings.c.reviewed_at.is_(None), recording.recorded_at)
    columns = ("language", "key", "place", "text", "recorded_by", "recorded_at")
    row = {name: getattr(recording, name) for name in columns}
    return int(db.execute(insert(recordings).values(**row, **vars(new_audio)).returning(recordings.c.id)).scalar_one())


def review(db: Transaction, number: int, by: str, at: datetime) -> bool:
    """Let callers hear it from now on, in place of an older one; False if it is gone, reviewed already, or `by` is who
    recorded it: one person alone could have families told anything."""
    found = find(db, number)
    mine = and_(
        recordings.c.id == number,
        recordings.c.reviewed_at.is_(None),
        recordings.c.recorded_by != by,
        _match_not_withdrawn(),
    )
    if found is None or db.execute(update(recordings).where(mine).values(reviewed_by=by, reviewed_at=at)).rowcount != 1:
        return False
    withdraw_matching(
        db, _match_key(found.key) & recordings.c.reviewed_at.is_not(None) & (recordings.c.id != number), at
    )
    return True


def withdraw(db: Transaction, number: int, at: datetime) -> bool:
    """Have nobody hear it any more; False if it was taken back before.  Who said what is kept, the voice is not."""
    return withdraw_matching(db, and_(recordings.c.id == number, _match_not_withdrawn()), at) == 1


def withdraw_matching(db: Transaction, condition: ColumnElement[bool], at: datetime) -> int:
    """Take back all of these; how many that were."""
    return db.execute(update(recordings).where(condition).values(taken_back_at=at, mp3=b"", ogg=b"")).rowcount


def find_usable_keys(db: Transaction, language: str, keys: Collection[str]) -> set[str]:
    """Those of the keys for which callers of this language hear a reviewed recording."""
    wanted, found = sorted(keys), set()
    ready = and_(recordings.c.language == language, _match_not_withdrawn(), recordings.c.reviewed_at.is_not(None))
    for start in range(0, len(wanted), RECORDING_KEY_BATCH_SIZE):
        some = recordings.c.key.in_(wanted[start : start + RECORDING_KEY_BATCH_SIZE])
        found |= set(db.execute(select(recordings.c.key).where(ready & some)).scalars())
    return found


def get_reviewed_audio(db: Transaction, key: str, kind: AudioFormat) -> bytes | None:
    """The reviewed recording under this key; None if there is none."""
    ready = _match_key(key) & recordings.c.reviewed_at.is_not(None)
    query = select(recordings.c[kind]).where(ready).order_by(recordings.c.id.desc()).limit(1)
    return db.execute(query).scalar_one_or_none()


def get_mp3(db: Transaction, number: int) -> bytes | None:
    """The MP3 of this one, reviewed or not, for staff to listen to; None once it is taken back."""
    query = select(recordings.c.mp3).where(recordings.c.id == number, _match_not_withdrawn())
    return db.execute(query).scalar_one_or_none()


def find(db: Transaction, number: int) -> Recording | None:
    """The recording with this number, unless it was taken back."""
    return next(iter(_fetch_recordings(db, recordings.c.id == number)), None)


def list_for_language(db: Transaction, language: str) -> Sequence[Recording]:
    """All of a language that nobody took back, the oldest first."""
    return _fetch_recordings(db, recordings.c.language == language)


def list_languages(db: Transaction) -> set[str]:
    """The languages in which something was recorded."""
    return set(db.execute(select(recordings.c.language).where(_match_not_withdrawn()).distinct()).scalars())


def _fetch_recordings(db: Transaction, condition: ColumnElement[bool]) -> Sequence[Recording]:
    columns = [recordings.c[one.name] for one in fields(Recording)]
    rows = db.execute(select(*columns).where(condition, _match_not_withdrawn()).order_by(recordings.c.id))
    return [_build_recording(row) for row in rows]


def _build_recording(row: Row[tuple[object, ...]]) -> Recording:
    return Recording(**row._mapping)


def _match_not_withdrawn() -> ColumnElement[bool]:
    return recordings.c.taken_back_at.is_(None)


def _match_key(key: str) -> ColumnElement[bool]:
    return and_(recordings.c.key == key, _match_not_withdrawn()) if key else false()
