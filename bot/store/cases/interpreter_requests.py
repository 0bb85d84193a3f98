"""Interpreters: who asked for one, for which case, and whether the coordinator has booked it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Column, ForeignKey, Integer, Select, String, Table, Text, insert, select, update
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.cases import cases
from bot.store.families import record_keys
from bot.store.families.record_keys import Decryptor

InterpreterMode = Literal["phone", "in person", "video"]
InterpreterKind = Literal["trained", "bilingual"]

interpreter_requests = Table(
    "interpreters",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False, index=True),
    Column("cause", String(80), nullable=False, unique=True),
    Column("language", String(8), nullable=False),
    Column("sealed_when", Text, nullable=False),
    Column("how", String(16), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("booked_by", String(64)),
    Column("booked_at", UtcDateTime),
)


@dataclass(frozen=True)
class InterpreterRequest:
    """`when` is in the words of who asked ("Tuesday at 3"); sealed, for it may tell where a family will be."""

    id: int
    case_id: int
    language: str
    requested_time: str
    how: InterpreterMode
    kind: InterpreterKind
    asked_by: str
    booked_by: str | None = None


def add(db: Transaction, cause: str, new_request: InterpreterRequest, at: datetime) -> tuple[int, bool]:
    """The number of the request, and whether it is new: `cause` makes a repeated form ask once."""
    known = db.execute(select(interpreter_requests.c.id).where(interpreter_requests.c.cause == cause)).scalars().first()
    if known is not None:
        return int(known), False
    row = {
        "case_id": new_request.case_id,
        "cause": cause,
        "language": new_request.language,
        "how": new_request.how,
        "kind": new_request.kind,
        "asked_by": new_request.asked_by,
        "asked_at": at,
        "sealed_when": cases.get_encryptor(db, new_request.case_id).encrypt(
            new_request.requested_time, build_context(cause)
        ),
    }
    return int(
        db.execute(insert(interpreter_requests).values(row).returning(interpreter_requests.c.id)).scalar_one()
    ), True


def book(db: Transaction, request_id: int, booked_by: str, at: datetime) -> bool:
    """The coordinator has found somebody; False if that was written down before."""
    key = (interpreter_requests.c.id == request_id) & interpreter_requests.c.booked_at.is_(None)
    return db.execute(update(interpreter_requests).where(key).values(booked_by=booked_by, booked_at=at)).rowcount == 1


def list_for_case(db: Transaction, case_id: int) -> Sequence[InterpreterRequest]:
    """What was asked for a case."""
    query = (
        select(interpreter_requests)
        .where(interpreter_requests.c.case_id == case_id)
        .order_by(interpreter_requests.c.id)
    )
    return _fetch_requests(db, query)


def list_open(db: Transaction) -> Sequence[InterpreterRequest]:
    """What nobody has booked yet, the oldest first."""
    query = (
        select(interpreter_requests)
        .where(interpreter_requests.c.booked_at.is_(None))
        .order_by(interpreter_requests.c.id)
    )
    return _fetch_requests(db, query)


def _fetch_requests(db: Transaction, query: Select[Any]) -> Sequence[InterpreterRequest]:
    rows = db.execute(query).all()
    opens = record_keys.get_decryptor(db, (row.sealed_when for row in rows))
    return [_build_request(row, opens) for row in rows]


def _build_request(row: Row[Any], decryptor: Decryptor) -> InterpreterRequest:
    when = decryptor.decrypt(row.sealed_when, build_context(row.cause))
    return InterpreterRequest(row.id, row.case_id, row.language, when, row.how, row.kind, row.asked_by, row.booked_by)


def build_context(cause: str) -> str:
    return f"interpreter:when:{cause}"
