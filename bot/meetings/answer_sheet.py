"""Translate a meeting's answer sheet by sentence. Families read only sentences that a person approved.

Approved sentences are stored with the approved phrases of announcements. No family reads a machine's answer to a
question about agents or immigration papers. A changed sentence is shown in English until a person approves it again.
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
    """Return the title, then each sentence of the sheet."""
    sentences = split_sentences(meeting.sheet) if meeting.sheet else ()
    return (TranslatedSentence(meeting.title, after="\n"), *sentences)


def find_title(db: Transaction, meeting: Meeting, language: str) -> str | None:
    """Return the approved translation of the title, or None."""
    return approved_phrases.find(db, MEETING_SOURCE_LANGUAGE, language, meeting.title)


def find_translation(db: Transaction, meeting: Meeting, language: str) -> str | None:
    """Return the approved translation of the whole sheet, or None if a sentence lacks one: half a text misleads."""
    sentences = [
        (approved_phrases.find(db, MEETING_SOURCE_LANGUAGE, language, part.english), part.after)
        for part in list_parts(meeting)[1:]
    ]
    if not sentences or any(translated is None for translated, _ in sentences):
        return None
    return "".join(f"{translated}{after}" for translated, after in sentences).strip()


def get_translation_status(runtime: Runtime, meeting: Meeting) -> dict[str, bool]:
    """Return for each language of the district except English whether families can read the sheet in it."""
    languages = [language for language in runtime.library.district.languages if language != MEETING_SOURCE_LANGUAGE]
    with runtime.database.read() as db:
        return {language: find_translation(db, meeting, language) is not None for language in languages}


def queue_translation(runtime: Runtime, meeting: Meeting) -> None:
    """Queue machine drafts for all languages, so that they are ready before a person opens the page."""
    for language in get_translation_status(runtime, meeting):
        enqueue(runtime.redis, "default", TRANSLATE_ANSWER_SHEET_JOB, meeting.id, language)


def prepare_draft(runtime: Runtime, meeting_id: int, language: str) -> None:
    """Draft one language, so that the translator caches its result. Safe to repeat at any time."""
    with runtime.database.read() as db:
        meeting = meetings.find(db, meeting_id)
    if meeting and meeting.sheet:
        draft_translation(runtime, meeting, language)


def draft_translation(runtime: Runtime, meeting: Meeting, language: str) -> list[TranslatedSentence]:
    """Return each sentence with its approved translation, or the machine's, or ""."""
    translator = runtime.safe_translator
    drafts = (
        (part, translator.translate(part.english, MEETING_SOURCE_LANGUAGE, language)) for part in list_parts(meeting)
    )
    return [replace(part, wording=draft.text, machine=draft.machine, back=draft.back) for part, draft in drafts]


def approve(
    runtime: Runtime, meeting: Meeting, language: str, submitted: Iterable[tuple[str, str]], review: TranslationReview
) -> None:
    """Approve pairs of English sentences and translations in the name of a person.

    Raises `TranslationApprovalError` if the sheet changed, a sentence is empty, or a number or link is missing.
    """
    pairs = [(english.strip(), " ".join(wording.split())) for english, wording in submitted]
    if [english for english, _ in pairs] != [part.english for part in list_parts(meeting)]:
        raise TranslationApprovalError("The text changed in the meantime. Check it again.")
    for english, wording in pairs:
        if not wording:
            raise TranslationApprovalError("One sentence has no translation yet. Write it, and then approve.")
        if lost_parts := [part for part in find_protected_parts(english) if part not in wording]:
            raise TranslationApprovalError(f"The translation lacks “{lost_parts[0]}” from the English text. Add it.")
    with runtime.database.write() as db:
        for english, wording in pairs:
            phrase = ApprovedPhrase(MEETING_SOURCE_LANGUAGE, language, english, wording, review.reviewed_by)
            approved_phrases.approve(db, phrase, review.at)
        audit_log.record(db, review.recorded_by, "approved a wording", f"gathering {meeting.id}", review.at, language)
