"""What a case page shows beside the talk: the needs, and a guide for the call that asks why a child is away."""

from typing import Any

from bot.base.database import Transaction, now
from bot.content.facts import Fact
from bot.messaging import attendance_effects, home_visits
from bot.runtime import Runtime
from bot.store.cases.cases import Case
from bot.store.schools import absences, support_needs
from bot.store.schools import home_visits as schools_home_visits
from bot.web.console.core.console_i18n import N_
from bot.web.console.schools.attendance_page import NEED_LABELS, REASON_LABELS

CALL_GUIDE_TOPICS = frozenset({attendance_effects.ABSENCE_TOPIC, attendance_effects.FEAR_TOPIC, "absence_check_in"})
"""Topics whose cases show the guide for a call."""
INTERPRETER_RIGHT_FACT_ID = "free_interpreter"
"""The dated fact about the right to language help that families are told (flows/facts.yaml)."""
NEED_OUTCOME_LABELS = {
    "arranged": N_("Arranged"),
    "referred": N_("Referred to a partner"),
    "not possible": N_("Not possible (the family knows)"),
    "not needed": N_("No longer needed"),
}
VISIT_STATE_LABELS = {
    "asked": N_("We asked the family. Don't visit yet"),
    "approved": N_("The family says yes"),
    "refused": N_("The family says no"),
    "elsewhere": N_("The family wants to meet somewhere else"),
    "stopped": N_("Canceled: don't visit"),
}


def has_home_visits(runtime: Runtime, school: str | None) -> bool:
    """Whether visits at home are this school's custom; a school that is not known has none."""
    found = runtime.library.district.schools.get(school or "")
    return bool(found and found.home_visits)


def find_interpreter_right(runtime: Runtime) -> Fact | None:
    """What the register says today of the right to an interpreter; None once it is past its day, or was taken out."""
    district = runtime.library.district
    fact = runtime.library.facts.get(INTERPRETER_RIGHT_FACT_ID)
    today = district.to_local_time(now()).date()
    return fact if fact and fact.is_usable(today, district.policies, district.partners.values()) else None


def build_call_guide(runtime: Runtime, db: Transaction, case: Case) -> dict[str, Any]:
    """What the case page shows of needs and of the guide for a call."""
    page: dict[str, Any] = {"guided": case.topic in CALL_GUIDE_TOPICS, "calls": absences.list_calls(db, case.id)}
    page["rights"] = find_interpreter_right(runtime)
    page |= {"needs": support_needs.list_for_case(db, case.id), "reasons": REASON_LABELS}
    page |= {
        "visits": schools_home_visits.list_for_case(db, case.id),
        "visit_states": VISIT_STATE_LABELS,
    }
    page |= {
        "visits_on": has_home_visits(runtime, case.school),
        "visit_refused": home_visits.has_refused_visits(db, case.contact_id),
    }
    return page | {"need_kinds": NEED_LABELS, "need_outcomes": NEED_OUTCOME_LABELS}
