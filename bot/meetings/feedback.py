"""What families asked before and said after: for staff in English, as files that hold no number and no small count."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.base.csv_export import format_line
from bot.base.language_names import get_english_name
from bot.meetings.reminders import FEEDBACK_FLOW
from bot.runtime import Runtime
from bot.store.cases import cases
from bot.store.cases.cases import Case
from bot.store.meetings import meeting_questions, rsvps
from bot.store.meetings.meeting_questions import MeetingQuestion
from bot.store.meetings.meetings import Meeting

FEEDBACK_STAFF_LANGUAGE = "en"
QUESTION_CACHE_SECONDS = 24 * 3600
"""So long the English of a question is kept, which somebody wrote without a name."""
MIN_SHOWN_THEME_COUNT = 3
"""A theme that fewer answers hold is named without its number: it could tell who said it."""


@dataclass(frozen=True)
class TranslatedQuestion:
    """A question with a machine's English; `english` "" where none could be had or none is needed."""

    question: MeetingQuestion
    english_text: str


def list_questions(runtime: Runtime, meeting: Meeting) -> list[TranslatedQuestion]:
    """The question box, by language.  The machine sees no name and no number, and each text once (it is cached)."""
    with runtime.database.read() as db:
        found = meeting_questions.list_for_meeting(db, meeting.id)
    return [TranslatedQuestion(one, _translate_to_english(runtime, one)) for one in found]


def _translate_to_english(runtime: Runtime, question: MeetingQuestion) -> str:
    if not question.language or question.language == FEEDBACK_STAFF_LANGUAGE:
        return ""
    return runtime.safe_translator.translate(
        question.text,
        question.language,
        FEEDBACK_STAFF_LANGUAGE,
        should_check=False,
        cache_seconds=QUESTION_CACHE_SECONDS,
    ).text


def list_feedback_cases(runtime: Runtime, meeting: Meeting) -> list[Case]:
    """What those who came wrote afterwards, each a case that a person reads, newest first."""
    with runtime.database.read() as db:
        came = rsvps.list_contact_ids(db, meeting.id)
        until = {contact: rsvps.find_next_end(db, contact, meeting.ends_at) for contact in came}
        found = [case for contact in came for case in cases.list_for_contact(db, contact)]
    own = [one for one in found if one.topic == FEEDBACK_FLOW and _is_feedback_for(one, meeting, until[one.contact_id])]
    return sorted(own, key=lambda one: -one.id)


def _is_feedback_for(case: Case, meeting: Meeting, until: datetime | None) -> bool:
    """Whether it answers the question after this gathering, and not that after the family's next one."""
    return case.opened_at >= meeting.ends_at and (until is None or case.opened_at < until)


def export_questions_csv(translated_questions: Iterable[TranslatedQuestion]) -> Iterator[str]:
    """The questions as a file.  A cell that a spreadsheet would compute gets an apostrophe (OWASP, CSV injection)."""
    yield format_line(("language", "question", "machine translation", "day"))
    for one in translated_questions:
        language = get_english_name(one.question.language) if one.question.language else ""
        yield format_line((language, one.question.text, one.english_text, one.question.day.isoformat()))


def export_attendees_csv(rows: Iterable[tuple[str, int | None]]) -> Iterator[str]:
    """How many families come, by language; None is a number that could tell of one family."""
    yield format_line(("language", "families"))
    for language, count in rows:
        yield format_line((language, "" if count is None else str(count)))
