"""Draft translations by sentence, from approved sentences or a machine. A person reviews each of them."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from bot.announcements.audience import list_audiences, stream_families
from bot.announcements.text import split_sentences
from bot.base.database import now
from bot.base.queues import TRANSLATE_ANNOUNCEMENT_JOB, enqueue
from bot.content.catalog import SOURCE_LANGUAGE
from bot.pii.placeholders import insert_placeholders
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.announcements import announcements, approved_phrases, translations
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.approved_phrases import ApprovedPhrase
from bot.store.announcements.translations import AnnouncementTranslation, TranslatedSentence, TranslationReview

DRAFT_LEASE = timedelta(minutes=2)
MAX_SIMILAR_PHRASES = 3
"""How many similar approved sentences the review page offers for a new one."""
MIN_SIMILARITY_PERCENT = 75
"""From this score of 100, two sentences count as similar (rapidfuzz.fuzz.ratio)."""

log = logging.getLogger(__name__)


def list_languages(runtime: Runtime, announcement: Announcement) -> list[str]:
    """Return the languages to translate into: the district's or the audience's, and those of families and leaders."""
    configured = announcement.audience.languages or runtime.library.district.languages
    languages = [language for language in configured if language != SOURCE_LANGUAGE]
    with runtime.database.read() as db:
        spoken = {
            family.language for audience in list_audiences(announcement) for family in stream_families(db, audience)
        }
    return [*languages, *sorted(spoken - {*languages, SOURCE_LANGUAGE})]


def request_drafts(runtime: Runtime, announcement: Announcement) -> None:
    """Queue a draft for every language with new sentences."""
    sentences, current_time = split_sentences(announcement.text), now()
    languages = list_languages(runtime, announcement)
    with runtime.database.write() as db:
        requested = [
            language
            for language in languages
            if translations.request(db, announcement.id, language, sentences, current_time)
        ]
    for language in requested:
        enqueue(runtime.redis, "default", TRANSLATE_ANNOUNCEMENT_JOB, announcement.id, language)


def create_draft(runtime: Runtime, announcement_id: int, language: str) -> None:
    """Draft one language. Safe to repeat at any time."""
    current_time = now()
    lease_end = current_time + DRAFT_LEASE
    with runtime.database.write() as db:
        translation = translations.find(db, announcement_id, language)
        if translation is None or not translations.claim(db, announcement_id, language, current_time, lease_end):
            return
    drafts = [_translate_sentence(runtime, part, language) for part in translation.parts]
    failure = next((failure for _, failure in drafts if failure), "")
    with runtime.database.write() as db:
        translations.save_draft(db, announcement_id, language, [part for part, _ in drafts], failure)
    log.info("drafted: announcement=%s language=%s failed=%s", announcement_id, language, failure or "no")


def _translate_sentence(runtime: Runtime, part: TranslatedSentence, language: str) -> tuple[TranslatedSentence, str]:
    """Return the sentence with its draft, and the reason if there is none."""
    draft = runtime.safe_translator.translate(part.english, SOURCE_LANGUAGE, language)
    translated = replace(part, wording=draft.text, machine=draft.machine, back=draft.back, warnings=draft.warnings)
    return translated, str(draft.failure or "")


class TranslationApprovalError(Exception):
    """A translation cannot be approved. The message is a sentence for the staff member who asked."""


def approve(
    runtime: Runtime,
    announcement_id: int,
    language: str,
    submitted_texts: Iterable[str],
    review: TranslationReview,
    seen_sentences: Sequence[str] | None = None,
) -> None:
    """Approve the sentences of a translation, and save them for later announcements.

    `seen_sentences` are the English sentences that the reviewer read, because the text may have changed since.

    After the release, only an unapproved language can be approved, and not by a writer, because the approvers have
    read the other languages. Raises `TranslationApprovalError` in that case, or if a sentence is missing, or if a
    translation lacks a placeholder, number, or link.
    """
    with runtime.database.write() as db:
        translation = translations.find(db, announcement_id, language)
        _check_approvable(announcements.find(db, announcement_id), translation, review)
        texts = [" ".join(text.split()) for text in submitted_texts]
        parts = translation.parts if translation else ()
        is_changed = seen_sentences not in (None, [part.english for part in parts])
        if translation is None or len(texts) != len(parts) or is_changed:
            raise TranslationApprovalError("The text changed in the meantime. Check it again.")
        checked = [_check_sentence(part, text) for part, text in zip(parts, texts, strict=True)]
        translations.approve(db, announcement_id, language, checked, review)
        for part in checked:
            phrase = ApprovedPhrase(SOURCE_LANGUAGE, language, part.english, part.wording, review.reviewed_by)
            approved_phrases.approve(db, phrase, review.at)
        about = f"announcement {announcement_id} {language}"
        audit_log.record(db, review.recorded_by, "approved a wording", about, review.at)
    log.info("approved: announcement=%s language=%s", announcement_id, language)


def _check_approvable(
    announcement: Announcement | None, translation: AnnouncementTranslation | None, review: TranslationReview
) -> None:
    if announcement is None or announcement.state == "draft":
        return
    if translation is not None and translation.state == "approved":
        raise TranslationApprovalError("This announcement was sent with the approved text. Write a new one.")
    if review.recorded_by in announcement.writers:
        raise TranslationApprovalError(
            "This announcement is scheduled or sent. Now a person other than the writer must approve this language."
        )


def _check_sentence(sentence: TranslatedSentence, text: str) -> TranslatedSentence:
    if not text:
        raise TranslationApprovalError("One sentence has no translation yet. Write it, and then approve.")
    lost_parts = [part for part in find_protected_parts(sentence.english) if part not in text]
    if lost_parts:
        raise TranslationApprovalError(f"The translation lacks “{lost_parts[0]}” from the English text. Add it.")
    is_unchanged = text == " ".join(sentence.wording.split())
    return replace(sentence, wording=text, machine=sentence.machine if is_unchanged else "no")


def find_protected_parts(english: str) -> list[str]:
    """Return what every language must keep unchanged: placeholders, links, email addresses, and phone numbers."""
    return [part for part in insert_placeholders(english)[1] if not (part.isdigit() and len(part) < 3)]


def find_similar_phrases(runtime: Runtime, announcement_id: int, language: str) -> dict[str, list[ApprovedPhrase]]:
    """Return the most similar approved sentences with their translations for each English sentence."""
    from rapidfuzz import fuzz, process  # imported late: only processes with reviewers need it

    with runtime.database.read() as db:
        translation = translations.find(db, announcement_id, language)
        phrases = {phrase.original: phrase for phrase in approved_phrases.list_all(db) if phrase.target == language}
    similar: dict[str, list[ApprovedPhrase]] = {}
    for part in translation.parts if translation else ():
        matches = process.extract(
            part.english,
            phrases.keys(),
            scorer=fuzz.ratio,
            score_cutoff=MIN_SIMILARITY_PERCENT,
            limit=MAX_SIMILAR_PHRASES,
        )
        similar[part.english] = [phrases[original] for original, _, _ in matches]
    return similar


def request_redraft(runtime: Runtime, announcement_id: int, language: str) -> None:
    """Request another machine draft for a language without an approved translation."""
    with runtime.database.write() as db:
        announcement = announcements.find(db, announcement_id)
        if announcement is None:
            return
        translations.request_again(db, announcement_id, language, now())
    enqueue(runtime.redis, "default", TRANSLATE_ANNOUNCEMENT_JOB, announcement_id, language)
