"""Write what staff read about a case: number, urgency, topic, school, and language.

An alert never contains a name, a number, or a family's words.
"""

from typing import Protocol

from bot.base.language_names import get_english_name
from bot.content.library import Library
from bot.flows.voice_messages import VOICE_TOPIC
from bot.store.cases.cases import AGENTS_DRILL_TOPIC, AGENTS_TOPIC, STAFF_TOPICS

URGENCY_LABELS = {
    "escalate_now": "URGENT, now",
    "escalate_day": "today",
    "follow_up": "soon",
    "info": "for information",
}
FALLBACK_TOPIC_TITLES = {
    AGENTS_TOPIC: "Agents at the school, the front office asks for you",
    AGENTS_DRILL_TOPIC: "Drill: agents at the school",
    VOICE_TOPIC: "Voice message: please listen to it",
}
"""Titles of topics without a flow. Staff open these cases, or a family that sends a voice note."""
DRILL_LABEL = "DRILL, not real."
SPOKEN_DRILL_LABEL = "This is a drill. It is not real."


class CaseSummary(Protocol):
    """The fields of a case that an alert uses."""

    @property
    def id(self) -> int: ...
    @property
    def topic(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def school(self) -> str | None: ...


def build_alert_text(library: Library, base_url: str, case: CaseSummary) -> str:
    """Return an alert by text. The family's words stay behind the console's login."""
    urgency = "a drill" if case.topic == AGENTS_DRILL_TOPIC else URGENCY_LABELS[case.severity]
    text = f"{library.district.name}: case {case.id} ({urgency}). {describe_case(library, case)}"
    return add_drill_label(case, f"{text} To take it, reply TAKE {case.id}. {base_url}/console/cases/{case.id}")


def add_drill_label(case: CaseSummary, text: str) -> str:
    """Put the drill label first in a text about a drill."""
    if case.topic == AGENTS_DRILL_TOPIC:
        return f"{DRILL_LABEL} {text}"
    return text


def build_spoken_alert(library: Library, case: CaseSummary) -> str:
    """Return an alert for a call."""
    if case.topic == AGENTS_DRILL_TOPIC:
        description = describe_case(library, case)
        return f"{SPOKEN_DRILL_LABEL} {library.district.name}. Case {case.id}. {description} {SPOKEN_DRILL_LABEL}"
    return f"{library.district.name}. Urgent. Case {case.id}. {describe_case(library, case)}"


def describe_case(library: Library, case: CaseSummary) -> str:
    """Return topic, school, and language. A case of a front office shows the office's number instead of a language."""
    flow = library.flows.find_by_intent(case.topic)
    if flow:
        topic = library.flows.flows[flow].title
    else:
        topic = FALLBACK_TOPIC_TITLES.get(case.topic, case.topic.replace("_", " "))
    school = library.district.schools.get(case.school or "")
    place, office_phone = "", library.district.office_phone
    if school:
        place, office_phone = f" School: {school.name}.", school.phone
    if case.topic in STAFF_TOPICS:
        return f"{topic}.{place} The office: {office_phone}."
    return f"{topic}.{place} Language: {get_english_name(case.language)}."
