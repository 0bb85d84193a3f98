"""What the report pages read: how long cases took, what nobody has, the alerts of one member of staff; never a text."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import String, cast, func, literal, select

from bot.base.database import Transaction
from bot.store.audit_log import audit
from bot.store.cases.case_transitions import UNASSIGNED_STATES
from bot.store.cases.cases import OPEN_STATES, STAFF_TOPICS, cases
from bot.store.cases.deliveries import deliveries


@dataclass(frozen=True)
class CaseTiming:
    """One case: how long until somebody took it, and until it was done; None: not yet."""

    school: str | None
    severity: str
    time_to_claim: timedelta | None
    time_to_resolve: timedelta | None


@dataclass(frozen=True)
class StaffAlert:
    """One text or call to a member of staff; `due_at` is when it left or leaves."""

    kind: str
    means: str
    case_id: int | None
    state: str
    due_at: datetime


def list_timings(db: Transaction, since: datetime, until: datetime) -> list[CaseTiming]:
    """The cases opened between these moments.  A case that was handed over was taken when the first one took it."""
    took = select(func.min(audit.c.at)).where(
        audit.c.subject == literal("case ") + cast(cases.c.id, String),
        audit.c.what == "took",
        audit.c.at >= cases.c.opened_at,
    )
    first = func.coalesce(took.scalar_subquery(), cases.c.claimed_at, type_=audit.c.at.type)
    columns = (cases.c.school, cases.c.severity, cases.c.opened_at, cases.c.resolved_at, first.label("taken_at"))
    families = cases.c.topic.not_in(
        STAFF_TOPICS
    )  # no family waits for what the front office opened, least of all a drill
    rows = db.execute(select(*columns).where(cases.c.opened_at >= since, cases.c.opened_at < until, families))
    return [
        CaseTiming(
            row.school,
            row.severity,
            _compute_duration(row.opened_at, row.taken_at),
            _compute_duration(row.opened_at, row.resolved_at),
        )
        for row in rows
    ]


def list_unassigned(db: Transaction) -> list[tuple[str | None, str]]:
    """(school, severity) of every case that nobody has taken."""
    key = cases.c.state.in_(UNASSIGNED_STATES) & cases.c.topic.not_in(STAFF_TOPICS)
    rows = db.execute(select(cases.c.school, cases.c.severity).where(key))
    return [(row.school, row.severity) for row in rows]


def list_open_assignments(db: Transaction) -> list[tuple[str | None, str]]:
    """(who took it, whom it is for) of every open case."""
    rows = db.execute(select(cases.c.claimed_by, cases.c.role).where(cases.c.state.in_(OPEN_STATES)))
    return [(row.claimed_by, row.role) for row in rows]


def list_staff_alerts(db: Transaction, staff: str, since: datetime, limit: int) -> list[StaffAlert]:
    """What went to this member of staff, the newest first."""
    columns = (deliveries.c[name] for name in StaffAlert.__dataclass_fields__)
    mine = (deliveries.c.staff == staff) & (deliveries.c.due_at >= since)
    rows = db.execute(select(*columns).where(mine).order_by(deliveries.c.due_at.desc()).limit(limit))
    return [StaffAlert(**row) for row in rows.mappings()]


def _compute_duration(start: datetime, end: datetime | None) -> timedelta | None:
    return end - start if end else None
