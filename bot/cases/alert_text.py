"""What staff read of a case: number, urgency, topic, school, language; never a name, a number or a family's words."""

from typing import Protocol

from bot.base.language_names import english_name
from bot.content.library import Library
from bot.flows.voice_messages import VOICE
from bot.store.cases.cases import AGENTS, AGENTS_DRILL, OF_STAFF

URGENCY = {
    "escalate_now": "URGENT, now",
    "escalate_day": "today",
    "follow_up": "soon",
    "info": "for information",
}


TITLES = {
    AGENTS: "Agents at the school, the front office asks for you",
    AGENTS_DRILL: "Drill: agents at the school",
    VOICE: "Voice message: please listen to it",
}
"""Topics that no flow has a title for: staff open them, or a family that does not write."""
MARK = "DRILL, not real."
SPOKEN_MARK = "This is a drill. It is not real."


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
    urgency = "a drill" if about.topic == AGENTS_DRILL else URGENCY[about.severity]
    return marked(
        about,
        f"{library.district.name}: case {about.id} ({urgency}). {subject(library, about)}"
        f" To take it, reply TAKE {about.id}. {base}/console/cases/{about.id}",
    )


def marked(about: About, text: str) -> str:
    """A text about a drill says so before anything else."""
    return f"{MARK} {text}" if about.topic == AGENTS_DRILL else text


def spoken(library: Library, about: About) -> str:
    """An alert as a voice reads it."""
    if about.topic == AGENTS_DRILL:
        return f"{SPOKEN_MARK} {library.district.name}. Case {about.id}. {subject(library, about)} {SPOKEN_MARK}"
    return f"{library.district.name}. Urgent. Case {about.id}. {subject(library, about)}"


def subject(library: Library, about: About) -> str:
    """Topic, school and language, in a few words; of what the front office opened the school's number instead."""
    flow = library.flows.for_intent(about.topic)
    topic = library.flows.flows[flow].title if flow else TITLES.get(about.topic, about.topic.replace("_", " "))
    school = library.district.schools.get(about.school or "")
    where = f" School: {school.name}." if school else ""
    if about.topic in OF_STAFF:
        return f"{topic}.{where} The office: {school.phone if school else library.district.office_phone}."
    return f"{topic}.{where} Language: {english_name(about.language)}."
