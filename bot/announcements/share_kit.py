"""What a community leader gets to pass on: the text in each language, a picture, a sound, until a day that it names.

Nobody keeps a list of whom a leader sends it to.
"""

import logging
from dataclasses import dataclass
from hashlib import sha256

from bot.announcements.current_translations import wording_now, wordings_now
from bot.announcements.text import MACHINE, fixed, link_to, marked_as, text_in
from bot.base.database import now
from bot.base.queues import MAKE_KIT, enqueue
from bot.content import dates
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.library import Library
from bot.documents.html_page import NoRenderer
from bot.documents.image import Picture, picture_png
from bot.messaging.catalog_drafts import library_for
from bot.runtime import Services
from bot.speech import text_to_speech
from bot.store.announcements import announcements, share_kits
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.share_kits import Kit
from bot.store.announcements.translations import Wording

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Item:
    """What the kit's page shows of one language.  `text` is to be passed on as it is; `sound` "own" (the district
    recorded it), "machine" or ""."""

    language: str
    text: str
    picture: bool
    sound: str


def kit_link(public_base: str, code: str) -> str:
    """Where the kit lies."""
    return f"{public_base}/m/{code}/kit"


def kit_words(library: Library, announcement: Announcement, language: str, public_base: str) -> str:
    """What a leader's message says besides the announcement itself."""
    values = {"until": until(library, announcement, language), "link": kit_link(public_base, announcement.code)}
    return fixed(library, language, "kit_message", values)


def until(library: Library, announcement: Announcement, language: str) -> str:
    """Up to when it may be passed on, in the words of this language."""
    return dates.moment(library.district.local(announcement.until), language)


def items(services: Services, announcement: Announcement) -> list[Item]:
    """The languages in which it can be passed on: English, and those that a person has approved or that may go out
    with the machine's notice."""
    with services.database.read() as db:
        found = wordings_now(db, announcement)
        made = share_kits.digests(db, announcement.id)
    languages = [SOURCE_LANGUAGE, *(one for one, wording in found.items() if _may_pass(announcement, one, wording))]
    return [_item(services, announcement, language, found.get(language), made) for language in languages]


def _may_pass(announcement: Announcement, language: str, wording: Wording) -> bool:
    mark = marked_as(language, wording)
    return not mark or (mark == MACHINE and announcement.unapproved == "machine")


def _item(
    services: Services, announcement: Announcement, language: str, wording: Wording | None,
    made: dict[str, tuple[str, bool, bool]],
) -> Item:  # fmt: skip
    text = to_pass_on(services, announcement, language, wording)
    digest, picture, sound = made.get(language, ("", False, False))
    current = digest == _digest(text)
    spoken = "own" if wording and wording.has_audio else "machine" if sound and current else ""
    return Item(language, text, picture and current, spoken)


def to_pass_on(services: Services, announcement: Announcement, language: str, wording: Wording | None) -> str:
    """The text that is forwarded: what is said, when it was sent and until when it holds, how to check it."""
    library, base = library_for(services, language), services.settings.public_base
    link = announcement.link
    said = text_in(library, announcement, language, wording)
    notice = fixed(library, language, "notice_draft", {}) if marked_as(language, wording) == MACHINE else ""
    until_when = fixed(library, language, "kit_until", {"until": until(library, announcement, language)})
    check = fixed(library, language, "announced_check", {"link": link_to(base, announcement.code)})
    parts = (f"{library.district.name}:\n{said}", link if link not in said else "", notice, until_when, check)
    return "\n\n".join(part for part in parts if part)


def prepare(services: Services, announcement: Announcement) -> None:
    """Have pictures and sounds made that are not there yet, or are of older words."""
    for item in items(services, announcement):
        if not item.picture:
            enqueue(services.redis, "bulk", MAKE_KIT, announcement.id, item.language)  # the sending goes before


def make(services: Services, announcement_id: int, language: str) -> None:
    """Draw and speak one language.  What cannot be made is left out, and the page says nothing of it."""
    with services.database.read() as db:
        announcement = announcements.find(db, announcement_id)
        wording = wording_now(db, announcement, language) if announcement else None
    if announcement is None:
        return
    text = to_pass_on(services, announcement, language, wording)
    picture = _picture(services, announcement, language, wording)
    said = text_in(library_for(services, language), announcement, language, wording)
    sound = text_to_speech.speak(said, language)
    with services.database.write() as db:
        share_kits.keep(db, announcement_id, Kit(language, _digest(text), picture, sound), now())


def _picture(services: Services, announcement: Announcement, language: str, wording: Wording | None) -> bytes | None:
    library, base = library_for(services, language), services.settings.public_base
    sent = dates.moment(library.district.local(announcement.started_at or now()), language)
    link = link_to(base, announcement.code)
    machine = fixed(library, language, "notice_draft", {}) if marked_as(language, wording) == MACHINE else ""
    drawn = Picture(
        language=language,
        district=library.district.name,
        text=text_in(library, announcement, language, wording),
        sent=fixed(library, language, "sent_on", {"when": sent}),
        until=fixed(library, language, "kit_until", {"until": until(library, announcement, language)}),
        check=fixed(library, language, "announced_check", {"link": ""}).strip(),
        link=link,
        machine=machine,
    )
    try:
        return picture_png(drawn)
    except NoRenderer as error:
        log.warning("no picture: announcement=%s language=%s %s", announcement.id, language, error)
        return None


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
