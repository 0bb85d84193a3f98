"""Runs of retention, with how many rows each rule took; and what is counted of rows that are gone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Integer, String, Table, Text, UniqueConstraint, delete, insert, select, update

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
"""What was sent in a month, by kind and how it ended: of nobody in particular."""


@dataclass(frozen=True)
class RetentionRun:
    """One run; `counts`: rows by rule, without the rules that found nothing.  `ended_at` None: it was cut short."""

    by: str
    started_at: datetime
    ended_at: datetime | None
    counts: Mapping[str, int]


def start(db: Transaction, by: str, at: datetime) -> int:
    """The number of a new run."""
    return int(
        db.execute(insert(retention_runs).values(by=by, started_at=at).returning(retention_runs.c.id)).scalar_one()
    )


def end(db: Transaction, number: int, counts: Mapping[str, int], at: datetime) -> None:
    """It has done everything."""
    values = {"ended_at": at, "counts": json.dumps(dict(counts))}
    db.execute(update(retention_runs).where(retention_runs.c.id == number).values(values))


def list_newest(db: Transaction, limit: int) -> list[RetentionRun]:
    """The newest runs first."""
    rows = db.execute(select(retention_runs).order_by(retention_runs.c.id.desc()).limit(limit))
    return [RetentionRun(row.by, row.started_at, row.ended_at, json.loads(row.counts)) for row in rows]


def find_last_completed_start(db: Transaction) -> datetime | None:
    """When the last run that did everything began."""
    query = (
        select(retention_runs.c.started_at)
        .where(retention_runs.c.ended_at.is_not(None))
        .order_by(retention_runs.c.id.desc())
        .limit(1)
    )
    found: datetime | None = db.execute(query).scalar_one_or_none()
    return found


def count_deleted(db: Transaction, record_type: str, at: datetime, kind: str, state: str) -> None:
    """One more row of this kind is gone."""
    month = at.strftime("%Y-%m")
    key = (
        (retention_counts.c.month == month)
        & (retention_counts.c.what == record_type)
        & (retention_counts.c.kind == kind)
        & (retention_counts.c.state == state)
    )
    if db.execute(update(retention_counts).where(key).values(many=retention_counts.c.many + 1)).rowcount == 0:
        db.execute(insert(retention_counts).values(month=month, what=record_type, kind=kind, state=state, many=1))


def delete_before(db: Transaction, before: datetime, limit: int) -> int:
    """Delete older runs; how many."""
    old = select(retention_runs.c.id).where(retention_runs.c.started_at < before).limit(limit)
    return db.execute(delete(retention_runs).where(retention_runs.c.id.in_(old))).rowcount
