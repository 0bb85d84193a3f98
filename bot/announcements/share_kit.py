"""Build the share kit of a community leader: the text in each language, a picture, and a sound, with an end date.

Puente stores nothing about the people to whom a leader sends it.
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
    """What the share kit's page shows for one language.

    The leader passes `text` on unchanged. `sound` is "own" (a recording of the district), "machine", or "".
    """

    language: str
    text: str
    has_picture: bool
    sound: str


def build_kit_link(public_base: str, code: str) -> str:
    """Return the URL of the share kit."""
    return f"{public_base}/m/{code}/kit"


def render_kit_message(library: Library, announcement: Announcement, language: str, public_base: str) -> str:
    """Return the text that a leader's message contains besides the announcement."""
    values = {
        "until": format_valid_until(library, announcement, language),
        "link": build_kit_link(public_base, announcement.code),
    }
    return render_fixed_text(library, language, "kit_message", values)


def format_valid_until(library: Library, announcement: Announcement, language: str) -> str:
    """Return until when the announcement may be passed on, in this language."""
    return dates.format_moment(library.district.to_local_time(announcement.until), language)


def list_items(runtime: Runtime, announcement: Announcement) -> list[ShareKitItem]:
    """Return the languages to share: English, approved languages, and drafts that may be sent with a notice."""
    with runtime.database.read() as db:
        by_language = load_current_translations(db, announcement)
        saved_digests = share_kits.get_digests(db, announcement.id)
    shareable = [
        language for language, translation in by_language.items() if _can_share(announcement, language, translation)
    ]
    return [
        _build_item(runtime, announcement, language, by_language.get(language), saved_digests)
        for language in (SOURCE_LANGUAGE, *shareable)
    ]


def _can_share(announcement: Announcement, language: str, wording: AnnouncementTranslation) -> bool:
    mark = get_translation_mark(language, wording)
    return not mark or (mark == MACHINE_MARK and announcement.unapproved == "machine")


def _build_item(
    runtime: Runtime, announcement: Announcement, language: str, wording: AnnouncementTranslation | None,
    saved_digests: dict[str, tuple[str, bool, bool]],
) -> ShareKitItem:  # fmt: skip
    text = render_share_text(runtime, announcement, language, wording)
    digest, has_picture, has_sound = saved_digests.get(language, ("", False, False))
    is_current = digest == _compute_text_digest(text)
    sound = ""
    if wording and wording.has_audio:
        sound = "own"
    elif has_sound and is_current:
        sound = "machine"
    return ShareKitItem(language, text, has_picture and is_current, sound)


def render_share_text(
    runtime: Runtime, announcement: Announcement, language: str, wording: AnnouncementTranslation | None
) -> str:
    """Return the text to forward: the announcement, its validity, and how to check it."""
    library, base = get_localized_library(runtime, language), runtime.settings.public_base
    text = render_text(library, announcement, language, wording)
    link = announcement.link if announcement.link not in text else ""
    notice = _render_machine_notice(library, language, wording)
    until = {"until": format_valid_until(library, announcement, language)}
    validity = render_fixed_text(library, language, "kit_until", until)
    verification_link = {"link": build_verification_link(base, announcement.code)}
    check = render_fixed_text(library, language, "announced_check", verification_link)
    parts = (f"{library.district.name}:\n{text}", link, notice, validity, check)
    return "\n\n".join(part for part in parts if part)


def _render_machine_notice(library: Library, language: str, wording: AnnouncementTranslation | None) -> str:
    if get_translation_mark(language, wording) != MACHINE_MARK:
        return ""
    return render_fixed_text(library, language, "notice_draft", {})


def prepare(runtime: Runtime, announcement: Announcement) -> None:
    """Queue jobs for pictures and sounds that are missing or show an older text."""
    for item in list_items(runtime, announcement):
        if not item.has_picture:
            # A bulk job, so that the sending of the announcement goes first.
            enqueue(runtime.redis, "bulk", MAKE_SHARE_KIT_JOB, announcement.id, item.language)


def make_assets(runtime: Runtime, announcement_id: int, language: str) -> None:
    """Make the picture and the sound of one language. The page omits what cannot be made."""
    with runtime.database.read() as db:
        announcement = announcements.find(db, announcement_id)
        wording = find_current_translation(db, announcement, language) if announcement else None
    if announcement is None:
        return
    text = render_share_text(runtime, announcement, language, wording)
    picture = _draw_image(runtime, announcement, language, wording)
    spoken_text = render_text(get_localized_library(runtime, language), announcement, language, wording)
    sound = text_to_speech.synthesize_speech(spoken_text, language)
    with runtime.database.write() as db:
        share_kits.save(db, announcement_id, ShareKit(language, _compute_text_digest(text), picture, sound), now())


def _draw_image(
    runtime: Runtime, announcement: Announcement, language: str, wording: AnnouncementTranslation | None
) -> bytes | None:
    library, base = get_localized_library(runtime, language), runtime.settings.public_base
    sent_at = dates.format_moment(library.district.to_local_time(announcement.started_at or now()), language)
    until = {"until": format_valid_until(library, announcement, language)}
    image = AnnouncementImage(
        language=language,
        district=library.district.name,
        text=render_text(library, announcement, language, wording),
        sent=render_fixed_text(library, language, "sent_on", {"when": sent_at}),
        until=render_fixed_text(library, language, "kit_until", until),
        check=render_fixed_text(library, language, "announced_check", {"link": ""}).strip(),
        link=build_verification_link(base, announcement.code),
        machine=_render_machine_notice(library, language, wording),
    )
    try:
        return render_image_png(image)
    except RendererUnavailableError as error:
        log.warning("no picture: announcement=%s language=%s %s", announcement.id, language, error)
        return None


def _compute_text_digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
