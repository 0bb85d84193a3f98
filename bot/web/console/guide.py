"""What a case page shows beside the talk: the needs, and a guide for the call that asks why a child is away."""

from typing import Any

from sqlalchemy.engine import Connection

from bot.messaging import attending
from bot.services import Services
from bot.store import absences, needs
from bot.store.cases import Case
from bot.web.console.attendance_figures import NEED_WORDS, REASON_WORDS
from bot.web.console.words import N_

GUIDED = frozenset({attending.ABSENCE, attending.FEAR, "absence_check_in"})
"""Topics whose cases show the guide for a call."""
OUTCOME_WORDS = {
    "arranged": N_("Arranged"),
    "referred": N_("Referred to a partner"),
    "not possible": N_("Not possible, and the family knows"),
    "not needed": N_("Not needed any more"),
}


def guide_of(here: Services, db: Connection, case: Case) -> dict[str, Any]:
    """What the case page shows of needs and of the guide for a call."""
    page: dict[str, Any] = {"guided": case.topic in GUIDED, "calls": absences.calls_of(db, case.id)}
    page |= {"needs": needs.of_case(db, here.database.vault, case.id), "reasons": REASON_WORDS}
    return page | {"need_kinds": NEED_WORDS, "need_outcomes": OUTCOME_WORDS}
