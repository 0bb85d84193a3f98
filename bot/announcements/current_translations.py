"""The wordings that fit an announcement as it reads now: one of an older text is none, however approved it was."""

from bot.announcements.text import split_sentences
from bot.base.database import Transaction
from bot.store.announcements import translations
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.translations import AnnouncementTranslation


def load_current_translations(db: Transaction, announcement: Announcement) -> dict[str, AnnouncementTranslation]:
    """Its wordings by language."""
    found = translations.list_for_announcement(db, announcement.id)
    return {language: one for language, one in found.items() if _matches_text(announcement, one)}


def find_current_translation(
    db: Transaction, announcement: Announcement, language: str
) -> AnnouncementTranslation | None:
    """Its wording in this language, if there is one."""
    found = translations.find(db, announcement.id, language)
    return found if found and _matches_text(announcement, found) else None


def _matches_text(announcement: Announcement, wording: AnnouncementTranslation) -> bool:
    now = [(part.english, part.after) for part in split_sentences(announcement.text)]
    return [(part.english, part.after) for part in wording.parts] == now
