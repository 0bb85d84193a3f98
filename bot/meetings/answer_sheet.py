"""The sheet of answers in the families' languages: drafted by sentence, and told only as a person has approved it.

Approved sentences stand among the approved phrases, as those of announcements do: no family reads a machine's answer
to a question about agents or papers, and a sentence that was changed is English again until somebody looks at it.
"""

from collections.abc import Iterable
from dataclasses import replace

from bot.announcements.text import split_sentences
from bot.announcements.translation_drafts import TranslationApprovalError, find_protected_parts
from bot.base.database import Transaction
from bot.base.queues import TRANSLATE_ANSWER_SHEET_JOB, enqueue
from bot.meetings.texts import MEETING_SOURCE_LANGUAGE
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.announcements import approved_phrases
from bot.store.announcements.approved_phrases import ApprovedPhrase
from bot.store.announcements.translations import TranslatedSentence, TranslationReview
from bot.store.meetings import meetings
from bot.store.meetings.meetings import Meeting


def list_parts(meeting: Meeting) -> tuple[TranslatedSentence, ...]:
    """The title, then each sentence of the sheet."""
    return (TranslatedSentence(meeting.title, after="\n"), *(split_sentences(meeting.sheet) if meeting.sheet else ()))


def find_title(db: Transaction, meeting: Meeting, language: str) -> str | None:
    """The title as a person has approved it; None: there is only the English."""
    return approved_phrases.find(db, MEETING_SOURCE_LANGUAGE, language, meeting.title)


def find_translation(db: Transaction, meeting: Meeting, language: str) -> str | None:
    """The whole sheet as a person has approved it; None while one sentence is missing: half a text misleads."""
    said = [
        (approved_phrases.find(db, MEETING_SOURCE_LANGUAGE, language, part.english), part.after)
        for part in list_parts(meeting)[1:]
    ]
    if not said or any(wording is None for wording, _ in said):
        return None
    return "".join(f"{wording}{after}" for wording, after in said).strip()


def get_translation_status(runtime: Runtime, meeting: Meeting) -> dict[str, bool]:
    """Each language of the district but English → whether its families read the sheet in it."""
    others = [one for one in runtime.library.district.languages if one != MEETING_SOURCE_LANGUAGE]
    with runtime.database.read() as db:
        return {one: find_translation(db, meeting, one) is not None for one in others}


def queue_translation(runtime: Runtime, meeting: Meeting) -> None:
    """Have the machine's drafts ready before somebody opens a language."""
    for language in get_translation_status(runtime, meeting):
        enqueue(runtime.redis, "default", TRANSLATE_ANSWER_SHEET_JOB, meeting.id, language)


def prepare_draft(runtime: Runtime, meeting_id: int, language: str) -> None:
    """Draft one language; what the machine says is remembered.  Safe to run at any time."""
    with runtime.database.read() as db:
        found = meetings.find(db, meeting_id)
    if found and found.sheet:
        draft_translation(runtime, found, language)


def draft_translation(runtime: Runtime, meeting: Meeting, language: str) -> list[TranslatedSentence]:
    """Each sentence with the approved wording, else the machine's; empty where it has none."""
    made = (
        (part, runtime.safe_translator.translate(part.english, MEETING_SOURCE_LANGUAGE, language))
        for part in list_parts(meeting)
    )
    return [replace(part, wording=one.text, machine=one.machine, back=one.back) for part, one in made]


def approve(
    runtime: Runtime, meeting: Meeting, language: str, submitted: Iterable[tuple[str, str]], review: TranslationReview
) -> None:
    """A named person says that these (English, wording) are right.

    Raises `CannotApprove` if the sheet was changed meanwhile, a sentence is empty, or a number or link is lost.
    """
    pairs = [(english.strip(), " ".join(wording.split())) for english, wording in submitted]
    if [english for english, _ in pairs] != [part.english for part in list_parts(meeting)]:
        raise TranslationApprovalError("The text was changed meanwhile: look at it again.")
    for english, wording in pairs:
        if not wording:
            raise TranslationApprovalError("A sentence has no translation yet: write it, then approve.")
        if lost := [one for one in find_protected_parts(english) if one not in wording]:
            raise TranslationApprovalError(f"“{lost[0]}” of the English is missing in the translation: put it back.")
    with runtime.database.write() as db:
        for english, wording in pairs:
            approved_phrases.approve(
                db, ApprovedPhrase(MEETING_SOURCE_LANGUAGE, language, english, wording, review.reviewed_by), review.at
            )
        audit_log.record(db, review.recorded_by, "approved a wording", f"gathering {meeting.id}", review.at, language)
