"""Runs of retention with the number of rows per rule, and counts of the rows that were deleted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Column, Integer, String, Table, Text, UniqueConstraint, delete, insert, select, update
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata

retention_runs = Table(
    "retention_runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("by", String(64), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("counts", Text, nullable=False, server_default="{}"),
)

retention_counts = Table(
    "retention_counts",
    metadata,
    Column("month", String(7), nullable=False),
    Column("what", String(24), nullable=False),
    Column("kind", String(24), nullable=False),
    Column("state", String(16), nullable=False),
    Column("many", Integer, nullable=False),
    UniqueConstraint("month", "what", "kind", "state"),
)
"""Counts of deleted rows by month, kind, and final state, without any family."""


@dataclass(frozen=True)
class RetentionRun:
    """One run.

    `counts` maps each rule to its number of rows, without rules that found none. If `ended_at` is None, the run was
    interrupted or has not ended yet.
    """

    by: str
    started_at: datetime
    ended_at: datetime | None
    counts: Mapping[str, int]

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Build a run from a row of the table."""
        return cls(row.by, row.started_at, row.ended_at, json.loads(row.counts))


def start(db: Transaction, by: str, now: datetime) -> int:
    """Start a run and return its id."""
    statement = insert(retention_runs).values(by=by, started_at=now).returning(retention_runs.c.id)
    return int(db.execute(statement).scalar_one())


def end(db: Transaction, run_id: int, counts: Mapping[str, int], now: datetime) -> None:
    """Record that a run has finished."""
    values = {"ended_at": now, "counts": json.dumps(dict(counts))}
    db.execute(update(retention_runs).where(retention_runs.c.id == run_id).values(values))


def list_newest(db: Transaction, limit: int) -> list[RetentionRun]:
    """Return the newest runs first."""
    rows = db.execute(select(retention_runs).order_by(retention_runs.c.id.desc()).limit(limit))
    return [RetentionRun.from_row(row) for row in rows]


def find_last_completed_start(db: Transaction) -> datetime | None:
    """Return the start time of the last run that finished."""
    query = select(retention_runs.c.started_at).where(retention_runs.c.ended_at.is_not(None))
    return db.execute(query.order_by(retention_runs.c.id.desc()).limit(1)).scalar_one_or_none()


def count_deleted(db: Transaction, record_type: str, created_at: datetime, kind: str, state: str) -> None:
    """Count one deleted row in the month of its creation."""
    month = created_at.strftime("%Y-%m")
    key = (
        (retention_counts.c.month == month)
        & (retention_counts.c.what == record_type)
        & (retention_counts.c.kind == kind)
        & (retention_counts.c.state == state)
    )
    if db.execute(update(retention_counts).where(key).values(many=retention_counts.c.many + 1)).rowcount == 0:
        db.execute(insert(retention_counts).values(month=month, what=record_type, kind=kind, state=state, many=1))


def delete_before(db: Transaction, before: datetime, limit: int) -> int:
    """Delete runs that started before this time and return how many."""
    old = select(retention_runs.c.id).where(retention_runs.c.started_at < before).limit(limit)
    return db.execute(delete(retention_runs).where(retention_runs.c.id.in_(old))).rowcount
