"""Build the part of a case page with support needs, home visits, and the guide for a call about an absence."""

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
"""The case page shows the call guide for these topics."""
INTERPRETER_RIGHT_FACT_ID = "free_interpreter"
"""The fact about the right to an interpreter (flows/facts.yaml)."""
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
    """Say whether the school makes home visits. Without a known school, there are none."""
    school_entry = runtime.library.district.schools.get(school or "")
    return bool(school_entry and school_entry.home_visits)


def find_interpreter_right(runtime: Runtime) -> Fact | None:
    """Return the fact about the right to an interpreter, or None if it is missing or has expired."""
    district = runtime.library.district
    fact = runtime.library.facts.get(INTERPRETER_RIGHT_FACT_ID)
    today = district.to_local_time(now()).date()
    if fact and fact.is_usable(today, district.policies, district.partners.values()):
        return fact
    return None


def build_call_guide(runtime: Runtime, db: Transaction, case: Case) -> dict[str, Any]:
    """Return the template values for the support needs, the home visits, and the call guide of a case page."""
    return {
        "guided": case.topic in CALL_GUIDE_TOPICS,
        "calls": absences.list_calls(db, case.id),
        "rights": find_interpreter_right(runtime),
        "reasons": REASON_LABELS,
        "needs": support_needs.list_for_case(db, case.id),
        "need_kinds": NEED_LABELS,
        "need_outcomes": NEED_OUTCOME_LABELS,
        "visits": schools_home_visits.list_for_case(db, case.id),
        "visit_states": VISIT_STATE_LABELS,
        "visits_on": has_home_visits(runtime, case.school),
        "visit_refused": home_visits.has_refused_visits(db, case.contact_id),
    }
