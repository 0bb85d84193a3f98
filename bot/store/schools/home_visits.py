"""Home visits: who would come, with whom and why, what the family was asked, and what it said.

asked → approved (the family's own yes, and nothing else) | refused | elsewhere | stopped (by staff, or because the
family has said since that nobody should come).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, Date, Index, Integer, String, Table, Text, insert, select, update
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata
from bot.store import audit_log
from bot.store.families import record_keys
from bot.store.families.record_keys import Decryptor

VISIT_ANSWER_STATES = {"yes": "approved", "no": "refused", "elsewhere": "elsewhere"}
"""What the family may answer, and the state to which that leads."""
ACTIVE_VISIT_STATES = ("asked", "approved")

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
"""One plan a case stands at a time."""


@dataclass(frozen=True)
class NewHomeVisit:
    """A visit that somebody wants to make; all three texts are needed."""

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
    """A visit; nobody goes unless `state` is approved."""

    id: int
    case_id: int
    contact_id: int | None
    school: str
    reason: str
    visitor: str
    leader: str
    day: date
    state: str
    asked_by: str
    answered_at: datetime | None


def add(db: Transaction, new: NewHomeVisit, at: datetime) -> int | None:
    """The number of the new plan; None if this form was sent before, or one stands for this case."""
    key = (home_visits.c.cause == new.cause) | (
        (home_visits.c.case_id == new.case_id) & home_visits.c.state.in_(ACTIVE_VISIT_STATES)
    )
    if db.execute(select(home_visits.c.id).where(key)).first() is not None:
        return None
    plan = "\x00".join((new.reason, new.visitor, new.leader))
    row = {"cause": new.cause, "case_id": new.case_id, "contact_id": new.contact_id, "school": new.school}
    own = record_keys.get_encryptor(db, new.contact_id)
    row |= {"sealed_plan": own.encrypt(plan, build_context(new.cause)), "asked_by": new.asked_by}
    values: dict[str, object] = {**row, "day": new.day, "state": "asked", "asked_at": at}
    number = int(db.execute(insert(home_visits).values(values).returning(home_visits.c.id)).scalar_one())
    audit_log.record(db, new.asked_by, "asked the family about a visit", f"case {new.case_id}", at)
    return number


def list_for_case(db: Transaction, case_id: int) -> list[HomeVisit]:
    """The visits of a case, the newest first."""
    query = select(home_visits).where(home_visits.c.case_id == case_id).order_by(home_visits.c.id.desc())
    return [_build_visit(row, record_keys.get_decryptor(db)) for row in db.execute(query)]


def find_unanswered(db: Transaction, contact_id: int) -> HomeVisit | None:
    """The newest visit about which this family was asked and has not answered."""
    key = (home_visits.c.contact_id == contact_id) & (home_visits.c.state == "asked")
    row = db.execute(select(home_visits).where(key).order_by(home_visits.c.id.desc())).first()
    return _build_visit(row, record_keys.get_decryptor(db)) if row else None


def record_answer(db: Transaction, visit: HomeVisit, reply: str, at: datetime) -> bool:
    """What the family said (`ANSWERS`); False if the plan does not wait for it any more."""
    key = (home_visits.c.id == visit.id) & (home_visits.c.state == "asked")
    values = {"state": VISIT_ANSWER_STATES[reply], "answered_at": at}
    if db.execute(update(home_visits).where(key).values(values)).rowcount != 1:
        return False
    audit_log.record(db, "family", "answered about a visit", f"case {visit.case_id}", at, reply)
    return True


def stop(db: Transaction, case_id: int, by: str, at: datetime) -> bool:
    """Nobody goes; False if no plan stands."""
    return _stop_matching(db, (home_visits.c.case_id == case_id) & home_visits.c.state.in_(ACTIVE_VISIT_STATES), by, at)


def stop_all(db: Transaction, contact_ids: tuple[int, ...], at: datetime) -> bool:
    """The family says that nobody should come: no plan stands any more, of whichever case."""
    return _stop_matching(
        db, home_visits.c.contact_id.in_(contact_ids) & home_visits.c.state.in_(ACTIVE_VISIT_STATES), "family", at
    )


def _stop_matching(db: Transaction, key: Any, by: str, at: datetime) -> bool:
    stopped = db.execute(select(home_visits.c.case_id).where(key)).scalars().all()
    if not stopped or db.execute(update(home_visits).where(key).values(state="stopped", answered_at=at)).rowcount == 0:
        return False
    for case_id in stopped:
        audit_log.record(db, by, "stopped a planned visit", f"case {case_id}", at)
    return True


def anonymize_before(db: Transaction, before: datetime) -> int:
    """Older plans no longer say of which family (or case) they were, who came and why; how many."""
    key = (home_visits.c.asked_at < before) & home_visits.c.contact_id.is_not(None)
    stopped = key & home_visits.c.state.in_(ACTIVE_VISIT_STATES)
    db.execute(update(home_visits).where(stopped).values(state="stopped"))
    return db.execute(update(home_visits).where(key).values(contact_id=None, case_id=0, sealed_plan="")).rowcount


def anonymize_contact(db: Transaction, contact_id: int, at: datetime) -> None:
    """A family is erased, and with it what was planned: nobody goes."""
    mine = home_visits.c.contact_id == contact_id
    standing = mine & home_visits.c.state.in_(ACTIVE_VISIT_STATES)
    db.execute(update(home_visits).where(standing).values(state="stopped", answered_at=at))
    db.execute(update(home_visits).where(mine).values(contact_id=None, case_id=0, sealed_plan=""))


def _build_visit(row: Row[Any], decryptor: Decryptor) -> HomeVisit:
    opened = decryptor.decrypt(row.sealed_plan, build_context(row.cause)) if row.sealed_plan else "\x00\x00"
    reason, visitor, leader = opened.split("\x00")
    names = HomeVisit.__dataclass_fields__.keys() - {"reason", "visitor", "leader"}
    return HomeVisit(reason=reason, visitor=visitor, leader=leader, **{name: getattr(row, name) for name in names})


def build_context(cause: str) -> str:
    return f"visit:plan:{cause}"
