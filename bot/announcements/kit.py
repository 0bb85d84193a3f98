"""What a community leader gets to pass on: the text in each language, a picture, a sound, until a day that it names."""

from bot.announcements.words import fixed
from bot.content import dates
from bot.content.library import Library
from bot.store.announcements import Announcement


def kit_link(public_base: str, code: str) -> str:
    """Where the kit lies."""
    return f"{public_base}/m/{code}/kit"


def kit_words(library: Library, announcement: Announcement, language: str, public_base: str) -> str:
    """What a leader's message says besides the announcement itself."""
    until = dates.moment(library.district.local(announcement.until), language)
    values = {"until": until, "link": kit_link(public_base, announcement.code)}
    return fixed(library, language, "kit_message", values)
