"""Interpreter requests: who asked for an interpreter, for which case, and who booked one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from sqlalchemy import Column, ForeignKey, Integer, Select, String, Table, Text, insert, select, update
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store.cases import cases
from bot.store.families import record_keys
from bot.store.families.record_keys import Decryptor

InterpreterMode = Literal["phone", "in person", "video"]
InterpreterKind = Literal["trained", "bilingual"]

interpreter_requests = Table(
    "interpreter_requests",
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
    """A request for an interpreter.

    `requested_time` is the requester's own text, such as "Tuesday at 3". It is encrypted, because it can reveal where a
    family will be.
    """

    id: int
    case_id: int
    language: str
    requested_time: str
    how: InterpreterMode
    kind: InterpreterKind
    asked_by: str
    booked_by: str | None = None

    @classmethod
    def from_row(cls, row: Row[Any], decryptor: Decryptor) -> Self:
        """Build the interpreter request from its row."""
        requested_time = decryptor.decrypt(row.sealed_when, build_context(row.cause))
        return cls(row.id, row.case_id, row.language, requested_time, row.how, row.kind, row.asked_by, row.booked_by)


def add(db: Transaction, cause: str, new_request: InterpreterRequest, now: datetime) -> tuple[int, bool]:
    """Store the request and return its ID, and whether it is new.

    If a request with the same `cause` exists, return the ID of that request.
    """
    request_id = (
        db.execute(select(interpreter_requests.c.id).where(interpreter_requests.c.cause == cause)).scalars().first()
    )
    if request_id is not None:
        return int(request_id), False
    row = {
        "case_id": new_request.case_id,
        "cause": cause,
        "language": new_request.language,
        "how": new_request.how,
        "kind": new_request.kind,
        "asked_by": new_request.asked_by,
        "asked_at": now,
        "sealed_when": cases.get_encryptor(db, new_request.case_id).encrypt(
            new_request.requested_time, build_context(cause)
        ),
    }
    statement = insert(interpreter_requests).values(row).returning(interpreter_requests.c.id)
    return int(db.execute(statement).scalar_one()), True


def book(db: Transaction, request_id: int, booked_by: str, now: datetime) -> bool:
    """Record that an interpreter is booked.

    Returns False if it was recorded before.
    """
    key = (interpreter_requests.c.id == request_id) & interpreter_requests.c.booked_at.is_(None)
    return db.execute(update(interpreter_requests).where(key).values(booked_by=booked_by, booked_at=now)).rowcount == 1


def list_for_case(db: Transaction, case_id: int) -> Sequence[InterpreterRequest]:
    """Return the requests for a case, oldest first."""
    query = (
        select(interpreter_requests)
        .where(interpreter_requests.c.case_id == case_id)
        .order_by(interpreter_requests.c.id)
    )
    return _fetch_requests(db, query)


def list_open(db: Transaction) -> Sequence[InterpreterRequest]:
    """Return the requests without a booking, oldest first."""
    query = (
        select(interpreter_requests)
        .where(interpreter_requests.c.booked_at.is_(None))
        .order_by(interpreter_requests.c.id)
    )
    return _fetch_requests(db, query)


def _fetch_requests(db: Transaction, query: Select[Any]) -> Sequence[InterpreterRequest]:
    rows = db.execute(query).all()
    decryptor = record_keys.get_decryptor(db, (row.sealed_when for row in rows))
    return [InterpreterRequest.from_row(row, decryptor) for row in rows]


def build_context(cause: str) -> str:
    return f"interpreter:when:{cause}"
