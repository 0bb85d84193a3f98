"""Consent events: every opt-out and opt-in, with its basis. They stay after an erasure, under a permanent hash."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Column, Integer, String, Table, UniqueConstraint, select
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store import permanent_hashes
from bot.store.unique_rows import insert_if_new

consent_events = Table(
    "consent_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("address_index", String(64), nullable=False, index=True),
    Column("kind", String(8), nullable=False),
    Column("basis", String(80), nullable=False),
    Column("message_sid", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    UniqueConstraint("message_sid", "kind"),
)


def record(db: Transaction, address_index: str, kind: str, basis: str, message_sid: str, now: datetime) -> bool:
    """Record a consent event once per message. Return False for a repeat of the message.

    The kind is "stop", "start", "joined", "given", or "denied"; the last two come from a roster. A person
    may opt out in any reasonable manner (47 CFR 64.1200(a)(10)), so that `basis` says how each event came.
    """
    row = {"address_index": address_index, "kind": kind, "basis": basis, "message_sid": message_sid, "at": now}
    return insert_if_new(db, consent_events, row) is not None


def is_recorded(db: Transaction, message_sid: str, kind: str) -> bool:
    """Return whether an event of this kind is recorded for this message."""
    key = (consent_events.c.message_sid == message_sid) & (consent_events.c.kind == kind)
    return db.execute(select(consent_events.c.id).where(key)).first() is not None


@dataclass(frozen=True)
class ConsentEvent:
    """One event: its kind ("stop", "start", "joined", "given", or "denied"), how it came, and when."""

    kind: str
    basis: str
    message_sid: str
    at: datetime

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Build an event from a row of the table."""
        return cls(row.kind, row.basis, row.message_sid, row.at)


def list_history(db: Transaction, addresses: Sequence[str]) -> list[ConsentEvent]:
    """Return the consent events of these addresses, oldest first, including the opt-out of an erased family."""
    hashes = [
        *map(db.vault.compute_lookup_hash, addresses),
        *permanent_hashes.compute_hashes(db, addresses).values(),
    ]
    key = consent_events.c.address_index.in_(hashes)
    query = select(consent_events).where(key).order_by(consent_events.c.at, consent_events.c.id)
    return [ConsentEvent.from_row(row) for row in db.execute(query)]
