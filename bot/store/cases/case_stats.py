"""What the report pages read: how long cases took, what nobody has, the alerts of one member of staff; never a text."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import String, cast, func, literal, select
from sqlalchemy.engine import Connection

from bot.store.audit_log import audit
from bot.store.cases.case_transitions import UNCLAIMED
from bot.store.cases.cases import OF_STAFF, OPEN_STATES, cases
from bot.store.cases.deliveries import deliveries


@dataclass(frozen=True)
class Timed:
    """One case: how long until somebody took it, and until it was done; None: not yet."""

    school: str | None
    severity: str
    to_claim: timedelta | None
    to_resolve: timedelta | None


@dataclass(frozen=True)
class Alert:
    """One text or call to a member of staff; `due_at` is when it left or leaves."""

    kind: str
    means: str
    case_id: int | None
    state: str
    due_at: datetime


def opened(db: Connection, since: datetime, until: datetime) -> list[Timed]:
    """The cases opened between these moments.  A case that was handed over was taken when the first one took it."""
    took = select(func.min(audit.c.at)).where(
        audit.c.subject == literal("case ") + cast(cases.c.id, String),
        audit.c.what == "took",
        audit.c.at >= cases.c.opened_at,
    )
    first = func.coalesce(took.scalar_subquery(), cases.c.claimed_at, type_=audit.c.at.type)
    columns = (cases.c.school, cases.c.severity, cases.c.opened_at, cases.c.resolved_at, first.label("taken_at"))
    families = cases.c.topic.not_in(OF_STAFF)  # no family waits for what the front office opened, least of all a drill
    rows = db.execute(select(*columns).where(cases.c.opened_at >= since, cases.c.opened_at < until, families))
    return [
        Timed(row.school, row.severity, _between(row.opened_at, row.taken_at), _between(row.opened_at, row.resolved_at))
        for row in rows
    ]


def unclaimed(db: Connection) -> list[tuple[str | None, str]]:
    """(school, severity) of every case that nobody has taken."""
    key = cases.c.state.in_(UNCLAIMED) & cases.c.topic.not_in(OF_STAFF)
    rows = db.execute(select(cases.c.school, cases.c.severity).where(key))
    return [(row.school, row.severity) for row in rows]


def carried(db: Connection) -> list[tuple[str | None, str]]:
    """(who took it, whom it is for) of every open case."""
    rows = db.execute(select(cases.c.claimed_by, cases.c.role).where(cases.c.state.in_(OPEN_STATES)))
    return [(row.claimed_by, row.role) for row in rows]


def alerts_of(db: Connection, staff: str, since: datetime, limit: int) -> list[Alert]:
    """What went to this member of staff, the newest first."""
    columns = (deliveries.c[name] for name in Alert.__dataclass_fields__)
    mine = (deliveries.c.staff == staff) & (deliveries.c.due_at >= since)
    rows = db.execute(select(*columns).where(mine).order_by(deliveries.c.due_at.desc()).limit(limit))
    return [Alert(**row) for row in rows.mappings()]


def _between(start: datetime, end: datetime | None) -> timedelta | None:
    return end - start if end else None
