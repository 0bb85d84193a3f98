"""How a case moves on.  Each step is one conditional update and its line in the audit log: the first one wins."""

from datetime import datetime
from typing import Any

from sqlalchemy import update

from bot.base.database import Transaction
from bot.store import audit_log
from bot.store.cases.cases import OPEN_STATES, SEVERITY_RANKS, Case, cases, find_open, reset_paging_fields

UNASSIGNED_STATES = ("new", "alerted")
ASSIGNED_STATES = ("claimed", "waiting")


def record_round(db: Transaction, case_id: int, round_number: int, page_at: datetime | None, at: datetime) -> bool:
    """Round number `rounds` stands as rows; False if another process wrote it first."""
    key = (cases.c.id == case_id) & (cases.c.rounds == round_number - 1) & cases.c.state.in_(OPEN_STATES)
    values: dict[str, Any] = {"rounds": round_number, "page_at": page_at}
    if db.execute(update(cases).where(key).values(values)).rowcount != 1:
        return False
    new = (cases.c.id == case_id) & (cases.c.state == "new")
    db.execute(update(cases).where(new).values(state="alerted", alerted_at=at))
    return True


def restart_paging(db: Transaction, case_id: int, school: str | None, cause: str, actor: str, at: datetime) -> None:
    """The chain is paged from the first round on, for what has just begun; `cause` makes it count once."""
    key = (cases.c.id == case_id) & (cases.c.paged_for != cause)
    _apply_transition(
        db, key, reset_paging_fields(cause, at) | {"school": school}, (actor, "began again", case_id, at, "")
    )


def set_school(db: Transaction, case_id: int, school: str) -> None:
    """Where it is, as soon as somebody says so."""
    db.execute(update(cases).where((cases.c.id == case_id) & cases.c.school.is_(None)).values(school=school))


def mark_delay_notified(db: Transaction, case_id: int, at: datetime) -> bool:
    """The family is told that nobody has taken it; once."""
    key = (cases.c.id == case_id) & cases.c.told_at.is_(None)
    return db.execute(update(cases).where(key).values(told_at=at)).rowcount == 1


def mark_assignee_reminded(db: Transaction, case: Case, page_at: datetime, at: datetime) -> bool:
    """Who took it is reminded; False if another process has just done so."""
    key = (cases.c.id == case.id) & (cases.c.page_at == case.page_at) & cases.c.state.in_(ASSIGNED_STATES)
    return db.execute(update(cases).where(key).values(page_at=page_at, chased_at=at)).rowcount == 1


def claim(db: Transaction, case_id: int, actor: str, chase_at: datetime | None, at: datetime, how: str) -> bool:
    """Somebody takes it; False if somebody has it, or it is done."""
    key = (cases.c.id == case_id) & cases.c.state.in_(UNASSIGNED_STATES)
    values = {"state": "claimed", "claimed_by": actor, "claimed_at": at, "page_at": chase_at, "chased_at": None}
    return _apply_transition(db, key, values, (actor, "took", case_id, at, how))


def take_over(db: Transaction, case: Case, actor: str, chase_at: datetime | None, at: datetime) -> bool:
    """Somebody takes it from who has it and gives no sign; False if that has just changed."""
    key = (cases.c.id == case.id) & (cases.c.claimed_by == case.claimed_by) & cases.c.state.in_(ASSIGNED_STATES)
    values = {"claimed_by": actor, "claimed_at": at, "state": "claimed", "page_at": chase_at, "chased_at": None}
    return _apply_transition(db, key, values, (actor, "took over", case.id, at, f"from {case.claimed_by}"))


def hand_over(db: Transaction, case: Case, new_assignee: str, chase_at: datetime | None, at: datetime, by: str) -> bool:
    """It is given to somebody else; False if who has it has just changed."""
    key = (cases.c.id == case.id) & (cases.c.claimed_by == case.claimed_by) & cases.c.state.in_(ASSIGNED_STATES)
    values = {"claimed_by": new_assignee, "claimed_at": at, "state": "claimed", "page_at": chase_at, "chased_at": None}
    return _apply_transition(db, key, values, (by, "handed over", case.id, at, f"to {new_assignee}"))


def wait_for_family(db: Transaction, case_id: int, actor: str, page_at: datetime, at: datetime) -> bool:
    """Staff have written: the family's turn, until `page_at`; then who has the case is reminded of it."""
    key = (cases.c.id == case_id) & cases.c.state.in_(ASSIGNED_STATES)
    values = {"state": "waiting", "page_at": page_at, "chased_at": None}
    return _apply_transition(db, key, values, (actor, "wrote to the family", case_id, at, ""))


def record_family_reply(db: Transaction, case_id: int, chase_at: datetime, at: datetime) -> bool:
    """The family has answered: the turn of whoever has the case."""
    key = (cases.c.id == case_id) & cases.c.state.in_(ASSIGNED_STATES)
    values = {"state": "claimed", "page_at": chase_at, "chased_at": None}
    return _apply_transition(db, key, values, ("family", "wrote", case_id, at, ""))


def return_to_staff(db: Transaction, case_id: int, chase_at: datetime) -> bool:
    """A text to the family did not arrive, or the helper answers it again: the case must not sleep."""
    key = (cases.c.id == case_id) & (cases.c.state == "waiting")
    return db.execute(update(cases).where(key).values(state="claimed", page_at=chase_at)).rowcount == 1


def resolve(db: Transaction, case_id: int, actor: str, at: datetime, why: str) -> bool:
    """A person has seen to it."""
    key = (cases.c.id == case_id) & cases.c.state.in_(OPEN_STATES)
    values = {"state": "resolved", "resolved_by": actor, "resolved_at": at, "page_at": None}
    return _apply_transition(db, key, values, (actor, "resolved", case_id, at, why))


def close(db: Transaction, case_id: int, actor: str, at: datetime, why: str) -> bool:
    """Nothing more is to come: the family said yes, or did not answer."""
    key = (cases.c.id == case_id) & (cases.c.state == "resolved")
    return _apply_transition(db, key, {"state": "closed", "closed_at": at}, (actor, "closed", case_id, at, why))


def reopen(db: Transaction, case: Case, cause: str, at: datetime, higher_severity: str | None = None) -> int:
    """The case is open and staff are paged anew; where the family has another one about the topic, that one.

    The number of that case.  A repeat of the same `cause` changes nothing.  Another case keeps its urgency, and whoever
    is looking after it.
    """
    twin = find_open(db, case.contact_id, case.topic)
    number = int(twin.id) if twin else case.id
    if twin and number != case.id and twin.claimed_by:
        return number
    key = (cases.c.id == number) & (cases.c.paged_for != cause)
    urgency = (
        max(twin.severity, higher_severity, key=SEVERITY_RANKS.__getitem__)
        if twin and higher_severity
        else higher_severity
    )
    values = reset_paging_fields(cause, at) | ({"severity": urgency} if urgency else {})
    _apply_transition(db, key, values, ("family", "not helped yet", number, at, ""))
    return number


def flag(db: Transaction, case_id: int, why: str) -> None:
    """A person must look at the talk; empty takes the flag away."""
    db.execute(update(cases).where(cases.c.id == case_id).values(flagged=why))


def _apply_transition(
    db: Transaction, key: Any, values: dict[str, Any], audit_entry: tuple[str, str, int, datetime, str]
) -> bool:
    if db.execute(update(cases).where(key).values(values)).rowcount != 1:
        return False
    who, what, case_id, at, why = audit_entry
    audit_log.record(db, who, what, f"case {case_id}", at, why)
    return True
