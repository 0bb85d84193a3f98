"""What staff read of a case: number, urgency, topic, school, language; never a name, a number or a family's words."""

from typing import Protocol

from bot.content.languages import english_name
from bot.content.library import Library

URGENCY = {
    "escalate_now": "URGENT, now",
    "escalate_day": "today",
    "follow_up": "soon",
    "info": "for information",
}


class About(Protocol):
    """What an alert tells of a case."""

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


def alert_text(library: Library, base: str, about: About) -> str:
    """An alert by text; the words of the family wait behind the console's login."""
    return (
        f"{library.district.name}: case {about.id} ({URGENCY[about.severity]}). {subject(library, about)}"
        f" To take it, reply TAKE {about.id}. {base}/console/cases/{about.id}"
    )


def spoken(library: Library, about: About) -> str:
    """An alert as a voice reads it."""
    return f"{library.district.name}. Urgent. Case {about.id}. {subject(library, about)}"


def subject(library: Library, about: About) -> str:
    """Topic, school and language, in a few words."""
    flow = library.flows.for_intent(about.topic)
    topic = library.flows.flows[flow].title if flow else about.topic.replace("_", " ")
    school = library.district.schools.get(about.school or "")
    where = f" School: {school.name}." if school else ""
    return f"{topic}.{where} Language: {english_name(about.language)}."
