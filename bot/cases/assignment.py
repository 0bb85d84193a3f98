"""Who has a case: take it, hand it over, say that it is done.  The same from the console, by text and by phone."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.base.queues import DELIVER, enqueue
from bot.cases import escalation_policy, notices, staff_conversation
from bot.cases.alert_text import marked
from bot.runtime import Services
from bot.store.cases import case_transitions, cases, deliveries
from bot.store.cases.cases import Case
from bot.store.families import contacts, follow_ups

HELPED_AFTER = timedelta(days=1)
"""The day after a case is done the family is asked whether it was helped."""
DID_IT_HELP = "was_it_solved"
NEVER_ASKED = frozenset({"abuse_violence_home", "report_absence", "absence_check_in", "fishing"}) | cases.OF_STAFF
"""Topics after which nobody is asked: it could do harm, or there is nothing to ask."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Taken:
    """`yours`: it is now (or was before); `theirs`: `by` (a name) has it; `closed`: it is done."""

    outcome: Literal["yours", "theirs", "closed", "unknown"]
    by: str = ""


@dataclass(frozen=True)
class _Wish:
    """Who wants a case, how it was said, whether that person leads, and when."""

    staff: str
    how: str
    leads: bool
    at: datetime


def take(services: Services, case_id: int, staff: str, how: str, leads: bool = False) -> Taken:
    """Take a case; the first one gets it, and pages that have not left are not sent any more.

    A case that somebody has taken is given only where that person was reminded and gave no sign, is nobody of the
    district file, or whoever asks `leads` (an administrator, an approver): then that person hears of it.
    """
    at = now()
    with services.database.write() as db:
        case = cases.find(db, services.database.vault, case_id)
        if case is None:
            return Taken("unknown")
        if not case.open:
            return Taken("closed")
        if case.claimed_by == staff:
            return Taken("yours")
        planned = _claim(services, db, case, _Wish(staff, how, leads, at))
        if planned is None:
            again = cases.get(db, services.database.vault, case_id)
            return Taken("yours") if again.claimed_by == staff else Taken("theirs", _name(services, again.claimed_by))
    log.info("taken: case=%s how=%s", case_id, how.replace(" ", "_"))  # a line shows no words in a row
    _send(services, planned)
    return Taken("yours")


def may_take_over(services: Services, case: Case, leads: bool) -> bool:
    """Whether somebody else may take a case that is taken."""
    return leads or case.chased_at is not None or case.claimed_by not in services.library.district.staff


def _claim(services: Services, db: Connection, case: Case, wish: _Wish) -> list[str] | None:
    """The texts about it, or None if it is, or has just become, somebody else's."""
    staff, at, vault = wish.staff, wish.at, services.database.vault
    chase_at = escalation_policy.chase_after(services.library.district, case, at)
    if case.claimed_by:
        if not may_take_over(services, case, wish.leads) or not case_transitions.take_over(
            db, case, staff, chase_at, at
        ):
            return None
        body = f"{services.library.district.name}: {_name(services, staff)} has taken over case {case.id}."
        known = case.claimed_by in services.library.district.staff
        return [notices.to_staff(services, db, case.claimed_by, marked(case, body), at)] if known else []
    if not case_transitions.claim(db, case.id, staff, chase_at, at, wish.how):
        return None
    deliveries.cancel_pages(db, case.id)
    return notices.taken(services, db, case, contacts.get(db, vault, case.contact_id), staff, at)


def hand_over(services: Services, case_id: int, from_: str, to: str, leads: bool = False) -> bool:
    """Give a case to somebody else, who gets a text; False if it was not `from_`'s to give (who `leads` may always)."""
    at = now()
    with services.database.write() as db:
        case = cases.find(db, services.database.vault, case_id)
        if case is None or not (case.claimed_by == from_ or (leads and case.claimed_by)):
            return False
        if not case_transitions.hand_over(
            db, case, to, escalation_policy.chase_after(services.library.district, case, at), at, from_
        ):
            return False
        where = f"{services.settings.public_base}/console/cases/{case_id}"
        body = f"{services.library.district.name}: {_name(services, from_)} gives you case {case_id}. {where}"
        planned = [notices.to_staff(services, db, to, marked(case, body), at)]
    _send(services, planned)
    return True


def resolve(services: Services, case_id: int, who: str, why: str = "") -> bool:
    """Say that a case is done: the talk ends, and a day later the family is asked whether it was helped."""
    at = now()
    with services.database.write() as db:
        case = cases.find(db, services.database.vault, case_id)
        if case is None or not case_transitions.resolve(db, case_id, who, at, why):
            return False
        deliveries.cancel_pages(db, case_id)
        planned = staff_conversation.end(services, db, case, at)
        _ask_later(services, db, case, at)
    staff_conversation.forget(services, case.contact_id)
    _send(services, planned)
    return True


def _ask_later(services: Services, db: Connection, case: Case, at: datetime) -> None:
    if case.topic in NEVER_ASKED or case.severity == "info":
        return
    follow_ups.drop(db, case.contact_id, DID_IT_HELP)
    due = services.library.district.waking(at + HELPED_AFTER)
    cause = (f"case:{case.id}:{case.rounds}", 0)
    follow_ups.plan(db, cause, case.contact_id, follow_ups.Place(DID_IT_HELP, case=case.id), due)


def _name(services: Services, staff: str | None) -> str:
    member = services.library.district.staff.get(staff or "")
    return member.name if member else (staff or "")


def _send(services: Services, planned: list[str]) -> None:
    for delivery_id in planned:
        enqueue(services.redis, "urgent", DELIVER, delivery_id)
