"""What a community leader gets to pass on: the text in each language, a picture, a sound, until a day that it names.

Nobody keeps a list of whom a leader sends it to.
"""

import logging
from dataclasses import dataclass
from hashlib import sha256

from bot.announcements.current_translations import find_current_translation, load_current_translations
from bot.announcements.text import (
    MACHINE_MARK,
    build_verification_link,
    get_translation_mark,
    render_fixed_text,
    render_text,
)
from bot.base.database import now
from bot.base.queues import MAKE_SHARE_KIT_JOB, enqueue
from bot.content import dates
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.library import Library
from bot.documents.html_page import RendererUnavailableError
from bot.documents.image import AnnouncementImage, render_image_png
from bot.messaging.catalog_drafts import get_localized_library
from bot.runtime import Runtime
from bot.speech import text_to_speech
from bot.store.announcements import announcements, share_kits
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.share_kits import ShareKit
from bot.store.announcements.translations import AnnouncementTranslation

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ShareKitItem:
    """What the kit's page shows of one language.  `text` is to be passed on as it is; `sound` "own" (the district
    recorded it), "machine" or ""."""

    language: str
    text: str
    has_picture: bool
    sound: str


def build_kit_link(public_base: str, code: str) -> str:
    """Where the kit lies."""
    return f"{public_base}/m/{code}/kit"


def render_kit_message(library: Library, announcement: Announcement, language: str, public_base: str) -> str:
    """What a leader's message says besides the announcement itself."""
    values = {
        "until": format_valid_until(library, announcement, language),
        "link": build_kit_link(public_base, announcement.code),
    }
    return render_fixed_text(library, language, "kit_message", values)


def format_valid_until(library: Library, announcement: Announcement, language: str) -> str:
    """Up to when it may be passed on, in the words of this language."""
    return dates.format_moment(library.district.to_local_time(announcement.until), language)


def list_items(runtime: Runtime, announcement: Announcement) -> list[ShareKitItem]:
    """The languages in which it can be passed on: English, and those that a person has approved or that may go out
    with the machine's notice."""
    with runtime.database.read() as db:
        found = load_current_translations(db, announcement)
        made = share_kits.get_digests(db, announcement.id)
    languages = [SOURCE_LANGUAGE, *(one for one, wording in found.items() if _can_share(announcement, one, wording))]
    return [_build_item(runtime, announcement, language, found.get(language), made) for language in languages]


def _can_share(announcement: Announcement, language: str, wording: AnnouncementTranslation) -> bool:
    mark = get_translation_mark(language, wording)
    return not mark or (mark == MACHINE_MARK and announcement.unapproved == "machine")


def _build_item(
    runtime: Runtime, announcement: Announcement, language: str, wording: AnnouncementTranslation | None,
    made: dict[str, tuple[str, bool, bool]],
) -> ShareKitItem:  # fmt: skip
    text = render_share_text(runtime, announcement, language, wording)
    digest, picture, sound = made.get(language, ("", False, False))
    current = digest == _compute_text_digest(text)
    spoken = "own" if wording and wording.has_audio else "machine" if sound and current else ""
    return ShareKitItem(language, text, picture and current, spoken)


def render_share_text(
    runtime: Runtime, announcement: Announcement, language: str, wording: AnnouncementTranslation | None
) -> str:
    """The text that is forwarded: what is said, when it was sent and until when it holds, how to check it."""
    library, base = get_localized_library(runtime, language), runtime.settings.public_base
    link = announcement.link
    said = render_text(library, announcement, language, wording)
    notice = (
        render_fixed_text(library, language, "notice_draft", {})
        if get_translation_mark(language, wording) == MACHINE_MARK
        else ""
    )
    until_when = render_fixed_text(
        library, language, "kit_until", {"until": format_valid_until(library, announcement, language)}
    )
    check = render_fixed_text(
        library, language, "announced_check", {"link": build_verification_link(base, announcement.code)}
    )
    parts = (f"{library.district.name}:\n{said}", link if link not in said else "", notice, until_when, check)
    return "\n\n".join(part for part in parts if part)


def prepare(runtime: Runtime, announcement: Announcement) -> None:
    """Have pictures and sounds made that are not there yet, or are of older words."""
    for item in list_items(runtime, announcement):
        if not item.has_picture:
            enqueue(
                runtime.redis, "bulk", MAKE_SHARE_KIT_JOB, announcement.id, item.language
            )  # the sending goes before


def make_assets(runtime: Runtime, announcement_id: int, language: str) -> None:
    """Draw and speak one language.  What cannot be made is left out, and the page says nothing of it."""
    with runtime.database.read() as db:
        announcement = announcements.find(db, announcement_id)
        wording = find_current_translation(db, announcement, language) if announcement else None
    if announcement is None:
        return
    text = render_share_text(runtime, announcement, language, wording)
    picture = _draw_image(runtime, announcement, language, wording)
    said = render_text(get_localized_library(runtime, language), announcement, language, wording)
    sound = text_to_speech.synthesize_speech(said, language)
    with runtime.database.write() as db:
        share_kits.save(db, announcement_id, ShareKit(language, _compute_text_digest(text), picture, sound), now())


def _draw_image(
    runtime: Runtime, announcement: Announcement, language: str, wording: AnnouncementTranslation | None
) -> bytes | None:
    library, base = get_localized_library(runtime, language), runtime.settings.public_base
    sent = dates.format_moment(library.district.to_local_time(announcement.started_at or now()), language)
    link = build_verification_link(base, announcement.code)
    machine = (
        render_fixed_text(library, language, "notice_draft", {})
        if get_translation_mark(language, wording) == MACHINE_MARK
        else ""
    )
    drawn = AnnouncementImage(
        language=language,
        district=library.district.name,
        text=render_text(library, announcement, language, wording),
        sent=render_fixed_text(library, language, "sent_on", {"when": sent}),
        until=render_fixed_text(
            library, language, "kit_until", {"until": format_valid_until(library, announcement, language)}
        ),
        check=render_fixed_text(library, language, "announced_check", {"link": ""}).strip(),
        link=link,
        machine=machine,
    )
    try:
        return render_image_png(drawn)
    except RendererUnavailableError as error:
        log.warning("no picture: announcement=%s language=%s %s", announcement.id, language, error)
        return None


def _compute_text_digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
