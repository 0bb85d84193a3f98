"""What the safety lead has verified about a school: a kind of a small closed list, when it was checked, until when.

There is no kind for "agents are there now", no place, no number and no free text: what is not kept cannot be published.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

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
    insert,
    select,
    update,
)
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from bot.base.database import Database, Transaction, UtcDateTime, metadata
from bot.store.cases.cases import OPEN_STATES, cases

NO_AGENTS = "no_agents"
SCHOOL_STATUS_KINDS = (NO_AGENTS, "checking", "normal_day")
RUMOR_ANSWER_KINDS = (NO_AGENTS, "normal_day")
"""The kinds that answer a rumour; `checking` only says that somebody looks."""
MAX_STATUS_VALIDITY = timedelta(hours=4)
"""A school day moves on: no statement holds longer after it was checked."""

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
    Column("told_chain", Boolean, nullable=False, server_default=false()),
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
"""Which case was told which finding: once, and once more only if the first was taken back.  `delivery_id` empty: the
family has another case, and was told there."""


@dataclass(frozen=True)
class SchoolStatus:
    """One statement about one school."""

    id: int
    school: str
    kind: str
    checked_at: datetime
    expires_at: datetime
    by: str
    withdrawn_by: str | None = None
    withdrawn_at: datetime | None = None

    def is_valid_at(self, at: datetime) -> bool:
        """Whether families may be told it at this moment."""
        return self.withdrawn_at is None and self.checked_at <= at < self.expires_at


@dataclass(frozen=True)
class StatusAnswer:
    """A case that was told a finding, and the message that told it."""

    case_id: int
    contact_id: int
    delivery_id: str


def add(db: Transaction, cause: str, status: SchoolStatus, at: datetime) -> tuple[SchoolStatus, bool]:
    """Keep a new statement, and whether it is new: the same `cause` (a form, a text) keeps the first one."""
    kept = ("school", "kind", "checked_at", "expires_at", "by")
    row = {"cause": cause, "at": at, **{name: getattr(status, name) for name in kept}}
    try:
        with db.begin_nested():
            db.execute(insert(school_statuses).values(row))
        new = True
    except IntegrityError:
        new = False
    return _build_status(db.execute(select(school_statuses).where(school_statuses.c.cause == cause)).one()), new


def get(db: Transaction, status_id: int) -> SchoolStatus:
    """The statement with this number; raises `sqlalchemy.exc.NoResultFound`."""
    return _build_status(db.execute(select(school_statuses).where(school_statuses.c.id == status_id)).one())


def find_current_by_school(db: Transaction, at: datetime) -> dict[str, SchoolStatus]:
    """School → what holds now.  The newest statement alone counts: an older one does not come back after it."""
    newest = select(func.max(school_statuses.c.id)).group_by(school_statuses.c.school)
    query = select(school_statuses).where(school_statuses.c.id.in_(newest) & (school_statuses.c.expires_at > at))
    return {row.school: found for row in db.execute(query) if (found := _build_status(row)).is_valid_at(at)}


def list_newest(db: Transaction, school: str, limit: int) -> list[SchoolStatus]:
    """The last statements about a school, for who looks after them."""
    query = (
        select(school_statuses)
        .where(school_statuses.c.school == school)
        .order_by(school_statuses.c.id.desc())
        .limit(limit)
    )
    return [_build_status(row) for row in db.execute(query)]


def withdraw(db: Transaction, status_id: int, by: str, at: datetime) -> bool:
    """Families are not told it any more; False if it was withdrawn before or has ended."""
    key = (
        (school_statuses.c.id == status_id)
        & school_statuses.c.withdrawn_at.is_(None)
        & (school_statuses.c.expires_at > at)
    )
    return db.execute(update(school_statuses).where(key).values(withdrawn_by=by, withdrawn_at=at)).rowcount == 1


def list_unanswered_case_ids(db: Transaction, school: str | None, since: datetime) -> Sequence[int]:
    """Open cases of families who heard a rumour about this school (None: they named none) and were not told yet what
    was found."""
    told = select(school_status_answers.c.case_id).where(school_status_answers.c.taken_back_at.is_(None))
    key = (cases.c.topic == "safety_rumor") & (cases.c.school == school) & cases.c.state.in_(OPEN_STATES)
    key &= (cases.c.opened_at >= since) & cases.c.id.not_in(told)
    return db.execute(select(cases.c.id).where(key).order_by(cases.c.id)).scalars().all()


def count_open_rumors(db: Transaction, since: datetime) -> dict[str | None, int]:
    """School (None: not known) → open rumours, for who checks them."""
    key = (cases.c.topic == "safety_rumor") & cases.c.state.in_(OPEN_STATES) & (cases.c.opened_at >= since)
    query = select(cases.c.school, func.count().label("number")).where(key).group_by(cases.c.school)
    return {row.school: row.number for row in db.execute(query)}


def record_answer(db: Transaction, status_id: int, case_id: int, at: datetime) -> bool:
    """The case is told this finding; False if another process has just told it one."""
    rounds = db.execute(select(func.count()).where(school_status_answers.c.case_id == case_id)).scalar_one()
    row = {"status_id": status_id, "case_id": case_id, "round": rounds, "delivery_id": "", "at": at}
    try:
        with db.begin_nested():
            db.execute(insert(school_status_answers).values(row))
    except IntegrityError:
        return False
    return True


def set_answer_delivery(db: Transaction, status_id: int, case_id: int, delivery_id: str) -> None:
    """By which message it was told."""
    key = (
        (school_status_answers.c.status_id == status_id)
        & (school_status_answers.c.case_id == case_id)
        & school_status_answers.c.taken_back_at.is_(None)
    )
    db.execute(update(school_status_answers).where(key).values(delivery_id=delivery_id))


def withdraw_unsent_answers(db: Transaction, delivery_id: str, at: datetime) -> None:
    """A message that told a case of one school or several did not leave: none of it was told."""
    key = (school_status_answers.c.delivery_id == delivery_id) & school_status_answers.c.taken_back_at.is_(None)
    db.execute(update(school_status_answers).where(key).values(taken_back_at=at))


def find_expired_case(db: Transaction, delivery_id: str, at: datetime) -> int | None:
    """The case that this message tells of a statement that has ended meanwhile; None: of none, or it holds."""
    query = select(school_status_answers.c.case_id).join(
        school_statuses, school_statuses.c.id == school_status_answers.c.status_id
    )
    key = (
        (school_status_answers.c.delivery_id == delivery_id)
        & school_status_answers.c.taken_back_at.is_(None)
        & (school_statuses.c.expires_at <= at)
    )
    return db.execute(query.where(key).limit(1)).scalar_one_or_none()


def find(db: Transaction, status_id: int) -> SchoolStatus | None:
    """The statement with this number, if there is one."""
    row = db.execute(select(school_statuses).where(school_statuses.c.id == status_id)).one_or_none()
    return _build_status(row) if row else None


def mark_staff_notified(db: Transaction, status_id: int) -> bool:
    """Note that the others of the chain hear of it; False if they did."""
    key = (school_statuses.c.id == status_id) & school_statuses.c.told_chain.is_(False)
    return db.execute(update(school_statuses).where(key).values(told_chain=True)).rowcount == 1


def withdraw_answers(db: Transaction, status_id: int, at: datetime) -> list[StatusAnswer]:
    """Those who were told it, each once: they must hear that it does not hold any more."""
    key = (school_status_answers.c.status_id == status_id) & school_status_answers.c.taken_back_at.is_(None)
    query = select(school_status_answers.c.case_id, school_status_answers.c.delivery_id, cases.c.contact_id)
    query = query.join(cases, cases.c.id == school_status_answers.c.case_id).where(key)
    found = [StatusAnswer(row.case_id, row.contact_id, row.delivery_id) for row in db.execute(query)]
    db.execute(update(school_status_answers).where(key).values(taken_back_at=at))
    return found


def _build_status(row: Row[Any]) -> SchoolStatus:
    return SchoolStatus(**{name: getattr(row, name) for name in SchoolStatus.__dataclass_fields__})


class StatusCache:
    """What holds now, read at most every few seconds: no message of a family waits for a query of its own.

    With the database away nothing holds: then families are offered a person, as without a statement.
    """

    CACHE_SECONDS = 5.0
    RETRY_SECONDS = 1.0

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cached: tuple[float, Mapping[str, SchoolStatus]] = (0.0, {})

    def get_current(self, at: datetime) -> Mapping[str, SchoolStatus]:
        """School → its statement at this moment."""
        until, found = self._cached
        if time.monotonic() >= until:
            found = self._load(at)
        return {school: one for school, one in found.items() if one.is_valid_at(at)}

    def invalidate(self) -> None:
        """Something was set or withdrawn in this process: read anew."""
        self._cached = (0.0, {})

    def _load(self, at: datetime) -> Mapping[str, SchoolStatus]:
        seconds = self.CACHE_SECONDS
        try:
            with self._database.read() as db:
                found: Mapping[str, SchoolStatus] = find_current_by_school(db, at)
        except SQLAlchemyError:
            found, seconds = {}, self.RETRY_SECONDS
        self._cached = (time.monotonic() + seconds, found)
        return found
