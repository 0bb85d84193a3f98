"""What a case page shows beside the talk: the needs, and a guide for the call that asks why a child is away."""

from typing import Any

from sqlalchemy.engine import Connection

from bot.content.facts import Fact
from bot.messaging import attending, visiting
from bot.services import Services
from bot.store import absences, needs, visits
from bot.store.cases import Case
from bot.store.db import now
from bot.web.console.attendance_figures import NEED_WORDS, REASON_WORDS
from bot.web.console.words import N_

GUIDED = frozenset({attending.ABSENCE, attending.FEAR, "absence_check_in"})
"""Topics whose cases show the guide for a call."""
RIGHTS = "free_interpreter"
"""The dated fact about the right to language help that families are told (flows/facts.yaml)."""
OUTCOME_WORDS = {
    "arranged": N_("Arranged"),
    "referred": N_("Referred to a partner"),
    "not possible": N_("Not possible, and the family knows"),
    "not needed": N_("Not needed any more"),
}
VISIT_STATES = {
    "asked": N_("The family is asked: nobody goes yet"),
    "approved": N_("The family says yes"),
    "refused": N_("The family says no"),
    "elsewhere": N_("The family wants to meet somewhere else"),
    "stopped": N_("Stopped: nobody goes"),
}


def visits_on(here: Services, school: str | None) -> bool:
    """Whether visits at home are this school's custom; a school that is not known has none."""
    found = here.library.district.schools.get(school or "")
    return bool(found and found.home_visits)


def rights_now(here: Services) -> Fact | None:
    """What the register says today of the right to an interpreter; None once it is past its day, or was taken out."""
    district = here.library.district
    fact = here.library.facts.get(RIGHTS)
    today = district.local(now()).date()
    return fact if fact and fact.usable(today, district.policies, district.partners.values()) else None


def guide_of(here: Services, db: Connection, case: Case) -> dict[str, Any]:
    """What the case page shows of needs and of the guide for a call."""
    page: dict[str, Any] = {"guided": case.topic in GUIDED, "calls": absences.calls_of(db, case.id)}
    page["rights"] = rights_now(here)
    page |= {"needs": needs.of_case(db, here.database.vault, case.id), "reasons": REASON_WORDS}
    page |= {"visits": visits.of_case(db, here.database.vault, case.id), "visit_states": VISIT_STATES}
    page |= {"visits_on": visits_on(here, case.school), "visit_refused": visiting.refuses(db, case.contact_id)}
    return page | {"need_kinds": NEED_WORDS, "need_outcomes": OUTCOME_WORDS}
