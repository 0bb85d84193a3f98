"""The wordings that fit an announcement as it reads now: one of an older text is none, however approved it was."""

from sqlalchemy.engine import Connection

from bot.announcements.words import sentences
from bot.store import wordings
from bot.store.announcements import Announcement
from bot.store.wordings import Wording


def wordings_now(db: Connection, announcement: Announcement) -> dict[str, Wording]:
    """Its wordings by language."""
    found = wordings.of(db, announcement.id)
    return {language: one for language, one in found.items() if _fits(announcement, one)}


def wording_now(db: Connection, announcement: Announcement, language: str) -> Wording | None:
    """Its wording in this language, if there is one."""
    found = wordings.find(db, announcement.id, language)
    return found if found and _fits(announcement, found) else None


def _fits(announcement: Announcement, wording: Wording) -> bool:
    now = [(part.english, part.after) for part in sentences(announcement.text)]
    return [(part.english, part.after) for part in wording.parts] == now
