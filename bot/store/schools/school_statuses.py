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
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from bot.base.database import Database, Moment, metadata
from bot.store.cases.cases import OPEN_STATES, cases

NO_AGENTS = "no_agents"
KINDS = (NO_AGENTS, "checking", "normal_day")
FINDINGS = (NO_AGENTS, "normal_day")
"""The kinds that answer a rumour; `checking` only says that somebody looks."""
LONGEST = timedelta(hours=4)
"""A school day moves on: no statement holds longer after it was checked."""

statuses = Table(
    "school_statuses",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cause", String(64), nullable=False, unique=True),
    Column("school", String(48), nullable=False, index=True),
    Column("kind", String(12), nullable=False),
    Column("checked_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
    Column("by", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    Column("withdrawn_by", String(64)),
    Column("withdrawn_at", Moment),
    Column("told_chain", Boolean, nullable=False, server_default=false()),
)

answered = Table(
    "school_status_answers",
    metadata,
    Column("status_id", ForeignKey("school_statuses.id"), nullable=False, index=True),
    Column("case_id", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("delivery_id", String(32), nullable=False),
    Column("at", Moment, nullable=False),
    Column("taken_back_at", Moment),
    UniqueConstraint("case_id", "round"),
)
"""Which case was told which finding: once, and once more only if the first was taken back.  `delivery_id` empty: the
family has another case, and was told there."""


@dataclass(frozen=True)
class Status:
    """One statement about one school."""

    id: int
    school: str
    kind: str
    checked_at: datetime
    expires_at: datetime
    by: str
    withdrawn_by: str | None = None
    withdrawn_at: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether families may be told it at this moment."""
        return self.withdrawn_at is None and self.checked_at <= at < self.expires_at


@dataclass(frozen=True)
class Told:
    """A case that was told a finding, and the message that told it."""

    case_id: int
    contact_id: int
    delivery_id: str


def add(db: Connection, cause: str, status: Status, at: datetime) -> tuple[Status, bool]:
    """Keep a new statement, and whether it is new: the same `cause` (a form, a text) keeps the first one."""
    kept = ("school", "kind", "checked_at", "expires_at", "by")
    row = {"cause": cause, "at": at, **{name: getattr(status, name) for name in kept}}
    try:
        with db.begin_nested():
            db.execute(insert(statuses).values(row))
        new = True
    except IntegrityError:
        new = False
    return _status(db.execute(select(statuses).where(statuses.c.cause == cause)).one()), new


def get(db: Connection, status_id: int) -> Status:
    """The statement with this number; raises `sqlalchemy.exc.NoResultFound`."""
    return _status(db.execute(select(statuses).where(statuses.c.id == status_id)).one())


def current(db: Connection, at: datetime) -> dict[str, Status]:
    """School → what holds now.  The newest statement alone counts: an older one does not come back after it."""
    newest = select(func.max(statuses.c.id)).group_by(statuses.c.school)
    query = select(statuses).where(statuses.c.id.in_(newest) & (statuses.c.expires_at > at))
    return {row.school: found for row in db.execute(query) if (found := _status(row)).holds(at)}


def newest(db: Connection, school: str, limit: int) -> list[Status]:
    """The last statements about a school, for who looks after them."""
    query = select(statuses).where(statuses.c.school == school).order_by(statuses.c.id.desc()).limit(limit)
    return [_status(row) for row in db.execute(query)]


def withdraw(db: Connection, status_id: int, by: str, at: datetime) -> bool:
    """Families are not told it any more; False if it was withdrawn before or has ended."""
    key = (statuses.c.id == status_id) & statuses.c.withdrawn_at.is_(None) & (statuses.c.expires_at > at)
    return db.execute(update(statuses).where(key).values(withdrawn_by=by, withdrawn_at=at)).rowcount == 1


def unanswered(db: Connection, school: str | None, since: datetime) -> Sequence[int]:
    """Open cases of families who heard a rumour about this school (None: they named none) and were not told yet what
    was found."""
    told = select(answered.c.case_id).where(answered.c.taken_back_at.is_(None))
    key = (cases.c.topic == "safety_rumor") & (cases.c.school == school) & cases.c.state.in_(OPEN_STATES)
    key &= (cases.c.opened_at >= since) & cases.c.id.not_in(told)
    return db.execute(select(cases.c.id).where(key).order_by(cases.c.id)).scalars().all()


def reported(db: Connection, since: datetime) -> dict[str | None, int]:
    """School (None: not known) → open rumours, for who checks them."""
    key = (cases.c.topic == "safety_rumor") & cases.c.state.in_(OPEN_STATES) & (cases.c.opened_at >= since)
    query = select(cases.c.school, func.count().label("number")).where(key).group_by(cases.c.school)
    return {row.school: row.number for row in db.execute(query)}


def set_answered(db: Connection, status_id: int, case_id: int, at: datetime) -> bool:
    """The case is told this finding; False if another process has just told it one."""
    rounds = db.execute(select(func.count()).where(answered.c.case_id == case_id)).scalar_one()
    row = {"status_id": status_id, "case_id": case_id, "round": rounds, "delivery_id": "", "at": at}
    try:
        with db.begin_nested():
            db.execute(insert(answered).values(row))
    except IntegrityError:
        return False
    return True


def set_delivery(db: Connection, status_id: int, case_id: int, delivery_id: str) -> None:
    """By which message it was told."""
    key = (answered.c.status_id == status_id) & (answered.c.case_id == case_id) & answered.c.taken_back_at.is_(None)
    db.execute(update(answered).where(key).values(delivery_id=delivery_id))


def not_sent(db: Connection, delivery_id: str, at: datetime) -> None:
    """A message that told a case of one school or several did not leave: none of it was told."""
    key = (answered.c.delivery_id == delivery_id) & answered.c.taken_back_at.is_(None)
    db.execute(update(answered).where(key).values(taken_back_at=at))


def outlived(db: Connection, delivery_id: str, at: datetime) -> int | None:
    """The case that this message tells of a statement that has ended meanwhile; None: of none, or it holds."""
    query = select(answered.c.case_id).join(statuses, statuses.c.id == answered.c.status_id)
    key = (answered.c.delivery_id == delivery_id) & answered.c.taken_back_at.is_(None) & (statuses.c.expires_at <= at)
    return db.execute(query.where(key).limit(1)).scalar_one_or_none()


def find(db: Connection, status_id: int) -> Status | None:
    """The statement with this number, if there is one."""
    row = db.execute(select(statuses).where(statuses.c.id == status_id)).one_or_none()
    return _status(row) if row else None


def first_told(db: Connection, status_id: int) -> bool:
    """Note that the others of the chain hear of it; False if they did."""
    key = (statuses.c.id == status_id) & statuses.c.told_chain.is_(False)
    return db.execute(update(statuses).where(key).values(told_chain=True)).rowcount == 1


def take_back(db: Connection, status_id: int, at: datetime) -> list[Told]:
    """Those who were told it, each once: they must hear that it does not hold any more."""
    key = (answered.c.status_id == status_id) & answered.c.taken_back_at.is_(None)
    query = select(answered.c.case_id, answered.c.delivery_id, cases.c.contact_id)
    query = query.join(cases, cases.c.id == answered.c.case_id).where(key)
    found = [Told(row.case_id, row.contact_id, row.delivery_id) for row in db.execute(query)]
    db.execute(update(answered).where(key).values(taken_back_at=at))
    return found


def _status(row: Row[Any]) -> Status:
    return Status(**{name: getattr(row, name) for name in Status.__dataclass_fields__})


class Lately:
    """What holds now, read at most every few seconds: no message of a family waits for a query of its own.

    With the database away nothing holds: then families are offered a person, as without a statement.
    """

    SECONDS = 5.0
    AGAIN_SECONDS = 1.0

    def __init__(self, database: Database) -> None:
        self._database = database
        self._found: tuple[float, Mapping[str, Status]] = (0.0, {})

    def now(self, at: datetime) -> Mapping[str, Status]:
        """School → its statement at this moment."""
        until, found = self._found
        if time.monotonic() >= until:
            found = self._read(at)
        return {school: one for school, one in found.items() if one.holds(at)}

    def forget(self) -> None:
        """Something was set or withdrawn in this process: read anew."""
        self._found = (0.0, {})

    def _read(self, at: datetime) -> Mapping[str, Status]:
        seconds = self.SECONDS
        try:
            with self._database.read() as db:
                found: Mapping[str, Status] = current(db, at)
        except SQLAlchemyError:
            found, seconds = {}, self.AGAIN_SECONDS
        self._found = (time.monotonic() + seconds, found)
        return found
