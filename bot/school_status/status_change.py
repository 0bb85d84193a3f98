"""Setting and withdrawing a verified statement about a school.  Who may, for how long, and who hears of it.

Families read fixed, reviewed words with the school's name and the time (flows/texts.yaml); nothing typed reaches them.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.base.queues import DELIVER, enqueue
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.district import District
from bot.messaging.reply_composer import Composer
from bot.runtime import Services
from bot.school_status import rumor_replies
from bot.store import audit_log
from bot.store.schools import incidents, school_statuses
from bot.store.schools.school_statuses import FINDINGS, KINDS, LONGEST, Status

ROLE = "safety_lead"
"""Whose chain (`on_call` of the district file) says how a school is."""
HOLDS = timedelta(hours=2)
"""If nobody says otherwise."""
CHECKED_WITHIN = timedelta(hours=1)
"""What was checked longer ago is checked again before families are told."""
SOON = timedelta(minutes=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wish:
    """What somebody says of a school.  `cause` makes it once: the form's own number, or the text's."""

    school: str
    kind: str
    checked_at: datetime
    holds: timedelta
    by: str
    cause: str


class CannotSet(Exception):
    """Why not, in a sentence for the person who asked."""


def may_set(district: District, staff: str | None, school: str) -> bool:
    """Whether this member of staff is of the safety lead's chain for that school."""
    chain = district.on_call.get(ROLE)
    person = district.staff.get(staff or "")
    if chain is None or person is None or school not in district.schools:
        return False
    own = not person.schools or school in person.schools
    return own and staff in {*chain.people, *chain.schools.get(school, ())}


def set_status(services: Services, wish: Wish) -> Status:
    """From now on families who ask read it, and those who reported a rumour are told, in the same transaction.

    Raises `CannotSet`.  The caller has asked `may_set`.
    """
    at = now()
    wanted = _checked(services.library.district, wish, at)
    with services.database.write() as db:
        _no_agents_there(db, wish)
        before = school_statuses.current(db, at).get(wish.school)
        status, new = school_statuses.add(db, wish.cause, wanted, at)
        planned = _follow(services, db, status, before, at) if new else []
    _done(services, planned)
    return status


def _checked(district: District, wish: Wish, at: datetime) -> Status:
    if wish.school not in district.schools:
        raise CannotSet("There is no such school.")
    if wish.kind not in KINDS:
        raise CannotSet("Choose what was found.")
    if not at - CHECKED_WITHIN <= wish.checked_at <= at + SOON:
        raise CannotSet("Say when it was checked: within the last hour. What is older, check again.")
    expires = wish.checked_at + wish.holds
    if not timedelta() < wish.holds <= LONGEST or expires <= at:
        raise CannotSet("Say for how long it counts: four hours at most.")
    return Status(0, wish.school, wish.kind, min(wish.checked_at, at), expires, wish.by)


def _no_agents_there(db: Connection, wish: Wish) -> None:
    """What the front office has on record comes before any finding: the two must never contradict each other."""
    incidents.one_at_a_time(db)
    if wish.kind in FINDINGS and incidents.at_school(db, wish.school, drill=False):
        raise CannotSet("The front office has agents on record there now. End that first, or say somebody is checking.")


def _follow(services: Services, db: Connection, status: Status, before: Status | None, at: datetime) -> list[str]:
    """The line in the audit log, and what families are told; somebody looks again: what was told counts no more."""
    why = f"{status.kind} until {services.library.district.local(status.expires_at):%H:%M}"
    audit_log.record(db, status.by, "set a school status", f"school {status.school}", at, why)
    if status.kind in FINDINGS:
        return rumor_replies.tell(services, db, status, at)
    return rumor_replies.take_back(services, db, before, at) if before else []


def withdraw(services: Services, status_id: int, by: str) -> bool:
    """Nobody is told it any more, and those who were hear so; False if it was withdrawn, or has ended."""
    at = now()
    with services.database.write() as db:
        planned = withdraw_in(services, db, status_id, by, at)
    if planned is not None:
        _done(services, planned)
    return planned is not None


def withdraw_in(services: Services, db: Connection, status_id: int, by: str, at: datetime) -> list[str] | None:
    """The same within a transaction: the texts that follow; None if there was nothing to withdraw."""
    if not school_statuses.withdraw(db, status_id, by, at):
        return None
    status = school_statuses.get(db, status_id)
    audit_log.record(db, by, "withdrew a school status", f"school {status.school}", at, status.kind)
    return rumor_replies.take_back(services, db, status, at)


def agents_came(services: Services, db: Connection, school: str, by: str, at: datetime) -> list[str]:
    """The front office says that agents are there: a finding that says otherwise counts no more; the texts that follow.

    Nothing is published of it: families read only that what they were told does not count.
    """
    found = school_statuses.current(db, at).get(school)
    if found is None or found.kind not in FINDINGS:
        return []
    return withdraw_in(services, db, found.id, by, at) or []


def _done(services: Services, planned: list[str]) -> None:
    services.statuses.forget()
    for delivery_id in planned:
        enqueue(services.redis, "urgent", DELIVER, delivery_id)
    log.info("school status: texts=%s", len(planned))


def as_read(services: Services, status: Status) -> str:
    """What families read of it, in English."""
    return Composer(services.library, SOURCE_LANGUAGE, now()).statement(status)
