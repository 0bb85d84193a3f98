"""What was said about a case: the last turns before it, the talk between staff and the family, internal notes.

All words are sealed.  The original always stands beside the translation; `state` says what became of it:
`kept` (nothing to translate), `before` (a turn before the case, for the translator), `waiting` (for the translator),
`done`, `untranslated`, `drafting` and `draft` (staff look at it first), `to_send` (from a staff phone), `dropped`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from bot.base.database import NO_ID_REUSE, Transaction, UtcDateTime, metadata
from bot.store.cases import cases
from bot.store.families import record_keys
from bot.store.families.record_keys import Decryptor

MessageAuthor = Literal["family", "helper", "staff", "note"]

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

PENDING_TRANSLATION_STATES = ("waiting", "before", "drafting")


@dataclass(frozen=True)
class CaseMessage:
    """One thing said.  `machine`: `yes` (a machine translated), `no` (a reviewed phrase), or empty (no translation)."""

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
    state: str
    delivery_id: str | None
    at: datetime


@dataclass(frozen=True)
class NewCaseMessage:
    """What is said: by whom, in which language, in which it is to be read (None: as it is).

    `cause` makes it unique: a repeat of the same message, form or job adds nothing.
    """

    case_id: int
    cause: str
    author: MessageAuthor
    language: str
    original: str
    staff: str | None = None
    to_language: str | None = None
    state: str = "kept"


@dataclass(frozen=True)
class MessageTranslation:
    """What a translator made of it."""

    text: str
    back: str = ""
    warnings: tuple[str, ...] = ()
    machine: str = "yes"


def add(db: Transaction, new: NewCaseMessage, at: datetime) -> int:
    """The row's number; of the one that was there before, if this was said already."""
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
        "at": at,
        "sealed_original": cases.get_encryptor(db, new.case_id).encrypt(
            new.original, build_context(new.cause, "original")
        ),
    }
    try:
        with db.begin_nested():
            return int(db.execute(insert(case_messages).values(row).returning(case_messages.c.id)).scalar_one())
    except IntegrityError:
        return int(db.execute(select(case_messages.c.id).where(case_messages.c.cause == new.cause)).scalar_one())


def get(db: Transaction, message_id: int) -> CaseMessage:
    """The message with this number; raises `sqlalchemy.exc.NoResultFound`."""
    return _build_message(
        db.execute(select(case_messages).where(case_messages.c.id == message_id)).one(),
        record_keys.get_decryptor(db),
    )


def list_for_case(db: Transaction, case_id: int) -> list[CaseMessage]:
    """Everything said about a case, in order; drafts too."""
    query = select(case_messages).where(case_messages.c.case_id == case_id).order_by(case_messages.c.id)
    return [_build_message(row, record_keys.get_decryptor(db)) for row in db.execute(query)]


def list_pending_ids(db: Transaction, before: datetime, limit: int) -> list[int]:
    """Messages that no translator has seen, or that were not handed over yet: the sweep queues them."""
    late = case_messages.c.state.in_((*PENDING_TRANSLATION_STATES, "to_send")) & (case_messages.c.at < before)
    return list(db.execute(select(case_messages.c.id).where(late).order_by(case_messages.c.id).limit(limit)).scalars())


def save_translation(db: Transaction, message_id: int, translation: MessageTranslation, state: str) -> bool:
    """Keep the translation (empty: none could be had); False if another process was first."""
    columns = (case_messages.c.cause, case_messages.c.case_id)
    row = db.execute(select(*columns).where(case_messages.c.id == message_id)).first()
    if row is None:
        return False  # its family was erased meanwhile
    cause, own = row.cause, cases.get_encryptor(db, row.case_id)
    key = (case_messages.c.id == message_id) & case_messages.c.state.in_(PENDING_TRANSLATION_STATES)
    values = {
        "sealed_translation": own.encrypt(translation.text, build_context(cause, "translation")),
        "sealed_back": own.encrypt(translation.back, build_context(cause, "back")),
        "warnings": ",".join(translation.warnings),
        "machine": translation.machine,
        "state": state,
    }
    return db.execute(update(case_messages).where(key).values(values)).rowcount == 1


def claim(db: Transaction, message_id: int) -> bool:
    """Take a text of staff for sending; one process gets it, once."""
    key = (case_messages.c.id == message_id) & case_messages.c.state.in_(("draft", "to_send"))
    return db.execute(update(case_messages).where(key).values(state="done")).rowcount == 1


def set_delivery(db: Transaction, message_id: int, before: str | None, delivery_id: str) -> bool:
    """The delivery that is followed from now on; False if another process has put a newer one there."""
    key = (case_messages.c.id == message_id) & case_messages.c.delivery_id.is_not_distinct_from(before)
    return db.execute(update(case_messages).where(key).values(delivery_id=delivery_id)).rowcount == 1


def find_by_delivery(db: Transaction, delivery_id: str) -> CaseMessage | None:
    """The text of staff that this delivery carries."""
    row = db.execute(select(case_messages).where(case_messages.c.delivery_id == delivery_id)).one_or_none()
    return _build_message(row, record_keys.get_decryptor(db)) if row else None


def drop_draft(db: Transaction, message_id: int) -> bool:
    """Staff threw a draft away; False if it was sent already."""
    key = (case_messages.c.id == message_id) & (case_messages.c.state == "draft")
    return db.execute(update(case_messages).where(key).values(state="dropped")).rowcount == 1


def _build_message(row: Row[Any], decryptor: Decryptor) -> CaseMessage:
    def read(sealed: str | None, part: str) -> str:
        return decryptor.decrypt(sealed, build_context(row.cause, part)) if sealed else ""

    return CaseMessage(
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


def build_context(cause: str, part: str) -> str:
    return f"case message:{part}:{cause}"
