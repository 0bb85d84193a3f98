"""Change the state of a case.

Each transition is one conditional update and one audit log entry. If two processes try the same transition, the first
one succeeds.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import update

from bot.base.database import Transaction
from bot.store import audit_log
from bot.store.cases.cases import OPEN_STATES, SEVERITY_RANKS, Case, CaseState, cases, find_open, reset_paging_fields

UNASSIGNED_STATES: tuple[CaseState, ...] = ("new", "alerted")
ASSIGNED_STATES: tuple[CaseState, ...] = ("claimed", "waiting")


def record_round(db: Transaction, case_id: int, round_number: int, page_at: datetime | None, now: datetime) -> bool:
    """Record that escalation round `round_number` is planned.

    Returns False if another process recorded it first.
    """
    key = (cases.c.id == case_id) & (cases.c.rounds == round_number - 1) & cases.c.state.in_(OPEN_STATES)
    values: dict[str, Any] = {"rounds": round_number, "page_at": page_at}
    if db.execute(update(cases).where(key).values(values)).rowcount != 1:
        return False
    new = (cases.c.id == case_id) & (cases.c.state == "new")
    db.execute(update(cases).where(new).values(state="alerted", alerted_at=now))
    return True


def restart_paging(db: Transaction, case_id: int, school: str | None, cause: str, actor: str, now: datetime) -> None:
    """Restart paging from the first round for a new event.

    The same `cause` restarts paging only once.
    """
    key = (cases.c.id == case_id) & (cases.c.paged_for != cause)
    values = reset_paging_fields(cause, now) | {"school": school}
    _apply_transition(db, key, values, (actor, "began again", case_id, now, ""))


def set_school(db: Transaction, case_id: int, school: str) -> None:
    """Set the school of the case if it has none."""
    db.execute(update(cases).where((cases.c.id == case_id) & cases.c.school.is_(None)).values(school=school))


def mark_delay_notified(db: Transaction, case_id: int, now: datetime) -> bool:
    """Record that the family receives the delay notice.

    Returns False if it was recorded before.
    """
    key = (cases.c.id == case_id) & cases.c.delay_notice_at.is_(None)
    return db.execute(update(cases).where(key).values(delay_notice_at=now)).rowcount == 1


def mark_assignee_reminded(db: Transaction, case: Case, page_at: datetime, now: datetime) -> bool:
    """Record that the assignee receives a reminder.

    Returns False if another process recorded it first.
    """
    key = (cases.c.id == case.id) & (cases.c.page_at == case.page_at) & cases.c.state.in_(ASSIGNED_STATES)
    return db.execute(update(cases).where(key).values(page_at=page_at, chased_at=now)).rowcount == 1


def claim(db: Transaction, case_id: int, actor: str, reminder_at: datetime | None, now: datetime, method: str) -> bool:
    """Assign the case to this staff member.

    Returns False if the case has an assignee or is done.
    """
    key = (cases.c.id == case_id) & cases.c.state.in_(UNASSIGNED_STATES)
    values = {"state": "claimed", "claimed_by": actor, "claimed_at": now, "page_at": reminder_at, "chased_at": None}
    return _apply_transition(db, key, values, (actor, "took", case_id, now, method))


def take_over(db: Transaction, case: Case, actor: str, reminder_at: datetime | None, now: datetime) -> bool:
    """Take the case from an assignee who does not respond.

    Returns False if the assignee changed meanwhile.
    """
    key = (cases.c.id == case.id) & (cases.c.claimed_by == case.claimed_by) & cases.c.state.in_(ASSIGNED_STATES)
    values = {"claimed_by": actor, "claimed_at": now, "state": "claimed", "page_at": reminder_at, "chased_at": None}
    return _apply_transition(db, key, values, (actor, "took over", case.id, now, f"from {case.claimed_by}"))


def hand_over(
    db: Transaction, case: Case, new_assignee: str, reminder_at: datetime | None, now: datetime, by: str
) -> bool:
    """Give the case to another staff member.

    Returns False if the assignee changed meanwhile.
    """
    key = (cases.c.id == case.id) & (cases.c.claimed_by == case.claimed_by) & cases.c.state.in_(ASSIGNED_STATES)
    values = {
        "claimed_by": new_assignee,
        "claimed_at": now,
        "state": "claimed",
        "page_at": reminder_at,
        "chased_at": None,
    }
    return _apply_transition(db, key, values, (by, "handed over", case.id, now, f"to {new_assignee}"))


def wait_for_family(db: Transaction, case_id: int, actor: str, page_at: datetime, now: datetime) -> bool:
    """Wait for the family's reply until `page_at`, after staff wrote to the family.

    At `page_at`, the assignee receives a reminder.
    """
    key = (cases.c.id == case_id) & cases.c.state.in_(ASSIGNED_STATES)
    values = {"state": "waiting", "page_at": page_at, "chased_at": None}
    return _apply_transition(db, key, values, (actor, "wrote to the family", case_id, now, ""))


def record_family_reply(db: Transaction, case_id: int, reminder_at: datetime, now: datetime) -> bool:
    """Return the case to its assignee, because the family replied."""
    key = (cases.c.id == case_id) & cases.c.state.in_(ASSIGNED_STATES)
    values = {"state": "claimed", "page_at": reminder_at, "chased_at": None}
    return _apply_transition(db, key, values, ("family", "wrote", case_id, now, ""))


def return_to_staff(db: Transaction, case_id: int, reminder_at: datetime) -> bool:
    """Return a waiting case to its assignee.

    A text to the family failed, or Puente answers the family again, so the assignee must be reminded.
    """
    key = (cases.c.id == case_id) & (cases.c.state == "waiting")
    return db.execute(update(cases).where(key).values(state="claimed", page_at=reminder_at)).rowcount == 1


def resolve(db: Transaction, case_id: int, actor: str, now: datetime, reason: str) -> bool:
    """Resolve the case."""
    key = (cases.c.id == case_id) & cases.c.state.in_(OPEN_STATES)
    values = {"state": "resolved", "resolved_by": actor, "resolved_at": now, "page_at": None}
    return _apply_transition(db, key, values, (actor, "resolved", case_id, now, reason))


def close(db: Transaction, case_id: int, actor: str, now: datetime, reason: str) -> bool:
    """Close a resolved case: the family confirmed it or did not answer."""
    key = (cases.c.id == case_id) & (cases.c.state == "resolved")
    return _apply_transition(db, key, {"state": "closed", "closed_at": now}, (actor, "closed", case_id, now, reason))


def reopen(db: Transaction, case: Case, cause: str, now: datetime, higher_severity: str | None = None) -> int:
    """Reopen the case, restart paging, and return the ID of the case.

    If the family has another open case about the topic, use that one. It keeps its assignee and at least its severity.
    A repeat of the same `cause` changes nothing.
    """
    open_case = find_open(db, case.contact_id, case.topic)
    open_case_id = int(open_case.id) if open_case else case.id
    if open_case and open_case_id != case.id and open_case.claimed_by:
        return open_case_id
    key = (cases.c.id == open_case_id) & (cases.c.paged_for != cause)
    severity = higher_severity
    if open_case and higher_severity:
        severity = max(open_case.severity, higher_severity, key=SEVERITY_RANKS.__getitem__)
    values = reset_paging_fields(cause, now)
    if severity:
        values["severity"] = severity
    _apply_transition(db, key, values, ("family", "not helped yet", open_case_id, now, ""))
    return open_case_id


def flag(db: Transaction, case_id: int, reason: str) -> None:
    """Flag that a person must read the conversation.

    An empty reason removes the flag.
    """
    db.execute(update(cases).where(cases.c.id == case_id).values(flagged=reason))


def _apply_transition(
    db: Transaction, key: Any, values: dict[str, Any], audit_entry: tuple[str, str, int, datetime, str]
) -> bool:
    if db.execute(update(cases).where(key).values(values)).rowcount != 1:
        return False
    actor, action, case_id, now, reason = audit_entry
    audit_log.record(db, actor, action, f"case {case_id}", now, reason)
    return True
