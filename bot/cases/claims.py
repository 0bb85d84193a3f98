"""Who has a case: take it, hand it over, say that it is done.  The same from the console, by text and by phone."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.engine import Connection

from bot.cases import notices, talk
from bot.queues import DELIVER, enqueue
from bot.services import Services
from bot.store import case_steps, cases, contacts, deliveries, follow_ups
from bot.store.cases import Case
from bot.store.db import now

HELPED_AFTER = timedelta(days=1)
"""The day after a case is done the family is asked whether it was helped."""
DID_IT_HELP = "was_it_solved"
NEVER_ASKED = frozenset({"abuse_violence_home", "report_absence", "fishing"})
"""Topics after which nobody is asked: it could do harm, or there is nothing to ask."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Taken:
    """`yours`: it is now (or was before); `theirs`: `by` (a name) has it; `closed`: it is done."""

    outcome: Literal["yours", "theirs", "closed", "unknown"]
    by: str = ""


def take(services: Services, case_id: int, staff: str, how: str) -> Taken:
    """Take a case; the first one gets it, and pages that have not left are not sent any more."""
    at, district = now(), services.library.district
    with services.database.write() as db:
        case = cases.find(db, services.database.vault, case_id)
        if case is None:
            return Taken("unknown")
        if not case.open:
            return Taken("closed")
        if case.claimed_by:
            return Taken("yours") if case.claimed_by == staff else Taken("theirs", _name(services, case.claimed_by))
        case_steps.claim(db, case_id, staff, _chase_at(services, case, at), at, how)
        deliveries.cancel_pages(db, case_id)
        contact = contacts.get(db, services.database.vault, case.contact_id)
        planned = notices.taken(services, db, case, contact, staff, at)
    log.info("taken: case=%s how=%s staff_of=%s", case_id, how, len(district.staff))
    _send(services, planned)
    return Taken("yours")


def hand_over(services: Services, case_id: int, from_: str, to: str) -> bool:
    """Give a case to somebody else, who gets a text; False if it was not `from_`'s to give."""
    at = now()
    with services.database.write() as db:
        if not case_steps.hand_over(db, case_id, from_, to, at):
            return False
        where = f"{services.settings.public_base}/console/cases/{case_id}"
        body = f"{services.library.district.name}: {_name(services, from_)} gives you case {case_id}. {where}"
        planned = [notices.to_staff(services, db, to, body, at)]
    _send(services, planned)
    return True


def resolve(services: Services, case_id: int, who: str, why: str = "") -> bool:
    """Say that a case is done: the talk ends, and a day later the family is asked whether it was helped."""
    at = now()
    with services.database.write() as db:
        case = cases.find(db, services.database.vault, case_id)
        if case is None or not case_steps.resolve(db, case_id, who, at, why):
            return False
        deliveries.cancel_pages(db, case_id)
        planned = talk.end(services, db, case, at)
        _ask_later(services, db, case, at)
    talk.forget(services, case.contact_id)
    _send(services, planned)
    return True


def _ask_later(services: Services, db: Connection, case: Case, at: datetime) -> None:
    if case.topic in NEVER_ASKED or case.severity == "info":
        return
    follow_ups.drop(db, case.contact_id, DID_IT_HELP)
    due = services.library.district.waking(at + HELPED_AFTER)
    cause = (f"case:{case.id}:{case.rounds}", 0)
    follow_ups.plan(db, cause, case.contact_id, follow_ups.Place(DID_IT_HELP, case=case.id), due)


def _chase_at(services: Services, case: Case, at: datetime) -> datetime | None:
    """When whoever takes it is reminded if the family hears nothing."""
    district = services.library.district
    if case.severity == "escalate_now":
        return at + timedelta(minutes=district.paging.chase_minutes)
    if case.severity == "info":
        return None
    day = district.answer_due(at, case.severity)
    noon = district.local(at).replace(year=day.year, month=day.month, day=day.day, hour=12, minute=0)
    return noon.astimezone(at.tzinfo)


def _name(services: Services, staff: str) -> str:
    member = services.library.district.staff.get(staff)
    return member.name if member else staff


def _send(services: Services, planned: list[str]) -> None:
    for delivery_id in planned:
        enqueue(services.redis, "urgent", DELIVER, delivery_id)
