"""Drafts in every language: sentence by sentence, approved ones first, then the machine; a person looks at each."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from bot.announcements.audience import meant, readers_of
from bot.announcements.text import sentences
from bot.base.database import now
from bot.base.queues import TRANSLATE_ANNOUNCEMENT, enqueue
from bot.content.catalog import SOURCE_LANGUAGE
from bot.pii.placeholders import shield
from bot.runtime import Services
from bot.store import audit_log
from bot.store.announcements import announcements, approved_phrases, translations
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.approved_phrases import Phrase
from bot.store.announcements.translations import Part, Review, Wording

LEASE = timedelta(minutes=2)
OFFERED = 3
"""So many approved sentences that are like a new one are offered to who reviews it."""
ALIKE = 75
"""From here (of 100) a sentence is like another (rapidfuzz.fuzz.ratio)."""

log = logging.getLogger(__name__)


def languages_of(services: Services, announcement: Announcement) -> list[str]:
    """The languages in which it is needed: the district's (or those it is for), the families' and the leaders'."""
    wanted = announcement.audience.languages or services.library.district.languages
    own = [one for one in wanted if one != SOURCE_LANGUAGE]
    with services.database.read() as db:
        theirs = {one.language for audience in readers_of(announcement) for one in meant(db, audience)}
    return [*own, *sorted(theirs - {*own, SOURCE_LANGUAGE})]


def ask(services: Services, announcement: Announcement) -> None:
    """Have every language drafted whose sentences are new."""
    parts, at = sentences(announcement.text), now()
    languages = languages_of(services, announcement)
    with services.database.write() as db:
        new = [one for one in languages if translations.ask_for(db, announcement.id, one, parts, at)]
    for language in new:
        enqueue(services.redis, "default", TRANSLATE_ANNOUNCEMENT, announcement.id, language)


def translate(services: Services, announcement_id: int, language: str) -> None:
    """Draft one language.  Safe to run at any time, any number of times."""
    at = now()
    with services.database.write() as db:
        found = translations.find(db, announcement_id, language)
        if found is None or not translations.claim(db, announcement_id, language, at, at + LEASE):
            return
    done = [_translated(services, part, language) for part in found.parts]
    failed = next((why for _, why in done if why), "")
    with services.database.write() as db:
        translations.save_draft(db, announcement_id, language, [part for part, _ in done], failed)
    log.info("drafted: announcement=%s language=%s failed=%s", announcement_id, language, failed or "no")


def _translated(services: Services, part: Part, language: str) -> tuple[Part, str]:
    """The sentence with its draft, and why there is none."""
    made = services.careful.translate(part.english, SOURCE_LANGUAGE, language)
    new = replace(part, wording=made.text, machine=made.machine, back=made.back, warnings=made.warnings)
    return new, str(made.failed or "")


class CannotApprove(Exception):
    """Why not, in a sentence for the person who asked."""


def approve(
    services: Services,
    announcement_id: int,
    language: str,
    given: Iterable[str],
    review: Review,
    seen: Sequence[str] | None = None,
) -> None:
    """A named person says that these sentences are right; they are remembered for the next announcement.  `seen`: the
    English sentences that were looked at; others may stand there by now, as many as before.

    Once it was released, only what nobody has approved may be, and not by a writer: those who approved the whole
    have seen the rest.  Raises `CannotApprove` if that, or if a sentence is missing, or one has lost a placeholder, a
    number or a link.
    """
    with services.database.write() as db:
        found = translations.find(db, announcement_id, language)
        _check_open(announcements.find(db, announcement_id), found, review)
        texts = [" ".join(one.split()) for one in given]
        if found is None or len(texts) != len(found.parts) or seen not in (None, [one.english for one in found.parts]):
            raise CannotApprove("The text was changed meanwhile: look at it again.")
        parts = [_checked(part, text) for part, text in zip(found.parts, texts, strict=True)]
        translations.approve(db, announcement_id, language, parts, review)
        for part in parts:
            phrase = Phrase(SOURCE_LANGUAGE, language, part.english, part.wording, review.reviewed_by)
            approved_phrases.approve(db, phrase, review.at)
        about = f"announcement {announcement_id} {language}"
        audit_log.record(db, review.recorded_by, "approved a wording", about, review.at)
    log.info("approved: announcement=%s language=%s", announcement_id, language)


def _check_open(announcement: Announcement | None, found: Wording | None, review: Review) -> None:
    if announcement is None or announcement.state == "draft":
        return
    if found is not None and found.state == "approved":
        raise CannotApprove("It has left with the approved wording: write a new announcement.")
    if review.recorded_by in announcement.writers:
        raise CannotApprove("It was released: somebody else than who wrote it approves this language now.")


def _checked(part: Part, text: str) -> Part:
    if not text:
        raise CannotApprove("A sentence has no translation yet: write it, then approve.")
    lost = [one for one in kept_words(part.english) if one not in text]
    if lost:
        raise CannotApprove(f"“{lost[0]}” of the English is missing in the translation: put it back.")
    same = text == " ".join(part.wording.split())
    return replace(part, wording=text, machine=part.machine if same else "no")


def kept_words(english: str) -> list[str]:
    """What must stand in every language as it is: placeholders, links, e-mail addresses, telephone numbers."""
    return [one for one in shield(english)[1] if not (one.isdigit() and len(one) < 3)]


def offered(services: Services, announcement_id: int, language: str) -> dict[str, list[Phrase]]:
    """For each English sentence the approved ones most like it, with their translations."""
    from rapidfuzz import fuzz, process  # loaded by who reviews, not by every process

    with services.database.read() as db:
        found = translations.find(db, announcement_id, language)
        known = {one.original: one for one in approved_phrases.every(db) if one.target == language}
    like: dict[str, list[Phrase]] = {}
    for part in found.parts if found else ():
        best = process.extract(part.english, known.keys(), scorer=fuzz.ratio, score_cutoff=ALIKE, limit=OFFERED)
        like[part.english] = [known[original] for original, _, _ in best]
    return like


def again(services: Services, announcement_id: int, language: str) -> None:
    """Ask the machine once more for a language that has no approved wording."""
    with services.database.write() as db:
        announcement = announcements.find(db, announcement_id)
        if announcement is None:
            return
        translations.ask_again(db, announcement_id, language, now())
    enqueue(services.redis, "default", TRANSLATE_ANNOUNCEMENT, announcement_id, language)
