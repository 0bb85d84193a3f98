"""Voice notes: what families say instead of writing.  The sound lies here sealed; at Twilio only until it is here.

States: `new` (to be fetched) → `fetched`, or `refused` (why: `reason`); `gone` once retention or forgetting took it.
`due_at` is when a job looks at the row next; a job puts it ahead by a lease before it begins, so that after a kill -9
the sweep finds it.  Empty: nothing is left to do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

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
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from bot.base.database import NO_ID_REUSE, Transaction, UtcDateTime, metadata
from bot.store.cases.cases import OPEN_STATES, cases
from bot.store.families import record_keys
from bot.store.families.record_keys import Decryptor

VoiceNoteState = Literal["new", "fetched", "refused", "gone"]
VoiceNoteStep = Literal["fetch", "delete", "transcribe"]

MAX_MEDIA_PER_MESSAGE, CAUSE_BATCH_SIZE = 10, 500
"""So many files one message has at Twilio; so many rows are asked for in one query."""

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
"""`transcript`: "waiting" for the machine, "done", "failed", or empty (none was asked)."""

_COLUMNS_WITHOUT_AUDIO = tuple(column for column in voice_notes.c if column.name != "sealed_audio")


@dataclass(frozen=True)
class NewVoiceNote:
    """What came: whose it is, where it lies, of which type it is said to be.  `cause` makes a repeat count once."""

    cause: str
    contact_id: int | None
    case_id: int | None
    language: str
    url: str
    content_type: str


@dataclass(frozen=True)
class FetchedVoiceNote:
    """What lay at Twilio; `transcribe`: a machine is to write it down."""

    content_type: str
    audio: bytes
    should_transcribe: bool = False


@dataclass(frozen=True)
class VoiceNote:
    """One voice note without its sound (`audio_of`).  `text` is what a machine heard in it, if one was asked."""

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
    transcript: str
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
        """What is to be done next: what is wanted urgently first."""
        if self.state == "new":
            return "fetch"
        if self.transcript == "waiting":
            return "transcribe"
        return "delete" if self.at_twilio else None


def add(db: Transaction, new: NewVoiceNote, at: datetime) -> int:
    """The row's number; of the one that was there before, if this came already.  Then queue `VOICE_NOTE` for it.

    `new.url`: a Media resource of a message, or a Recording of a call.  Without one there is nothing to fetch.
    """
    missing = {"state": "refused", "reason": "missing", "at_twilio": False, "due_at": None}
    # The address is sealed by `DATA_KEY`: it must be deleted at Twilio even when the family's key is destroyed.
    there = {"state": "new", "reason": "", "at_twilio": True, "due_at": at}
    row = {
        "cause": new.cause,
        "contact_id": new.contact_id,
        "case_id": new.case_id,
        "language": new.language,
        "sealed_url": db.vault.encrypt(new.url, build_context(new.cause, "url")),
        "content_type": new.content_type[:80],
        "at": at,
        **(there if new.url else missing),
    }
    try:
        with db.begin_nested():
            return int(db.execute(insert(voice_notes).values(row).returning(voice_notes.c.id)).scalar_one())
    except IntegrityError:
        return int(db.execute(select(voice_notes.c.id).where(voice_notes.c.cause == new.cause)).scalar_one())


def find(db: Transaction, note_id: int) -> VoiceNote | None:
    """The note with this number, if there is one."""
    row = db.execute(select(*_COLUMNS_WITHOUT_AUDIO).where(voice_notes.c.id == note_id)).one_or_none()
    return _build_note(row, record_keys.get_decryptor(db)) if row else None


def list_for_case(db: Transaction, case_id: int) -> list[VoiceNote]:
    """The notes of a case, in order, and those whose emergency it is."""
    its = or_(voice_notes.c.case_id == case_id, voice_notes.c.urgent_case_id == case_id)
    query = select(*_COLUMNS_WITHOUT_AUDIO).where(its, voice_notes.c.state != "gone").order_by(voice_notes.c.id)
    return [_build_note(row, record_keys.get_decryptor(db)) for row in db.execute(query)]


def load_audio(db: Transaction, note: VoiceNote) -> bytes | None:
    """The sound; None if it is not here."""
    sealed = db.execute(select(voice_notes.c.sealed_audio).where(voice_notes.c.id == note.id)).scalar_one_or_none()
    opens = record_keys.get_decryptor(db)
    return opens.decrypt_bytes(sealed, build_context(note.cause, "audio")) if sealed else None


def find_needed_message_sids(db: Transaction, message_sids: Iterable[str]) -> set[str]:
    """Those of these messages whose sounds at Twilio are still to be fetched or deleted by a note of ours."""
    of = {f"{sid}:{number}": sid for sid in message_sids for number in range(MAX_MEDIA_PER_MESSAGE)}
    causes, found = list(of), set()
    for start in range(0, len(causes), CAUSE_BATCH_SIZE):
        mine = voice_notes.c.cause.in_(causes[start : start + CAUSE_BATCH_SIZE]) & voice_notes.c.at_twilio
        found |= {of[cause] for cause in db.execute(select(voice_notes.c.cause).where(mine)).scalars()}
    return found


def list_due(db: Transaction, at: datetime, limit: int) -> Sequence[int]:
    """The numbers of notes with something to do: the sweep queues them."""
    query = select(voice_notes.c.id).where(voice_notes.c.due_at <= at).order_by(voice_notes.c.due_at).limit(limit)
    return db.execute(query).scalars().all()


def claim(db: Transaction, note: VoiceNote, until: datetime) -> bool:
    """Take the note's next step; False if another process has it.  After `until` the sweep gives it away again."""
    key = (voice_notes.c.id == note.id) & (voice_notes.c.due_at == note.due_at)
    values = {"due_at": until, "tries": voice_notes.c.tries + 1}
    return db.execute(update(voice_notes).where(key).values(values)).rowcount == 1


def mark_fetched(db: Transaction, note: VoiceNote, fetched: FetchedVoiceNote, at: datetime) -> bool:
    """The sound is here; False if the note was taken away meanwhile, or fetched by somebody else."""
    key = (voice_notes.c.id == note.id) & (voice_notes.c.state == "new")
    own = record_keys.get_encryptor(db, note.contact_id)
    values = {
        "state": "fetched", "content_type": fetched.content_type, "bytes": len(fetched.audio), "tries": 0, "due_at": at,
        "sealed_audio": own.encrypt_bytes(fetched.audio, build_context(note.cause, "audio")),
        "transcript": "waiting" if fetched.should_transcribe else "",
    }  # fmt: skip
    return db.execute(update(voice_notes).where(key).values(values)).rowcount == 1


def mark_refused(db: Transaction, note_id: int, reason: str, at: datetime) -> None:
    """It will not be fetched, and why; from `at` on it is to be deleted at Twilio."""
    key = (voice_notes.c.id == note_id) & (voice_notes.c.state == "new")
    values = {"state": "refused", "reason": reason, "tries": 0, "due_at": at}
    db.execute(update(voice_notes).where(key).values(values))


def schedule_retry(db: Transaction, note_id: int, reason: str, at: datetime) -> None:
    """It did not work this time; `at` is the next try."""
    key = voice_notes.c.id == note_id
    still_new = key & (voice_notes.c.state == "new")
    db.execute(update(voice_notes).where(key).values(due_at=at))
    db.execute(update(voice_notes).where(still_new).values(reason=reason))


def save_transcript(db: Transaction, note: VoiceNote, text: str | None, at: datetime) -> bool:
    """What a machine heard (None: nothing); False if that was written before, or the note was taken away."""
    key = (voice_notes.c.id == note.id) & (voice_notes.c.transcript == "waiting")
    own = record_keys.get_encryptor(db, note.contact_id)
    sealed = own.encrypt(text, build_context(note.cause, "transcript")) if text else None
    values = {"sealed_transcript": sealed, "transcript": "done" if text else "failed", "tries": 0, "due_at": at}
    return db.execute(update(voice_notes).where(key).values(values)).rowcount == 1


def set_emergency_case(db: Transaction, note_id: int, case_id: int) -> None:
    """The emergency that was recognised in it is this case."""
    db.execute(update(voice_notes).where(voice_notes.c.id == note_id).values(urgent_case_id=case_id))


def mark_heard(db: Transaction, note_id: int, by: str, at: datetime) -> None:
    """Somebody has listened to it; the first one stands there."""
    key = (voice_notes.c.id == note_id) & voice_notes.c.heard_at.is_(None)
    db.execute(update(voice_notes).where(key).values(heard_by=by, heard_at=at))


def mark_removed_at_twilio(db: Transaction, note_id: int) -> None:
    """It is not at Twilio any more; a note that is gone here too leaves no row."""
    key = voice_notes.c.id == note_id
    db.execute(delete(voice_notes).where(key, voice_notes.c.state == "gone"))
    db.execute(update(voice_notes).where(key).values(at_twilio=False, tries=0, due_at=None))


def delete_old(db: Transaction, before: datetime, at: datetime) -> int:
    """Notes of cases that were done before, and older ones without a case, lose their sound and words; how many."""
    old = select(cases.c.id).where(cases.c.state.not_in(OPEN_STATES), cases.c.resolved_at < before)
    emergency = voice_notes.c.urgent_case_id
    finished = and_(voice_notes.c.case_id.in_(old), or_(emergency.is_(None), emergency.in_(old)))
    alone = voice_notes.c.case_id.is_(None) & (voice_notes.c.at < before)
    return _delete_matching(db, and_(or_(finished, alone), voice_notes.c.state != "gone"), at)


def delete_for_contact(db: Transaction, contact_id: int, at: datetime) -> None:
    """A family is erased: its voice is gone at once; only the address at Twilio stays until it is gone there."""
    _delete_matching(db, voice_notes.c.contact_id == contact_id, at)


def _delete_matching(db: Transaction, condition: Any, at: datetime) -> int:
    nothing = {"sealed_audio": None, "sealed_transcript": None, "transcript": "", "bytes": 0, "heard_by": None}
    nobodys = {"contact_id": None, "case_id": None, "urgent_case_id": None}
    taken = db.execute(delete(voice_notes).where(condition, voice_notes.c.at_twilio.is_(False))).rowcount
    values = {**nothing, **nobodys, "state": "gone", "tries": 0, "due_at": at}
    return taken + db.execute(update(voice_notes).where(condition).values(values)).rowcount


def _build_note(row: Row[Any], decryptor: Decryptor) -> VoiceNote:
    names = VoiceNote.__dataclass_fields__.keys() - {"url", "text"}
    sealed = row.sealed_transcript
    text = decryptor.decrypt(sealed, build_context(row.cause, "transcript")) if sealed else ""
    url = decryptor.decrypt(row.sealed_url, build_context(row.cause, "url"))
    return VoiceNote(url=url, text=text, **{name: getattr(row, name) for name in names})


def build_context(cause: str, part: str) -> str:
    return f"voice note:{part}:{cause}"
