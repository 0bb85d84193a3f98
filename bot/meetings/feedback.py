"""Show staff what families asked before a meeting and wrote after it, and export files without phone numbers."""

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
"""How long the machine translation of an anonymous question is cached."""
MIN_SHOWN_THEME_COUNT = 3
"""A theme with fewer answers is shown without its count, which could identify a family."""


@dataclass(frozen=True)
class TranslatedQuestion:
    """A question with its machine translation, or "" if there is none or none is needed."""

    question: MeetingQuestion
    english_text: str


def list_questions(runtime: Runtime, meeting: Meeting) -> list[TranslatedQuestion]:
    """Return the question box by language. The translator gets no names or numbers, and each text once (cached)."""
    with runtime.database.read() as db:
        questions = meeting_questions.list_for_meeting(db, meeting.id)
    return [TranslatedQuestion(question, _translate_to_english(runtime, question)) for question in questions]


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
    """Return the cases with feedback of families who came, newest first."""
    with runtime.database.read() as db:
        contact_ids = rsvps.list_contact_ids(db, meeting.id)
        next_ends = {contact_id: rsvps.find_next_end(db, contact_id, meeting.ends_at) for contact_id in contact_ids}
        all_cases = [case for contact_id in contact_ids for case in cases.list_for_contact(db, contact_id)]
    feedback_cases = [
        case
        for case in all_cases
        if case.topic == FEEDBACK_FLOW and _is_feedback_for(case, meeting, next_ends[case.contact_id])
    ]
    return sorted(feedback_cases, key=lambda case: -case.id)


def _is_feedback_for(case: Case, meeting: Meeting, next_end: datetime | None) -> bool:
    """Return whether the case is feedback for this meeting, and not for the family's next one."""
    return case.opened_at >= meeting.ends_at and (next_end is None or case.opened_at < next_end)


def export_questions_csv(translated_questions: Iterable[TranslatedQuestion]) -> Iterator[str]:
    """Yield the questions as CSV. Cells that a spreadsheet would compute get an apostrophe (OWASP, CSV injection)."""
    yield format_line(("language", "question", "machine translation", "day"))
    for translated in translated_questions:
        question = translated.question
        language = get_english_name(question.language) if question.language else ""
        yield format_line((language, question.text, translated.english_text, question.day.isoformat()))


def export_attendees_csv(rows: Iterable[tuple[str, int | None]]) -> Iterator[str]:
    """Yield how many families come by language. None marks a count that could identify a family."""
    yield format_line(("language", "families"))
    for language, count in rows:
        yield format_line((language, "" if count is None else str(count)))
