"""Voice notes that families send.

The audio is encrypted here. After Puente fetches it, Puente deletes it at Twilio.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    and_,
    delete,
    or_,
    select,
    update,
)
from sqlalchemy.engine import Row

from bot.base.database import NO_ID_REUSE, Transaction, UtcDateTime, metadata
from bot.store.cases.cases import OPEN_STATES, cases
from bot.store.families import record_keys
from bot.store.families.record_keys import Decryptor
from bot.store.unique_rows import insert_or_get

VoiceNoteState = Literal["new", "fetched", "refused", "gone"]
"""`new` must be fetched. `refused` has a `reason`. `gone` was deleted by retention or erasure."""
TranscriptState = Literal["", "waiting", "done", "failed"]
"""Empty: no transcript was requested."""
VoiceNoteStep = Literal["fetch", "delete", "transcribe"]

MAX_MEDIA_PER_MESSAGE, CAUSE_BATCH_SIZE = 10, 500
"""Twilio's limit of media files per message, and the number of rows per query."""

voice_notes = Table(
    "voice_notes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cause", String(80), nullable=False, unique=True),
    Column("contact_id", ForeignKey("contacts.id"), index=True),
    Column("case_id", ForeignKey("cases.id"), index=True),
    Column("urgent_case_id", ForeignKey("cases.id"), index=True),
    Column("language", String(8), nullable=False),
    Column("sealed_url", Text, nullable=False),
    Column("content_type", String(80), nullable=False),
    Column("bytes", Integer, nullable=False, server_default="0"),
    Column("sealed_audio", LargeBinary),
    Column("sealed_transcript", Text),
    Column("transcript", String(8), nullable=False, server_default=""),
    Column("state", String(8), nullable=False),
    Column("reason", String(16), nullable=False, server_default=""),
    Column("at_twilio", Boolean, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("due_at", UtcDateTime, index=True),
    Column("heard_by", String(64)),
    Column("heard_at", UtcDateTime),
    Column("at", UtcDateTime, nullable=False),
    **NO_ID_REUSE,
)
_COLUMNS_WITHOUT_AUDIO = tuple(column for column in voice_notes.c if column.name != "sealed_audio")


@dataclass(frozen=True)
class NewVoiceNote:
    """A voice note that arrived.

    `url` is its address at Twilio, and `content_type` is the type that Twilio reports. `cause` makes a repeat add no
    row.
    """

    cause: str
    contact_id: int | None
    case_id: int | None
    language: str
    url: str
    content_type: str


@dataclass(frozen=True)
class FetchedVoiceNote:
    """The audio from Twilio.

    `should_transcribe` requests a transcript.
    """

    content_type: str
    audio: bytes
    should_transcribe: bool = False


@dataclass(frozen=True)
class VoiceNote:
    """One voice note without its audio, which `load_audio` returns.

    `text` is the transcript, if there is one. `due_at` is when a job must do the next step; None means that nothing is
    left. Before a job starts, it moves `due_at` forward by a lease, so that the sweep finds the row if the job dies.
    """

    id: int
    cause: str
    contact_id: int | None
    case_id: int | None
    urgent_case_id: int | None
    language: str
    url: str
    content_type: str
    bytes: int
    text: str
    transcript: TranscriptState
    state: VoiceNoteState
    reason: str
    at_twilio: bool
    tries: int
    due_at: datetime | None
    heard_by: str | None
    heard_at: datetime | None
    at: datetime

    @property
    def next_step(self) -> VoiceNoteStep | None:
        """Return the next step, with the most urgent one first."""
        if self.state == "new":
            return "fetch"
        if self.transcript == "waiting":
            return "transcribe"
        if self.at_twilio:
            return "delete"
        return None

    @classmethod
    def from_row(cls, row: Row[Any], decryptor: Decryptor) -> Self:
        """Build the voice note from its row."""
        names = cls.__dataclass_fields__.keys() - {"url", "text"}
        encrypted = row.sealed_transcript
        text = ""
        if encrypted:
            text = decryptor.decrypt(encrypted, build_context(row.cause, "transcript"))
        url = decryptor.decrypt(row.sealed_url, build_context(row.cause, "url"))
        return cls(url=url, text=text, **{name: getattr(row, name) for name in names})


def add(db: Transaction, new: NewVoiceNote, now: datetime) -> int:
    """Store the voice note and return its ID.

    If a row with the same `cause` exists, return the ID of that row. Queue `PROCESS_VOICE_NOTE_JOB` afterward.
    `new.url` is a Media resource of a message, or a Recording of a call. If it is empty, there is nothing to fetch.
    """
    progress: dict[str, object] = {"state": "refused", "reason": "missing", "at_twilio": False, "due_at": None}
    if new.url:
        progress = {"state": "new", "reason": "", "at_twilio": True, "due_at": now}
    row = {
        "cause": new.cause,
        "contact_id": new.contact_id,
        "case_id": new.case_id,
        "language": new.language,
        # `DATA_KEY` encrypts the address, because the note must be deleted at Twilio even without the family's key.
        "sealed_url": db.vault.encrypt(new.url, build_context(new.cause, "url")),
        "content_type": new.content_type[:80],
        "at": now,
        **progress,
    }
    return int(insert_or_get(db, voice_notes, row, "cause").id)


def find(db: Transaction, note_id: int) -> VoiceNote | None:
    """Return the voice note with this ID, or None."""
    row = db.execute(select(*_COLUMNS_WITHOUT_AUDIO).where(voice_notes.c.id == note_id)).one_or_none()
    if row is None:
        return None
    return VoiceNote.from_row(row, record_keys.get_decryptor(db))


def list_for_case(db: Transaction, case_id: int) -> list[VoiceNote]:
    """Return the voice notes of a case in order, including those that contain its emergency."""
    is_of_case = or_(voice_notes.c.case_id == case_id, voice_notes.c.urgent_case_id == case_id)
    query = select(*_COLUMNS_WITHOUT_AUDIO).where(is_of_case, voice_notes.c.state != "gone").order_by(voice_notes.c.id)
    return [VoiceNote.from_row(row, record_keys.get_decryptor(db)) for row in db.execute(query)]


def load_audio(db: Transaction, note: VoiceNote) -> bytes | None:
    """Return the audio, or None if it is not stored."""
    encrypted = db.execute(select(voice_notes.c.sealed_audio).where(voice_notes.c.id == note.id)).scalar_one_or_none()
    decryptor = record_keys.get_decryptor(db)
    if not encrypted:
        return None
    return decryptor.decrypt_bytes(encrypted, build_context(note.cause, "audio"))


def find_needed_message_sids(db: Transaction, message_sids: Iterable[str]) -> set[str]:
    """Return those of these messages whose media at Twilio still must be fetched or deleted."""
    sid_by_cause = {f"{sid}:{number}": sid for sid in message_sids for number in range(MAX_MEDIA_PER_MESSAGE)}
    causes, needed_sids = list(sid_by_cause), set()
    for start in range(0, len(causes), CAUSE_BATCH_SIZE):
        key = voice_notes.c.cause.in_(causes[start : start + CAUSE_BATCH_SIZE]) & voice_notes.c.at_twilio
        needed_sids |= {sid_by_cause[cause] for cause in db.execute(select(voice_notes.c.cause).where(key)).scalars()}
    return needed_sids


def list_due(db: Transaction, now: datetime, limit: int) -> Sequence[int]:
    """Return the IDs of voice notes that are due, for the sweep."""
    query = select(voice_notes.c.id).where(voice_notes.c.due_at <= now).order_by(voice_notes.c.due_at).limit(limit)
    return db.execute(query).scalars().all()


def claim(db: Transaction, note: VoiceNote, until: datetime) -> bool:
    """Claim the next step of the voice note until `until`, when the sweep may queue it again.

    Returns False if another process claimed it.
    """
    key = (voice_notes.c.id == note.id) & (voice_notes.c.due_at == note.due_at)
    values = {"due_at": until, "tries": voice_notes.c.tries + 1}
    return db.execute(update(voice_notes).where(key).values(values)).rowcount == 1


def mark_fetched(db: Transaction, note: VoiceNote, fetched: FetchedVoiceNote, now: datetime) -> bool:
    """Store the fetched audio.

    Returns False if the note was deleted or fetched meanwhile.
    """
    key = (voice_notes.c.id == note.id) & (voice_notes.c.state == "new")
    encryptor = record_keys.get_encryptor(db, note.contact_id)
    values = {
        "state": "fetched",
        "content_type": fetched.content_type,
        "bytes": len(fetched.audio),
        "tries": 0,
        "due_at": now,
        "sealed_audio": encryptor.encrypt_bytes(fetched.audio, build_context(note.cause, "audio")),
        "transcript": "waiting" if fetched.should_transcribe else "",
    }
    return db.execute(update(voice_notes).where(key).values(values)).rowcount == 1


def mark_refused(db: Transaction, note_id: int, reason: str, due_at: datetime) -> None:
    """Record why Puente does not fetch the note.

    From `due_at` on, a job deletes the note at Twilio.
    """
    key = (voice_notes.c.id == note_id) & (voice_notes.c.state == "new")
    values = {"state": "refused", "reason": reason, "tries": 0, "due_at": due_at}
    db.execute(update(voice_notes).where(key).values(values))


def schedule_retry(db: Transaction, note_id: int, reason: str, due_at: datetime) -> None:
    """Schedule the next try after a failure."""
    key = voice_notes.c.id == note_id
    still_new = key & (voice_notes.c.state == "new")
    db.execute(update(voice_notes).where(key).values(due_at=due_at))
    db.execute(update(voice_notes).where(still_new).values(reason=reason))


def save_transcript(db: Transaction, note: VoiceNote, text: str | None, now: datetime) -> bool:
    """Store the transcript, or None if the transcription failed.

    Returns False if a result was stored before, or if the note was deleted.
    """
    key = (voice_notes.c.id == note.id) & (voice_notes.c.transcript == "waiting")
    encryptor = record_keys.get_encryptor(db, note.contact_id)
    values = {"sealed_transcript": None, "transcript": "failed", "tries": 0, "due_at": now}
    if text:
        encrypted = encryptor.encrypt(text, build_context(note.cause, "transcript"))
        values |= {"sealed_transcript": encrypted, "transcript": "done"}
    return db.execute(update(voice_notes).where(key).values(values)).rowcount == 1


def set_emergency_case(db: Transaction, note_id: int, case_id: int) -> None:
    """Set the case of the emergency that was found in the voice note."""
    db.execute(update(voice_notes).where(voice_notes.c.id == note_id).values(urgent_case_id=case_id))


def mark_heard(db: Transaction, note_id: int, by: str, now: datetime) -> None:
    """Record the first staff member who listened to the voice note."""
    key = (voice_notes.c.id == note_id) & voice_notes.c.heard_at.is_(None)
    db.execute(update(voice_notes).where(key).values(heard_by=by, heard_at=now))


def mark_removed_at_twilio(db: Transaction, note_id: int) -> None:
    """Record that the note is deleted at Twilio.

    If it is deleted here too, delete the row.
    """
    key = voice_notes.c.id == note_id
    db.execute(delete(voice_notes).where(key, voice_notes.c.state == "gone"))
    db.execute(update(voice_notes).where(key).values(at_twilio=False, tries=0, due_at=None))


def delete_old(db: Transaction, before: datetime, now: datetime) -> int:
    """Delete the audio and transcripts of old voice notes, and return their number.

    A note is old if its cases were resolved before `before`, or if it has no case and arrived before `before`.
    """
    old_cases = select(cases.c.id).where(cases.c.state.not_in(OPEN_STATES), cases.c.resolved_at < before)
    emergency_case_id = voice_notes.c.urgent_case_id
    is_finished = and_(
        voice_notes.c.case_id.in_(old_cases), or_(emergency_case_id.is_(None), emergency_case_id.in_(old_cases))
    )
    is_without_case = voice_notes.c.case_id.is_(None) & (voice_notes.c.at < before)
    return _delete_matching(db, and_(or_(is_finished, is_without_case), voice_notes.c.state != "gone"), now)


def delete_for_contact(db: Transaction, contact_id: int, now: datetime) -> None:
    """Delete the voice notes of an erased contact.

    The address at Twilio stays until the note is deleted there.
    """
    _delete_matching(db, voice_notes.c.contact_id == contact_id, now)


def _delete_matching(db: Transaction, condition: Any, now: datetime) -> int:
    content = {"sealed_audio": None, "sealed_transcript": None, "transcript": "", "bytes": 0, "heard_by": None}
    links = {"contact_id": None, "case_id": None, "urgent_case_id": None}
    deleted_count = db.execute(delete(voice_notes).where(condition, voice_notes.c.at_twilio.is_(False))).rowcount
    values = {**content, **links, "state": "gone", "tries": 0, "due_at": now}
    return deleted_count + db.execute(update(voice_notes).where(condition).values(values)).rowcount


def build_context(cause: str, part: str) -> str:
    return f"voice note:{part}:{cause}"
