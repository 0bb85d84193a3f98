"""Home visits: who plans to visit a family and why, and the family's answer."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Self

from sqlalchemy import Column, Date, Index, Integer, String, Table, Text, insert, select, update
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store import audit_log
from bot.store.families import record_keys
from bot.store.families.record_keys import Decryptor

HomeVisitState = Literal["asked", "approved", "refused", "elsewhere", "stopped"]
"""Only the family's own yes leads to `approved`. Staff, or a later message of the family, can stop a visit."""
VISIT_ANSWER_STATES: dict[str, HomeVisitState] = {"yes": "approved", "no": "refused", "elsewhere": "elsewhere"}
"""The answers of a family, and the state after each."""
ACTIVE_VISIT_STATES: tuple[HomeVisitState, ...] = ("asked", "approved")

home_visits = Table(
    "home_visits",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cause", String(80), nullable=False, unique=True),
    Column("case_id", Integer, nullable=False, index=True),
    Column("contact_id", Integer, index=True),
    Column("school", String(48), nullable=False),
    Column("sealed_plan", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("state", String(12), nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("answered_at", UtcDateTime),
)
Index(
    "uq_home_visits_standing",
    home_visits.c.case_id,
    unique=True,
    sqlite_where=home_visits.c.state.in_(ACTIVE_VISIT_STATES),
    postgresql_where=home_visits.c.state.in_(ACTIVE_VISIT_STATES),
)
"""A case has at most one active plan."""


@dataclass(frozen=True)
class NewHomeVisit:
    """A visit to plan.

    `reason`, `visitor`, and `leader` must not be empty.
    """

    cause: str
    case_id: int
    contact_id: int
    school: str
    reason: str
    visitor: str
    leader: str
    day: date
    asked_by: str


@dataclass(frozen=True)
class HomeVisit:
    """A visit.

    It takes place only if `state` is approved.
    """

    id: int
    case_id: int
    contact_id: int | None
    school: str
    reason: str
    visitor: str
    leader: str
    day: date
    state: HomeVisitState
    asked_by: str
    answered_at: datetime | None

    @classmethod
    def from_row(cls, row: Row[Any], decryptor: Decryptor) -> Self:
        """Build the home visit from its row."""
        plan = "\x00\x00"
        if row.sealed_plan:
            plan = decryptor.decrypt(row.sealed_plan, build_context(row.cause))
        reason, visitor, leader = plan.split("\x00")
        names = cls.__dataclass_fields__.keys() - {"reason", "visitor", "leader"}
        return cls(reason=reason, visitor=visitor, leader=leader, **{name: getattr(row, name) for name in names})


def add(db: Transaction, new: NewHomeVisit, now: datetime) -> int | None:
    """Store a plan and return its ID.

    Returns None for a repeat of the same form, or if the case has an active plan.
    """
    key = (home_visits.c.cause == new.cause) | (
        (home_visits.c.case_id == new.case_id) & home_visits.c.state.in_(ACTIVE_VISIT_STATES)
    )
    if db.execute(select(home_visits.c.id).where(key)).first() is not None:
        return None
    plan = "\x00".join((new.reason, new.visitor, new.leader))
    encryptor = record_keys.get_encryptor(db, new.contact_id)
    values = {
        "cause": new.cause,
        "case_id": new.case_id,
        "contact_id": new.contact_id,
        "school": new.school,
        "sealed_plan": encryptor.encrypt(plan, build_context(new.cause)),
        "day": new.day,
        "state": "asked",
        "asked_by": new.asked_by,
        "asked_at": now,
    }
    visit_id = int(db.execute(insert(home_visits).values(values).returning(home_visits.c.id)).scalar_one())
    audit_log.record(db, new.asked_by, "asked the family about a visit", f"case {new.case_id}", now)
    return visit_id


def list_for_case(db: Transaction, case_id: int) -> list[HomeVisit]:
    """Return the visits of a case, newest first."""
    query = select(home_visits).where(home_visits.c.case_id == case_id).order_by(home_visits.c.id.desc())
    return [HomeVisit.from_row(row, record_keys.get_decryptor(db)) for row in db.execute(query)]


def find_unanswered(db: Transaction, contact_id: int) -> HomeVisit | None:
    """Return the newest visit that waits for the answer of this contact, or None."""
    key = (home_visits.c.contact_id == contact_id) & (home_visits.c.state == "asked")
    row = db.execute(select(home_visits).where(key).order_by(home_visits.c.id.desc())).first()
    return HomeVisit.from_row(row, record_keys.get_decryptor(db)) if row else None


def record_answer(db: Transaction, visit: HomeVisit, reply: str, now: datetime) -> bool:
    """Record the family's answer, a key of `VISIT_ANSWER_STATES`.

    Returns False if the plan no longer waits for an answer.
    """
    key = (home_visits.c.id == visit.id) & (home_visits.c.state == "asked")
    values = {"state": VISIT_ANSWER_STATES[reply], "answered_at": now}
    if db.execute(update(home_visits).where(key).values(values)).rowcount != 1:
        return False
    audit_log.record(db, "family", "answered about a visit", f"case {visit.case_id}", now, reply)
    return True


def stop(db: Transaction, case_id: int, by: str, now: datetime) -> bool:
    """Stop the active plan of the case.

    Returns False if there is none.
    """
    key = (home_visits.c.case_id == case_id) & home_visits.c.state.in_(ACTIVE_VISIT_STATES)
    return _stop_matching(db, key, by, now)


def stop_all(db: Transaction, contact_ids: tuple[int, ...], now: datetime) -> bool:
    """Stop all active plans of these contacts, because the family wants no visit.

    Returns False if there is none.
    """
    key = home_visits.c.contact_id.in_(contact_ids) & home_visits.c.state.in_(ACTIVE_VISIT_STATES)
    return _stop_matching(db, key, "family", now)


def _stop_matching(db: Transaction, key: Any, by: str, now: datetime) -> bool:
    case_ids = db.execute(select(home_visits.c.case_id).where(key)).scalars().all()
    if not case_ids:
        return False
    if db.execute(update(home_visits).where(key).values(state="stopped", answered_at=now)).rowcount == 0:
        return False
    for case_id in case_ids:
        audit_log.record(db, by, "stopped a planned visit", f"case {case_id}", now)
    return True


def anonymize_before(db: Transaction, before: datetime) -> int:
    """Remove the family, the case, and the texts from plans before this time, and return their number."""
    key = (home_visits.c.asked_at < before) & home_visits.c.contact_id.is_not(None)
    is_active = key & home_visits.c.state.in_(ACTIVE_VISIT_STATES)
    db.execute(update(home_visits).where(is_active).values(state="stopped"))
    return db.execute(update(home_visits).where(key).values(contact_id=None, case_id=0, sealed_plan="")).rowcount


def anonymize_contact(db: Transaction, contact_id: int, now: datetime) -> None:
    """Stop the plans of an erased contact, and remove its data from them."""
    key = home_visits.c.contact_id == contact_id
    is_active = key & home_visits.c.state.in_(ACTIVE_VISIT_STATES)
    db.execute(update(home_visits).where(is_active).values(state="stopped", answered_at=now))
    db.execute(update(home_visits).where(key).values(contact_id=None, case_id=0, sealed_plan=""))


def build_context(cause: str) -> str:
    return f"visit:plan:{cause}"
