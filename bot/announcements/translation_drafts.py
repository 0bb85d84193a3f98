"""Drafts in every language: sentence by sentence, approved ones first, then the machine; a person looks at each."""

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
"""So many approved sentences that are like a new one are offered to who reviews it."""
MIN_SIMILARITY_PERCENT = 75
"""From here (of 100) a sentence is like another (rapidfuzz.fuzz.ratio)."""

log = logging.getLogger(__name__)


def list_languages(runtime: Runtime, announcement: Announcement) -> list[str]:
    """The languages in which it is needed: the district's (or those it is for), the families' and the leaders'."""
    wanted = announcement.audience.languages or runtime.library.district.languages
    own = [one for one in wanted if one != SOURCE_LANGUAGE]
    with runtime.database.read() as db:
        theirs = {one.language for audience in list_audiences(announcement) for one in stream_families(db, audience)}
    return [*own, *sorted(theirs - {*own, SOURCE_LANGUAGE})]


def request_drafts(runtime: Runtime, announcement: Announcement) -> None:
    """Have every language drafted whose sentences are new."""
    parts, at = split_sentences(announcement.text), now()
    languages = list_languages(runtime, announcement)
    with runtime.database.write() as db:
        new = [one for one in languages if translations.request(db, announcement.id, one, parts, at)]
    for language in new:
        enqueue(runtime.redis, "default", TRANSLATE_ANNOUNCEMENT_JOB, announcement.id, language)


def create_draft(runtime: Runtime, announcement_id: int, language: str) -> None:
    """Draft one language.  Safe to run at any time, any number of times."""
    at = now()
    with runtime.database.write() as db:
        found = translations.find(db, announcement_id, language)
        if found is None or not translations.claim(db, announcement_id, language, at, at + DRAFT_LEASE):
            return
    done = [_translate_sentence(runtime, part, language) for part in found.parts]
    failed = next((why for _, why in done if why), "")
    with runtime.database.write() as db:
        translations.save_draft(db, announcement_id, language, [part for part, _ in done], failed)
    log.info("drafted: announcement=%s language=%s failed=%s", announcement_id, language, failed or "no")


def _translate_sentence(runtime: Runtime, part: TranslatedSentence, language: str) -> tuple[TranslatedSentence, str]:
    """The sentence with its draft, and why there is none."""
    made = runtime.safe_translator.translate(part.english, SOURCE_LANGUAGE, language)
    new = replace(part, wording=made.text, machine=made.machine, back=made.back, warnings=made.warnings)
    return new, str(made.failure or "")


class TranslationApprovalError(Exception):
    """Why not, in a sentence for the person who asked."""


def approve(
    runtime: Runtime,
    announcement_id: int,
    language: str,
    given: Iterable[str],
    review: TranslationReview,
    seen_sentences: Sequence[str] | None = None,
) -> None:
    """A named person says that these sentences are right; they are remembered for the next announcement.  `seen`: the
    English sentences that were looked at; others may stand there by now, as many as before.

    Once it was released, only what nobody has approved may be, and not by a writer: those who approved the whole
    have seen the rest.  Raises `CannotApprove` if that, or if a sentence is missing, or one has lost a placeholder, a
    number or a link.
    """
    with runtime.database.write() as db:
        found = translations.find(db, announcement_id, language)
        _check_approvable(announcements.find(db, announcement_id), found, review)
        texts = [" ".join(one.split()) for one in given]
        if (
            found is None
            or len(texts) != len(found.parts)
            or seen_sentences not in (None, [one.english for one in found.parts])
        ):
            raise TranslationApprovalError("The text was changed meanwhile: look at it again.")
        parts = [_check_sentence(part, text) for part, text in zip(found.parts, texts, strict=True)]
        translations.approve(db, announcement_id, language, parts, review)
        for part in parts:
            phrase = ApprovedPhrase(SOURCE_LANGUAGE, language, part.english, part.wording, review.reviewed_by)
            approved_phrases.approve(db, phrase, review.at)
        about = f"announcement {announcement_id} {language}"
        audit_log.record(db, review.recorded_by, "approved a wording", about, review.at)
    log.info("approved: announcement=%s language=%s", announcement_id, language)


def _check_approvable(
    announcement: Announcement | None, found: AnnouncementTranslation | None, review: TranslationReview
) -> None:
    if announcement is None or announcement.state == "draft":
        return
    if found is not None and found.state == "approved":
        raise TranslationApprovalError("It has left with the approved wording: write a new announcement.")
    if review.recorded_by in announcement.writers:
        raise TranslationApprovalError("It was released: somebody else than who wrote it approves this language now.")


def _check_sentence(part: TranslatedSentence, text: str) -> TranslatedSentence:
    if not text:
        raise TranslationApprovalError("A sentence has no translation yet: write it, then approve.")
    lost = [one for one in find_protected_parts(part.english) if one not in text]
    if lost:
        raise TranslationApprovalError(f"“{lost[0]}” of the English is missing in the translation: put it back.")
    same = text == " ".join(part.wording.split())
    return replace(part, wording=text, machine=part.machine if same else "no")


def find_protected_parts(english: str) -> list[str]:
    """What must stand in every language as it is: placeholders, links, e-mail addresses, telephone numbers."""
    return [one for one in insert_placeholders(english)[1] if not (one.isdigit() and len(one) < 3)]


def find_similar_phrases(runtime: Runtime, announcement_id: int, language: str) -> dict[str, list[ApprovedPhrase]]:
    """For each English sentence the approved ones most like it, with their translations."""
    from rapidfuzz import fuzz, process  # loaded by who reviews, not by every process

    with runtime.database.read() as db:
        found = translations.find(db, announcement_id, language)
        known = {one.original: one for one in approved_phrases.list_all(db) if one.target == language}
    like: dict[str, list[ApprovedPhrase]] = {}
    for part in found.parts if found else ():
        best = process.extract(
            part.english,
            known.keys(),
            scorer=fuzz.ratio,
            score_cutoff=MIN_SIMILARITY_PERCENT,
            limit=MAX_SIMILAR_PHRASES,
        )
        like[part.english] = [known[original] for original, _, _ in best]
    return like


def request_redraft(runtime: Runtime, announcement_id: int, language: str) -> None:
    """Ask the machine once more for a language that has no approved wording."""
    with runtime.database.write() as db:
        announcement = announcements.find(db, announcement_id)
        if announcement is None:
            return
        translations.request_again(db, announcement_id, language, now())
    enqueue(runtime.redis, "default", TRANSLATE_ANNOUNCEMENT_JOB, announcement_id, language)
