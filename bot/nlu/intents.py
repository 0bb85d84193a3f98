"""The topics that the line knows: how severe each is, and which are emergencies."""

from collections.abc import Mapping
from typing import Final, Literal

Severity = Literal["info", "follow_up", "escalate_day", "escalate_now"]

EMERGENCY_INTENTS: Final = (
    "self_harm_now",
    "abuse_violence_home",
    "danger_now",
    "child_alone_now",
    "enforcement_now",
)
"""The five that page somebody, in the order in which one of them leads the answer when a message has several.

First whoever may die by their own hand: that answer is the shortest, and a wrong one does the most harm.
Then violence at home before other danger: both say 911 first, but only its answer is neutral enough for a
phone that the violent person may be reading.  A child alone before the agents: the child cannot act, the
adult who writes can. The others are not lost: they stand in `Understanding.also`, and their people are
paged as well.
"""

SEVERITY_BY_INTENT: Final[Mapping[str, Severity]] = {
    "greeting_identity": "info",
    "short_reply": "info",
    "opt_out": "info",
    "language_interpreter": "follow_up",
    "talk_to_human": "follow_up",
    "right_to_school": "info",
    "enrollment_documents": "info",
    "privacy_records": "info",
    "school_ice_policy": "info",
    "know_your_rights": "info",
    "safety_rumor": "escalate_day",
    "fear_attendance": "follow_up",
    "report_absence": "info",
    "attendance_rules": "follow_up",
    "remote_learning": "follow_up",
    "transport_bus": "info",
    "school_info": "info",
    "family_plan": "info",
    "pickup_contacts": "follow_up",
    "family_detained": "escalate_day",
    "legal_help": "info",
    "immigration_case": "info",
    "home_visit": "follow_up",
    "special_education": "follow_up",
    "meals_needs": "info",
    "bullying_discrimination": "escalate_day",
    "mental_health": "follow_up",
    "community_partner": "follow_up",
    "enforcement_now": "escalate_now",
    "child_alone_now": "escalate_now",
    "self_harm_now": "escalate_now",
    "danger_now": "escalate_now",
    "abuse_violence_home": "escalate_now",
    # Of the two that TOPICS.md allows, the higher: a wrong alert costs a minute, missed fishing a family.
    "restricted_request": "escalate_day",
    "out_of_scope": "info",
}
"""Every topic, and how soon a person must see it (TOPICS.md)."""
