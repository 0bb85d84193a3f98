"""Find the translations that match the current text of an announcement. One of an older text does not count."""

from bot.announcements.text import split_sentences
from bot.base.database import Transaction
from bot.store.announcements import translations
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.translations import AnnouncementTranslation


def load_current_translations(db: Transaction, announcement: Announcement) -> dict[str, AnnouncementTranslation]:
    """Return the announcement's current translations by language."""
    by_language = translations.list_for_announcement(db, announcement.id)
    return {
        language: translation
        for language, translation in by_language.items()
        if _matches_text(announcement, translation)
    }


def find_current_translation(
    db: Transaction, announcement: Announcement, language: str
) -> AnnouncementTranslation | None:
    """Return the current translation in this language, or None."""
    translation = translations.find(db, announcement.id, language)
    if translation is None or not _matches_text(announcement, translation):
        return None
    return translation


def _matches_text(announcement: Announcement, wording: AnnouncementTranslation) -> bool:
    current = [(part.english, part.after) for part in split_sentences(announcement.text)]
    return [(part.english, part.after) for part in wording.parts] == current
