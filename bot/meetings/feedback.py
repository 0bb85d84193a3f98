"""What families asked before and said after: for staff in English, as files that hold no number and no small count."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.base.csv_export import line
from bot.base.language_names import english_name
from bot.meetings.reminders import AFTER_FLOW
from bot.runtime import Services
from bot.store.cases import cases
from bot.store.cases.cases import Case
from bot.store.meetings import meeting_questions, rsvps
from bot.store.meetings.meeting_questions import Question
from bot.store.meetings.meetings import Gathering

STAFF_LANGUAGE = "en"
DAY = 24 * 3600
"""So long the English of a question is kept, which somebody wrote without a name."""
SHOWN_FROM = 3
"""A theme that fewer answers hold is named without its number: it could tell who said it."""


@dataclass(frozen=True)
class Asked:
    """A question with a machine's English; `english` "" where none could be had or none is needed."""

    question: Question
    english: str


def asked(services: Services, gathering: Gathering) -> list[Asked]:
    """The question box, by language.  The machine sees no name and no number, and each text once (it is cached)."""
    with services.database.read() as db:
        found = meeting_questions.of(db, services.database.vault, gathering.id)
    return [Asked(one, _english(services, one)) for one in found]


def _english(services: Services, one: Question) -> str:
    if not one.language or one.language == STAFF_LANGUAGE:
        return ""
    return services.careful.translate(one.text, one.language, STAFF_LANGUAGE, check=False, kept=DAY).text


def answers(services: Services, gathering: Gathering) -> list[Case]:
    """What those who came wrote afterwards, each a case that a person reads, newest first."""
    vault = services.database.vault
    with services.database.read() as db:
        came = rsvps.contacts_of(db, gathering.id)
        until = {contact: rsvps.next_end(db, contact, gathering.ends_at) for contact in came}
        found = [case for contact in came for case in cases.of_contact(db, vault, contact)]
    own = [one for one in found if one.topic == AFTER_FLOW and _after(one, gathering, until[one.contact_id])]
    return sorted(own, key=lambda one: -one.id)


def _after(case: Case, gathering: Gathering, until: datetime | None) -> bool:
    """Whether it answers the question after this gathering, and not that after the family's next one."""
    return case.opened_at >= gathering.ends_at and (until is None or case.opened_at < until)


def as_csv(found: Iterable[Asked]) -> Iterator[str]:
    """The questions as a file.  A cell that a spreadsheet would compute gets an apostrophe (OWASP, CSV injection)."""
    yield line(("language", "question", "machine translation", "day"))
    for one in found:
        language = english_name(one.question.language) if one.question.language else ""
        yield line((language, one.question.text, one.english, one.question.day.isoformat()))


def coming_as_csv(rows: Iterable[tuple[str, int | None]]) -> Iterator[str]:
    """How many families come, by language; None is a number that could tell of one family."""
    yield line(("language", "families"))
    for language, count in rows:
        yield line((language, "" if count is None else str(count)))
