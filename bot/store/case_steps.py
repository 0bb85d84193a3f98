"""How a case moves on.  Each step is one conditional update and its line in the audit log: the first one wins."""

from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.engine import Connection

from bot.store import audit
from bot.store.cases import OPEN_STATES, cases

UNCLAIMED = ("new", "alerted")
TAKEN = ("claimed", "waiting")


def set_paged(db: Connection, case_id: int, rounds: int, page_at: datetime | None, at: datetime) -> bool:
    """Round number `rounds` stands as rows; False if another process wrote it first."""
    key = (cases.c.id == case_id) & (cases.c.rounds == rounds - 1) & cases.c.state.in_(OPEN_STATES)
    values: dict[str, Any] = {"rounds": rounds, "page_at": page_at}
    if db.execute(update(cases).where(key).values(values)).rowcount != 1:
        return False
    new = (cases.c.id == case_id) & (cases.c.state == "new")
    db.execute(update(cases).where(new).values(state="alerted", alerted_at=at))
    return True


def set_told(db: Connection, case_id: int, at: datetime) -> bool:
    """The family is told that nobody has taken it; once."""
    key = (cases.c.id == case_id) & cases.c.told_at.is_(None)
    return db.execute(update(cases).where(key).values(told_at=at)).rowcount == 1


def claim(db: Connection, case_id: int, who: str, chase_at: datetime | None, at: datetime, how: str) -> bool:
    """Somebody takes it; False if somebody has it, or it is done."""
    key = (cases.c.id == case_id) & cases.c.state.in_(UNCLAIMED)
    values = {"state": "claimed", "claimed_by": who, "claimed_at": at, "page_at": chase_at}
    return _step(db, key, values, (who, "took", case_id, at, how))


def hand_over(db: Connection, case_id: int, from_: str, to: str, at: datetime) -> bool:
    """Who has it gives it to somebody else."""
    key = (cases.c.id == case_id) & (cases.c.claimed_by == from_) & cases.c.state.in_(TAKEN)
    values = {"claimed_by": to, "claimed_at": at, "state": "claimed"}
    return _step(db, key, values, (from_, "handed over", case_id, at, f"to {to}"))


def wait_for_family(db: Connection, case_id: int, who: str, at: datetime) -> bool:
    """Staff have written: the family's turn.  Nobody is chased while it is."""
    key = (cases.c.id == case_id) & cases.c.state.in_(TAKEN)
    return _step(db, key, {"state": "waiting", "page_at": None}, (who, "wrote to the family", case_id, at, ""))


def family_wrote(db: Connection, case_id: int, chase_at: datetime, at: datetime) -> bool:
    """The family has answered: the turn of whoever has the case."""
    key = (cases.c.id == case_id) & cases.c.state.in_(TAKEN)
    return _step(db, key, {"state": "claimed", "page_at": chase_at}, ("family", "wrote", case_id, at, ""))


def resolve(db: Connection, case_id: int, who: str, at: datetime, why: str) -> bool:
    """A person has seen to it."""
    key = (cases.c.id == case_id) & cases.c.state.in_(OPEN_STATES)
    values = {"state": "resolved", "resolved_by": who, "resolved_at": at, "page_at": None}
    return _step(db, key, values, (who, "resolved", case_id, at, why))


def close(db: Connection, case_id: int, who: str, at: datetime, why: str) -> bool:
    """Nothing more is to come: the family said yes, or did not answer."""
    key = (cases.c.id == case_id) & (cases.c.state == "resolved")
    return _step(db, key, {"state": "closed", "closed_at": at}, (who, "closed", case_id, at, why))


def reopen(db: Connection, case_id: int, role: str, cause: str, at: datetime) -> bool:
    """The family says that nobody helped: staff are paged anew, within the day.  False if it is open already."""
    key = (cases.c.id == case_id) & cases.c.state.in_(("resolved", "closed"))
    values = {"state": "new", "severity": "escalate_day", "role": role, "opened_at": at, "paged_for": cause}
    values |= {"claimed_by": None, "claimed_at": None, "resolved_at": None, "resolved_by": None, "closed_at": None}
    values |= {"page_at": None, "told_at": None}
    return _step(db, key, values, ("family", "not helped yet", case_id, at, ""))


def flag(db: Connection, case_id: int, why: str) -> None:
    """A person must look at the talk; empty takes the flag away."""
    db.execute(update(cases).where(cases.c.id == case_id).values(flagged=why))


def _step(db: Connection, key: Any, values: dict[str, Any], told: tuple[str, str, int, datetime, str]) -> bool:
    if db.execute(update(cases).where(key).values(values)).rowcount != 1:
        return False
    who, what, case_id, at, why = told
    audit.record(db, who, what, f"case {case_id}", at, why)
    return True
