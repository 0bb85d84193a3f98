"""Messages of a case: the last turns before it, the conversation with staff, and internal notes.

All texts are encrypted. Each row holds the original and its translation.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text, select, update
from sqlalchemy.engine import Row

from bot.base.database import NO_ID_REUSE, Transaction, UtcDateTime, metadata
from bot.store.cases import cases
from bot.store.families import record_keys
from bot.store.families.record_keys import Decryptor
from bot.store.unique_rows import insert_or_get

MessageAuthor = Literal["family", "helper", "staff", "note"]
CaseMessageState = Literal[
    "kept", "before", "waiting", "done", "untranslated", "drafting", "draft", "to_send", "dropped"
]
"""The progress of a message:

- `kept`: needs no translation.
- `before`: a turn before the case, which waits for the translator.
- `waiting`: waits for the translator.
- `done`: translated, or sent.
- `untranslated`: the translation failed.
- `drafting`, then `draft`: staff check the translation before sending.
- `to_send`: written on a staff phone, translated, and ready to send.
- `dropped`: staff dropped the draft.
"""

case_messages = Table(
    "case_messages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False, index=True),
    Column("cause", String(80), nullable=False, unique=True),
    Column("author", String(8), nullable=False),
    Column("staff", String(64)),
    Column("language", String(8), nullable=False),
    Column("to_language", String(8)),
    Column("sealed_original", Text, nullable=False),
    Column("sealed_translation", Text),
    Column("sealed_back", Text),
    Column("warnings", String(120), nullable=False),
    Column("machine", String(8), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("delivery_id", ForeignKey("deliveries.id")),
    Column("at", UtcDateTime, nullable=False),
    **NO_ID_REUSE,
)

PENDING_TRANSLATION_STATES: tuple[CaseMessageState, ...] = ("waiting", "before", "drafting")


@dataclass(frozen=True)
class CaseMessage:
    """One message of a case.

    `machine` is `yes` (machine translation), `no` (approved phrase), or empty (no translation).
    """

    id: int
    case_id: int
    author: MessageAuthor
    staff: str | None
    language: str
    to_language: str | None
    original: str
    translation: str
    back: str
    warnings: tuple[str, ...]
    machine: str
    state: CaseMessageState
    delivery_id: str | None
    at: datetime

    @classmethod
    def from_row(cls, row: Row[Any], decryptor: Decryptor) -> Self:
        """Build the case message from its row."""

        def read(encrypted: str | None, part: str) -> str:
            return decryptor.decrypt(encrypted, build_context(row.cause, part)) if encrypted else ""

        return cls(
            id=row.id,
            case_id=row.case_id,
            author=row.author,
            staff=row.staff,
            language=row.language,
            to_language=row.to_language,
            original=read(row.sealed_original, "original"),
            translation=read(row.sealed_translation, "translation"),
            back=read(row.sealed_back, "back"),
            warnings=tuple(row.warnings.split(",")) if row.warnings else (),
            machine=row.machine,
            state=row.state,
            delivery_id=row.delivery_id,
            at=row.at,
        )


@dataclass(frozen=True)
class NewCaseMessage:
    """A message to store, with its author and language.

    If `to_language` is set, the message needs a translation into that language. `cause` is unique: a repeat of the same
    message, form, or job adds no row.
    """

    case_id: int
    cause: str
    author: MessageAuthor
    language: str
    original: str
    staff: str | None = None
    to_language: str | None = None
    state: CaseMessageState = "kept"


@dataclass(frozen=True)
class MessageTranslation:
    """The result of a translation."""

    text: str
    back: str = ""
    warnings: tuple[str, ...] = ()
    machine: str = "yes"


def add(db: Transaction, new: NewCaseMessage, now: datetime) -> int:
    """Store the message and return its ID.

    If a row with the same `cause` exists, return the ID of that row.
    """
    row = {
        "case_id": new.case_id,
        "cause": new.cause,
        "author": new.author,
        "staff": new.staff,
        "language": new.language,
        "to_language": new.to_language,
        "state": new.state,
        "warnings": "",
        "machine": "",
        "at": now,
        "sealed_original": cases.get_encryptor(db, new.case_id).encrypt(
            new.original, build_context(new.cause, "original")
        ),
    }
    return int(insert_or_get(db, case_messages, row, "cause").id)


def get(db: Transaction, message_id: int) -> CaseMessage:
    """Return the message with this ID.

    Raises `sqlalchemy.exc.NoResultFound`.
    """
    return CaseMessage.from_row(
        db.execute(select(case_messages).where(case_messages.c.id == message_id)).one(),
        record_keys.get_decryptor(db),
    )


def list_for_case(db: Transaction, case_id: int) -> list[CaseMessage]:
    """Return all messages of a case in order, including drafts."""
    query = select(case_messages).where(case_messages.c.case_id == case_id).order_by(case_messages.c.id)
    return [CaseMessage.from_row(row, record_keys.get_decryptor(db)) for row in db.execute(query)]


def list_pending_ids(db: Transaction, before: datetime, limit: int) -> list[int]:
    """Return the IDs of messages that still wait for translation or sending.

    The sweep adds them to the queue again.
    """
    is_late = case_messages.c.state.in_((*PENDING_TRANSLATION_STATES, "to_send")) & (case_messages.c.at < before)
    return list(
        db.execute(select(case_messages.c.id).where(is_late).order_by(case_messages.c.id).limit(limit)).scalars()
    )


def save_translation(
    db: Transaction, message_id: int, translation: MessageTranslation, state: CaseMessageState
) -> bool:
    """Store the translation, which is empty if it failed.

    Returns False if another process was first, or if the family was erased.
    """
    columns = (case_messages.c.cause, case_messages.c.case_id)
    row = db.execute(select(*columns).where(case_messages.c.id == message_id)).first()
    if row is None:
        return False
    cause, encryptor = row.cause, cases.get_encryptor(db, row.case_id)
    key = (case_messages.c.id == message_id) & case_messages.c.state.in_(PENDING_TRANSLATION_STATES)
    values = {
        "sealed_translation": encryptor.encrypt(translation.text, build_context(cause, "translation")),
        "sealed_back": encryptor.encrypt(translation.back, build_context(cause, "back")),
        "warnings": ",".join(translation.warnings),
        "machine": translation.machine,
        "state": state,
    }
    return db.execute(update(case_messages).where(key).values(values)).rowcount == 1


def claim(db: Transaction, message_id: int) -> bool:
    """Claim a message of staff for sending.

    Returns True for one process only.
    """
    key = (case_messages.c.id == message_id) & case_messages.c.state.in_(("draft", "to_send"))
    return db.execute(update(case_messages).where(key).values(state="done")).rowcount == 1


def set_delivery(db: Transaction, message_id: int, before: str | None, delivery_id: str) -> bool:
    """Set the delivery of the message.

    Returns False if another process has set a newer one.
    """
    key = (case_messages.c.id == message_id) & case_messages.c.delivery_id.is_not_distinct_from(before)
    return db.execute(update(case_messages).where(key).values(delivery_id=delivery_id)).rowcount == 1


def find_by_delivery(db: Transaction, delivery_id: str) -> CaseMessage | None:
    """Return the message of staff that this delivery sends."""
    row = db.execute(select(case_messages).where(case_messages.c.delivery_id == delivery_id)).one_or_none()
    return CaseMessage.from_row(row, record_keys.get_decryptor(db)) if row else None


def drop_draft(db: Transaction, message_id: int) -> bool:
    """Drop a draft of staff.

    Returns False if it is no longer a draft.
    """
    key = (case_messages.c.id == message_id) & (case_messages.c.state == "draft")
    return db.execute(update(case_messages).where(key).values(state="dropped")).rowcount == 1


def build_context(cause: str, part: str) -> str:
    return f"case message:{part}:{cause}"
