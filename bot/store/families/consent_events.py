"""Consent events: every stop and start, with how it came.  They outlive the contact, as a keyed hash."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Integer, String, Table, UniqueConstraint, insert, select
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store import permanent_hashes

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


def record(db: Transaction, address_index: str, kind: str, basis: str, message_sid: str, at: datetime) -> bool:
    """Write down a "stop", "start", "joined" or "given" (a roster) once per message; whether it was not written yet.

    47 CFR 64.1200(a)(10): by any reasonable means.
    """
    row = {"address_index": address_index, "kind": kind, "basis": basis, "message_sid": message_sid, "at": at}
    try:
        with db.begin_nested():
            db.execute(insert(consent_events).values(row))
    except IntegrityError:
        return False  # the same message again
    return True


def is_recorded(db: Transaction, message_sid: str, kind: str) -> bool:
    """Whether this message said so, and it is written down."""
    key = (consent_events.c.message_sid == message_sid) & (consent_events.c.kind == kind)
    return db.execute(select(consent_events.c.id).where(key)).first() is not None


@dataclass(frozen=True)
class ConsentEvent:
    """One line of the proof: what happened ("stop", "start", "joined", "given", "denied"), how, and when."""

    kind: str
    basis: str
    message_sid: str
    at: datetime


def list_history(db: Transaction, addresses: Sequence[str]) -> list[ConsentEvent]:
    """Everything that was said about consent from these addresses, oldest first; the opt-out of an erased one too."""
    hashes = [
        *map(db.vault.compute_lookup_hash, addresses),
        *permanent_hashes.compute_hashes(db, addresses).values(),
    ]
    key = consent_events.c.address_index.in_(hashes)
    query = select(consent_events).where(key).order_by(consent_events.c.at, consent_events.c.id)
    return [ConsentEvent(row.kind, row.basis, row.message_sid, row.at) for row in db.execute(query)]
