"""Read case data for the report pages: durations, unassigned cases, and the alerts of one staff member.

These queries read no text of a family.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import String, cast, func, literal, select

from bot.base.database import Transaction
from bot.store.audit_log import audit
from bot.store.cases.case_transitions import UNASSIGNED_STATES
from bot.store.cases.cases import OPEN_STATES, STAFF_TOPICS, cases
from bot.store.cases.deliveries import DeliveryState, DeliveryTransport, deliveries


@dataclass(frozen=True)
class CaseTiming:
    """How long it took until a staff member took and resolved a case.

    A duration is None until that step happens.
    """

    school: str | None
    severity: str
    time_to_claim: timedelta | None
    time_to_resolve: timedelta | None


@dataclass(frozen=True)
class StaffAlert:
    """One text or call to a staff member.

    `due_at` is the planned time of sending.
    """

    kind: str
    transport: DeliveryTransport
    case_id: int | None
    state: DeliveryState
    due_at: datetime


def list_timings(db: Transaction, since: datetime, until: datetime) -> list[CaseTiming]:
    """Return the timings of the cases opened from `since` until `until`, without `until`.

    If a case was handed over, the first assignment counts.
    """
    first_claim = select(func.min(audit.c.at)).where(
        audit.c.subject == literal("case ") + cast(cases.c.id, String),
        audit.c.what == "took",
        audit.c.at >= cases.c.opened_at,
    )
    taken_at = func.coalesce(first_claim.scalar_subquery(), cases.c.claimed_at, type_=audit.c.at.type)
    columns = (cases.c.school, cases.c.severity, cases.c.opened_at, cases.c.resolved_at, taken_at.label("taken_at"))
    # The front office opens the cases of staff topics, so no family waits for them.
    is_from_family = cases.c.topic.not_in(STAFF_TOPICS)
    rows = db.execute(select(*columns).where(cases.c.opened_at >= since, cases.c.opened_at < until, is_from_family))
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
    """Return (school, severity) of each case that has no assignee."""
    key = cases.c.state.in_(UNASSIGNED_STATES) & cases.c.topic.not_in(STAFF_TOPICS)
    rows = db.execute(select(cases.c.school, cases.c.severity).where(key))
    return [(row.school, row.severity) for row in rows]


def list_open_assignments(db: Transaction) -> list[tuple[str | None, str]]:
    """Return (assignee, role) of each open case."""
    rows = db.execute(select(cases.c.claimed_by, cases.c.role).where(cases.c.state.in_(OPEN_STATES)))
    return [(row.claimed_by, row.role) for row in rows]


def list_staff_alerts(db: Transaction, staff: str, since: datetime, limit: int) -> list[StaffAlert]:
    """Return the alerts of this staff member, newest first."""
    columns = (deliveries.c[name] for name in StaffAlert.__dataclass_fields__)
    key = (deliveries.c.staff == staff) & (deliveries.c.due_at >= since)
    rows = db.execute(select(*columns).where(key).order_by(deliveries.c.due_at.desc()).limit(limit))
    return [StaffAlert(**row) for row in rows.mappings()]


def _compute_duration(start: datetime, end: datetime | None) -> timedelta | None:
    if end is None:
        return None
    return end - start
