"""School statuses: statements about a school that the safety lead verified.

Each has a kind from a small fixed list, the time of the check, and an expiry. There is no kind for "agents are there
now", and no place, number, or free text. So none of these can be published.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Integer,
    String,
    Table,
    UniqueConstraint,
    false,
    func,
    select,
    update,
)
from sqlalchemy.engine import Row
from sqlalchemy.exc import SQLAlchemyError

from bot.base.database import Database, Transaction, UtcDateTime, metadata
from bot.store.cases.cases import OPEN_STATES, cases
from bot.store.unique_rows import insert_if_new

NO_AGENTS = "no_agents"
SCHOOL_STATUS_KINDS = (NO_AGENTS, "checking", "normal_day")
RUMOR_ANSWER_KINDS = (NO_AGENTS, "normal_day")
"""The kinds that answer a rumor. `checking` only says that someone is checking."""
MAX_STATUS_VALIDITY = timedelta(hours=4)
"""The maximum time from the check to the expiry, because the situation changes during a school day."""

school_statuses = Table(
    "school_statuses",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cause", String(64), nullable=False, unique=True),
    Column("school", String(48), nullable=False, index=True),
    Column("kind", String(12), nullable=False),
    Column("checked_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    Column("by", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("withdrawn_by", String(64)),
    Column("withdrawn_at", UtcDateTime),
    Column("is_staff_notified", Boolean, nullable=False, server_default=false()),
)

school_status_answers = Table(
    "school_status_answers",
    metadata,
    Column("status_id", ForeignKey("school_statuses.id"), nullable=False, index=True),
    Column("case_id", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("delivery_id", String(32), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("taken_back_at", UtcDateTime),
    UniqueConstraint("case_id", "round"),
)
"""The answer that each case received: once, and again only if the first was withdrawn. If `delivery_id` is empty, the
family received the answer in another case."""


@dataclass(frozen=True)
class SchoolStatus:
    """A statement about a school."""

    id: int
    school: str
    kind: str
    checked_at: datetime
    expires_at: datetime
    by: str
    withdrawn_by: str | None = None
    withdrawn_at: datetime | None = None

    def is_valid_at(self, now: datetime) -> bool:
        """Return whether families may receive the statement at this time."""
        return self.withdrawn_at is None and self.checked_at <= now < self.expires_at

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Build the school status from its row."""
        return cls(**{name: getattr(row, name) for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class StatusAnswer:
    """A case that received a statement, and the delivery that carried it."""

    case_id: int
    contact_id: int
    delivery_id: str


def add(db: Transaction, cause: str, status: SchoolStatus, now: datetime) -> tuple[SchoolStatus, bool]:
    """Store a statement, and return it with whether it is new.

    If a statement with the same `cause` exists, return that one.
    """
    names = ("school", "kind", "checked_at", "expires_at", "by")
    row = {"cause": cause, "at": now, **{name: getattr(status, name) for name in names}}
    new_row = insert_if_new(db, school_statuses, row)
    if new_row is not None:
        return SchoolStatus.from_row(new_row), True
    existing_row = db.execute(select(school_statuses).where(school_statuses.c.cause == cause)).one()
    return SchoolStatus.from_row(existing_row), False


def get(db: Transaction, status_id: int) -> SchoolStatus:
    """Return the statement with this ID.

    Raises `sqlalchemy.exc.NoResultFound`.
    """
    return SchoolStatus.from_row(db.execute(select(school_statuses).where(school_statuses.c.id == status_id)).one())


def find_current_by_school(db: Transaction, now: datetime) -> dict[str, SchoolStatus]:
    """Return school → valid statement.

    Only the newest statement counts. When it ends, an older one does not return.
    """
    newest = select(func.max(school_statuses.c.id)).group_by(school_statuses.c.school)
    query = select(school_statuses).where(school_statuses.c.id.in_(newest) & (school_statuses.c.expires_at > now))
    statuses = [SchoolStatus.from_row(row) for row in db.execute(query)]
    return {status.school: status for status in statuses if status.is_valid_at(now)}


def list_newest(db: Transaction, school: str, limit: int) -> list[SchoolStatus]:
    """Return the newest statements about a school."""
    query = (
        select(school_statuses)
        .where(school_statuses.c.school == school)
        .order_by(school_statuses.c.id.desc())
        .limit(limit)
    )
    return [SchoolStatus.from_row(row) for row in db.execute(query)]


def withdraw(db: Transaction, status_id: int, by: str, now: datetime) -> bool:
    """Withdraw a statement.

    Returns False if it was withdrawn before or has expired.
    """
    key = (
        (school_statuses.c.id == status_id)
        & school_statuses.c.withdrawn_at.is_(None)
        & (school_statuses.c.expires_at > now)
    )
    return db.execute(update(school_statuses).where(key).values(withdrawn_by=by, withdrawn_at=now)).rowcount == 1


def list_unanswered_case_ids(db: Transaction, school: str | None, since: datetime) -> Sequence[int]:
    """Return the open cases about a rumor at this school that received no statement.

    If `school` is None, return the cases without a school.
    """
    answered_case_ids = select(school_status_answers.c.case_id).where(school_status_answers.c.taken_back_at.is_(None))
    key = (cases.c.topic == "safety_rumor") & (cases.c.school == school) & cases.c.state.in_(OPEN_STATES)
    key &= (cases.c.opened_at >= since) & cases.c.id.not_in(answered_case_ids)
    return db.execute(select(cases.c.id).where(key).order_by(cases.c.id)).scalars().all()


def count_open_rumors(db: Transaction, since: datetime) -> dict[str | None, int]:
    """Return school → number of open rumors.

    The school is None if it is not known.
    """
    key = (cases.c.topic == "safety_rumor") & cases.c.state.in_(OPEN_STATES) & (cases.c.opened_at >= since)
    query = select(cases.c.school, func.count().label("number")).where(key).group_by(cases.c.school)
    return {row.school: row.number for row in db.execute(query)}


def record_answer(db: Transaction, status_id: int, case_id: int, now: datetime) -> bool:
    """Record that the case receives this statement.

    Returns False if another process recorded one first.
    """
    rounds = db.execute(select(func.count()).where(school_status_answers.c.case_id == case_id)).scalar_one()
    row = {"status_id": status_id, "case_id": case_id, "round": rounds, "delivery_id": "", "at": now}
    return insert_if_new(db, school_status_answers, row) is not None


def set_answer_delivery(db: Transaction, status_id: int, case_id: int, delivery_id: str) -> None:
    """Set the delivery that carries the statement."""
    key = (
        (school_status_answers.c.status_id == status_id)
        & (school_status_answers.c.case_id == case_id)
        & school_status_answers.c.taken_back_at.is_(None)
    )
    db.execute(update(school_status_answers).where(key).values(delivery_id=delivery_id))


def withdraw_unsent_answers(db: Transaction, delivery_id: str, now: datetime) -> None:
    """Withdraw the answers of a delivery that was not sent."""
    key = (school_status_answers.c.delivery_id == delivery_id) & school_status_answers.c.taken_back_at.is_(None)
    db.execute(update(school_status_answers).where(key).values(taken_back_at=now))


def find_expired_case(db: Transaction, delivery_id: str, now: datetime) -> int | None:
    """Return the case of this delivery if its statement has expired, or None."""
    query = select(school_status_answers.c.case_id).join(
        school_statuses, school_statuses.c.id == school_status_answers.c.status_id
    )
    key = (
        (school_status_answers.c.delivery_id == delivery_id)
        & school_status_answers.c.taken_back_at.is_(None)
        & (school_statuses.c.expires_at <= now)
    )
    return db.execute(query.where(key).limit(1)).scalar_one_or_none()


def find(db: Transaction, status_id: int) -> SchoolStatus | None:
    """Return the statement with this ID, or None."""
    row = db.execute(select(school_statuses).where(school_statuses.c.id == status_id)).one_or_none()
    return SchoolStatus.from_row(row) if row else None


def mark_staff_notified(db: Transaction, status_id: int) -> bool:
    """Record that the other staff on the paging list are notified.

    Returns False if it was recorded before.
    """
    key = (school_statuses.c.id == status_id) & school_statuses.c.is_staff_notified.is_(False)
    return db.execute(update(school_statuses).where(key).values(is_staff_notified=True)).rowcount == 1


def withdraw_answers(db: Transaction, status_id: int, now: datetime) -> list[StatusAnswer]:
    """Withdraw the answers with this statement, and return them, so that families receive a correction."""
    key = (school_status_answers.c.status_id == status_id) & school_status_answers.c.taken_back_at.is_(None)
    query = select(school_status_answers.c.case_id, school_status_answers.c.delivery_id, cases.c.contact_id)
    query = query.join(cases, cases.c.id == school_status_answers.c.case_id).where(key)
    answers = [StatusAnswer(row.case_id, row.contact_id, row.delivery_id) for row in db.execute(query)]
    db.execute(update(school_status_answers).where(key).values(taken_back_at=now))
    return answers


class StatusCache:
    """Cache of the current statements, so that a family's message rarely waits for a query.

    If the database is not available, there are no statements. Then families are offered a person.
    """

    CACHE_SECONDS = 5.0
    RETRY_SECONDS = 1.0

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cached: tuple[float, Mapping[str, SchoolStatus]] = (0.0, {})

    def get_current(self, now: datetime) -> Mapping[str, SchoolStatus]:
        """Return school → its valid statement."""
        until, statuses = self._cached
        if time.monotonic() >= until:
            statuses = self._load(now)
        return {school: status for school, status in statuses.items() if status.is_valid_at(now)}

    def invalidate(self) -> None:
        """Discard the cache after this process added or withdrew a statement."""
        self._cached = (0.0, {})

    def _load(self, now: datetime) -> Mapping[str, SchoolStatus]:
        seconds = self.CACHE_SECONDS
        try:
            with self._database.read() as db:
                statuses: Mapping[str, SchoolStatus] = find_current_by_school(db, now)
        except SQLAlchemyError:
            statuses, seconds = {}, self.RETRY_SECONDS
        self._cached = (time.monotonic() + seconds, statuses)
        return statuses
