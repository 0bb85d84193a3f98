"""The wordings that fit an announcement as it reads now: one of an older text is none, however approved it was."""

from sqlalchemy.engine import Connection

from bot.announcements.text import sentences
from bot.store.announcements import translations
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.translations import Wording


def wordings_now(db: Connection, announcement: Announcement) -> dict[str, Wording]:
    """Its wordings by language."""
    found = translations.of(db, announcement.id)
    return {language: one for language, one in found.items() if _fits(announcement, one)}


def wording_now(db: Connection, announcement: Announcement, language: str) -> Wording | None:
    """Its wording in this language, if there is one."""
    found = translations.find(db, announcement.id, language)
    return found if found and _fits(announcement, found) else None


def _fits(announcement: Announcement, wording: Wording) -> bool:
    now = [(part.english, part.after) for part in sentences(announcement.text)]
    return [(part.english, part.after) for part in wording.parts] == now
