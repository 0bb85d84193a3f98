"""Interpreters: who asked for one, for which case, and whether the coordinator has booked it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Column, ForeignKey, Integer, Select, String, Table, Text, insert, select, update
from sqlalchemy.engine import Connection, Row

from bot.base.database import Moment, metadata
from bot.base.encryption import Vault
from bot.store.cases import cases
from bot.store.families import record_keys
from bot.store.families.record_keys import Reader

How = Literal["phone", "in person", "video"]
Kind = Literal["trained", "bilingual"]

interpreters = Table(
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
    Column("asked_at", Moment, nullable=False),
    Column("booked_by", String(64)),
    Column("booked_at", Moment),
)


@dataclass(frozen=True)
class Request:
    """`when` is in the words of who asked ("Tuesday at 3"); sealed, for it may tell where a family will be."""

    id: int
    case_id: int
    language: str
    when: str
    how: How
    kind: Kind
    asked_by: str
    booked_by: str | None = None


def ask(db: Connection, vault: Vault, cause: str, wanted: Request, at: datetime) -> tuple[int, bool]:
    """The number of the request, and whether it is new: `cause` makes a repeated form ask once."""
    known = db.execute(select(interpreters.c.id).where(interpreters.c.cause == cause)).scalars().first()
    if known is not None:
        return int(known), False
    row = {
        "case_id": wanted.case_id, "cause": cause, "language": wanted.language, "how": wanted.how,
        "kind": wanted.kind, "asked_by": wanted.asked_by, "asked_at": at,
        "sealed_when": cases.sealer(db, vault, wanted.case_id).seal(wanted.when, _place(cause)),
    }  # fmt: skip
    return int(db.execute(insert(interpreters).values(row).returning(interpreters.c.id)).scalar_one()), True


def book(db: Connection, request_id: int, who: str, at: datetime) -> bool:
    """The coordinator has found somebody; False if that was written down before."""
    key = (interpreters.c.id == request_id) & interpreters.c.booked_at.is_(None)
    return db.execute(update(interpreters).where(key).values(booked_by=who, booked_at=at)).rowcount == 1


def of_case(db: Connection, vault: Vault, case_id: int) -> Sequence[Request]:
    """What was asked for a case."""
    query = select(interpreters).where(interpreters.c.case_id == case_id).order_by(interpreters.c.id)
    return _requests(db, vault, query)


def open_ones(db: Connection, vault: Vault) -> Sequence[Request]:
    """What nobody has booked yet, the oldest first."""
    query = select(interpreters).where(interpreters.c.booked_at.is_(None)).order_by(interpreters.c.id)
    return _requests(db, vault, query)


def _requests(db: Connection, vault: Vault, query: Select[Any]) -> Sequence[Request]:
    rows = db.execute(query).all()
    opens = record_keys.reader(db, vault, (row.sealed_when for row in rows))
    return [_request(row, opens) for row in rows]


def _request(row: Row[Any], opens: Reader) -> Request:
    when = opens.open(row.sealed_when, _place(row.cause))
    return Request(row.id, row.case_id, row.language, when, row.how, row.kind, row.asked_by, row.booked_by)


def _place(cause: str) -> str:
    return f"interpreter:when:{cause}"
