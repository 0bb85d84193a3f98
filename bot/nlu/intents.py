"""Define the topics that Puente understands, their severity, and which topics are emergencies."""

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
"""The five topics that page staff. If a message has several, the first one in this order leads the answer. Self-harm
comes first: its answer is the shortest, and a wrong answer does the most harm. Violence at home comes before other
danger. Both say 911 first, but only its answer is neutral enough for a phone that the violent person may read. A child
alone comes before agents: the child can't act, and the adult who writes can. The others stay in
`Understanding.secondary_intents`, and their staff are paged too."""

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
    # TOPICS.md allows two severities. This is the higher one, because a missed attack can harm a family.
    "restricted_request": "escalate_day",
    "out_of_scope": "info",
}
"""Every topic with its severity (TOPICS.md)."""
