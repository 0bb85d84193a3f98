"""Serve `/m/<code>`: the public pages that verify an announcement and offer its share kit.

Families may open these pages in fear and on cheap phones. So there is no login and no script, and Puente stores
nothing about visitors.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import quote

import phonenumbers
from flask import Blueprint, Response, abort, render_template, request, send_file
from flask.typing import ResponseReturnValue
from markupsafe import Markup, escape

from bot.announcements import share_kit
from bot.announcements.current_translations import find_current_translation
from bot.announcements.share_kit import ShareKitItem
from bot.announcements.text import MACHINE_MARK, get_translation_mark, render_fixed_text, render_text
from bot.announcements.verification import CodeVerification, look_up_code, render_public_text
from bot.base.database import now
from bot.base.language_names import get_own_name
from bot.base.text_normalization import normalize_text
from bot.content import dates
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.texts import TextId
from bot.documents.html_page import LEFT_TO_RIGHT_PATTERN, PHONE_PATTERN, get_direction
from bot.messaging.catalog_drafts import get_localized_library
from bot.roster.language_mapping import LanguageFinder
from bot.store.announcements import share_kits, translations
from bot.store.announcements.announcements import Announcement
from bot.web.core.current_runtime import get_runtime

verification_pages = Blueprint("genuine", __name__)
CACHE_SECONDS = 300
"""How long a cache between Puente and a phone may still serve a picture of a stopped announcement."""
CONTENT_TYPES = {"png": "image/png", "mp3": "audio/mpeg"}


@dataclass(frozen=True)
class MessageView:
    """A text of a page and its language, which is English if the text is missing in the language of the page."""

    text: str
    language: str

    @property
    def direction(self) -> str:
        """Return `rtl` or `ltr`."""
        return get_direction(self.language)

    def __html__(self) -> str:
        """Return the escaped text. Phone numbers and URLs keep their order in a right-to-left text."""
        return Markup("").join(_isolate_left_to_right(self.text))


@dataclass(frozen=True)
class ShareKitView:
    """One language of a share kit, as the page shows it."""

    item: ShareKitItem
    name: str
    text: MessageView

    @property
    def whatsapp_url(self) -> str:
        """Return the URL that opens WhatsApp with the text. The visitor chooses the recipients there."""
        return f"https://wa.me/?text={quote(self.item.text, safe='')}"


@verification_pages.get("/m/<code>")
def message(code: str) -> ResponseReturnValue:
    """Show whether the code belongs to an announcement: its text and end if it is current, or why it isn't."""
    language, verification = find_reader_language(), look_up_code(get_runtime(), code)
    if verification.announcement is None:
        return _render_unknown_code(language)
    started_at = _format_started_at(verification.announcement, language)
    page_values: dict[str, object] = {
        "verdict": _build_message_view(language, verification.verdict, when=started_at),
        "kind": verification.verdict,
    }
    if verification.verdict == "genuine":
        page_values |= _build_message_values(verification.announcement, language)
    return render_public_page("genuine/message.html", language, **page_values)


@verification_pages.get("/m/<code>/kit")
def kit_page(code: str) -> ResponseReturnValue:
    """Show the share kit in each language, the reader's first. A kit that ended or stopped shows nothing."""
    language, verification = find_reader_language(), look_up_code(get_runtime(), code)
    if verification.announcement is None or verification.verdict != "genuine":
        return _render_missing_kit(verification, language)
    items = sorted(
        share_kit.list_items(get_runtime(), verification.announcement), key=lambda item: item.language != language
    )
    kit_views = [
        ShareKitView(item, get_own_name(item.language), MessageView(item.text, item.language)) for item in items
    ]
    until = _build_message_view(language, "kit_until", until=_format_valid_until(verification.announcement, language))
    return render_public_page(
        "genuine/kit.html", language, code=verification.announcement.code, shared=kit_views, until=until
    )


@verification_pages.get("/m/<code>/kit/<language>.png")
def picture(code: str, language: str) -> ResponseReturnValue:
    """Send the picture of one language. Twilio fetches it too."""
    return _send_kit_file(code, language, "png")


@verification_pages.get("/m/<code>/kit/<language>.mp3")
def sound(code: str, language: str) -> ResponseReturnValue:
    """Send the recording of one language: the district's own, or else the machine's."""
    return _send_kit_file(code, language, "mp3")


@verification_pages.errorhandler(429)
def handle_too_many_requests(error: Exception) -> ResponseReturnValue:
    """Show how to reach a person, in the reader's language, after too many requests."""
    language = find_reader_language()
    verdict = _build_message_view(language, "try_later")
    return render_public_page("genuine/message.html", language, verdict=verdict, kind="later"), 429


@verification_pages.after_request
def set_privacy_headers(response: Response) -> Response:
    """Hide the visit from other sites, and keep the page out of search engines."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _render_missing_kit(verification: CodeVerification, language: str) -> ResponseReturnValue:
    """Show why there is no kit: it ended or stopped, or the code is unknown."""
    if verification.announcement is None:
        return _render_unknown_code(language)
    if verification.verdict == "genuine_stopped":
        started_at = _format_started_at(verification.announcement, language)
        verdict = _build_message_view(language, "genuine_stopped", when=started_at)
    else:
        valid_until = _format_valid_until(verification.announcement, language)
        verdict = _build_message_view(language, "kit_over", until=valid_until)
    return render_public_page("genuine/message.html", language, verdict=verdict, kind=verification.verdict), 410


def _render_unknown_code(language: str) -> ResponseReturnValue:
    """Show one page for an unknown code and for an announcement that hasn't started, so that nothing leaks early."""
    verdict = _build_message_view(language, "not_genuine")
    return render_public_page("genuine/message.html", language, verdict=verdict, kind="not_genuine"), 404


def _build_message_values(announcement: Announcement, language: str) -> dict[str, object]:
    """Return the announcement in the reader's language, or in English with a notice."""
    with get_runtime().database.read() as db:
        translation = find_current_translation(db, announcement, language)
    library = get_localized_library(get_runtime(), language)
    text = render_public_text(get_runtime(), library, announcement, language)
    text_language, notice = language, None
    needs_translation = language != SOURCE_LANGUAGE
    if needs_translation and text == render_text(library, announcement, SOURCE_LANGUAGE, None):
        text_language, notice = SOURCE_LANGUAGE, _build_message_view(language, "notice_english")
    elif needs_translation and get_translation_mark(language, translation) == MACHINE_MARK:
        notice = _build_message_view(language, "notice_draft")
    return {
        "text": MessageView(text, text_language),
        "notice": notice,
        "until": _build_message_view(language, "kit_until", until=_format_valid_until(announcement, language)),
        "link": announcement.link if announcement.link.startswith("https://") else "",
    }


def _send_kit_file(code: str, language: str, kind: str) -> ResponseReturnValue:
    verification = look_up_code(get_runtime(), code)
    if verification.announcement is None or verification.verdict != "genuine":
        return _render_missing_kit(verification, find_reader_language())
    data = _find_kit_file(verification.announcement, language, kind)
    if data is None:
        abort(404)
    name = f"{_slugify(get_runtime().library.district.name)}-{verification.announcement.code}-{language}.{kind}"
    seconds_left = int((verification.announcement.until - now()).total_seconds())
    return send_file(
        BytesIO(data),
        CONTENT_TYPES[kind],
        download_name=name,
        etag=False,
        max_age=max(0, min(CACHE_SECONDS, seconds_left)),
    )


def _find_kit_file(announcement: Announcement, language: str, kind: str) -> bytes | None:
    """Return a file that the kit's page shows: no picture of an older text, and no language without permission."""
    items = {item.language: item for item in share_kit.list_items(get_runtime(), announcement)}
    item = items.get(language)
    if item is None:
        return None
    with get_runtime().database.read() as db:
        if kind == "mp3" and item.sound == "own":
            return translations.get_audio(db, announcement.id, language)
        kit = share_kits.find(db, announcement.id, language)
    if kit is None:
        return None
    if kind == "png" and item.has_picture:
        return kit.picture
    if kind != "png" and item.sound:
        return kit.sound
    return None


def _slugify(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", normalize_text(name)).strip("-") or "message"


def render_public_page(template: str, language: str, **values: object) -> str:
    """Return a page in this language, with links to a person and to the other languages."""
    district = get_runtime().library.district
    names = [(code, get_own_name(code), get_direction(code)) for code in district.languages]
    website = district.website
    if not website.startswith(("https://", "http://")):
        website = f"https://{website}"
    page_values = {"language": language, "direction": get_direction(language), "names": names, "district": district}
    contact_values = {
        "dialled": _build_dial_url(district.office_phone),
        "website": website,
        "say": lambda text_id: _build_message_view(language, text_id),
    }
    return render_template(template, **page_values, **contact_values, **values)


def _build_dial_url(phone: str) -> str:
    """Return the `tel:` URL of the office's number, with its extension if any."""
    try:
        number = phonenumbers.parse(phone, "US")
    except phonenumbers.NumberParseException:
        return f"tel:{re.sub(r'[^0-9+]', '', phone)}"
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.RFC3966)


def _build_message_view(language: str, text_id: TextId, **values: str) -> MessageView:
    """Return one of Puente's texts in this language, or else in English."""
    library = get_localized_library(get_runtime(), language)
    text = render_fixed_text(library, language, text_id, values)
    if library.catalogs.find_text(language, library.texts[text_id]).is_missing:
        return MessageView(text, SOURCE_LANGUAGE)
    return MessageView(text, language)


def _format_started_at(announcement: Announcement, language: str) -> str:
    assert announcement.started_at is not None, "look_up_code() returns only started announcements"
    return dates.format_moment(get_runtime().library.district.to_local_time(announcement.started_at), language)


def _format_valid_until(announcement: Announcement, language: str) -> str:
    return share_kit.format_valid_until(get_runtime().library, announcement, language)


def find_reader_language() -> str:
    """Return the selected language, or the first of the browser's languages that the district offers, or English.

    Werkzeug's `best_match` doesn't fit: it returns English for "es-MX, en;q=0.5", and nothing for "fil-PH".
    """
    requested_language, library = request.args.get("lang", ""), get_runtime().library
    if (
        requested_language == SOURCE_LANGUAGE
        or requested_language in get_localized_library(get_runtime(), requested_language).catalogs.texts
    ):
        return requested_language
    finder = LanguageFinder(library.district.languages)
    matches = (finder.find(tag) for tag, quality in request.accept_languages if quality > 0)
    return next((code for code in matches if code), SOURCE_LANGUAGE)


def _isolate_left_to_right(text: str) -> Iterator[Markup]:
    """Wrap phone numbers and URLs in elements. Control characters would end up in text that someone copies."""
    end = 0
    for match in LEFT_TO_RIGHT_PATTERN.finditer(text):
        yield escape(text[end : match.start()])
        css_class = "phone" if PHONE_PATTERN.fullmatch(match[0]) else ""
        yield Markup('<bdi dir="ltr" class="{}">{}</bdi>').format(css_class, match[0])
        end = match.end()
    yield escape(text[end:])
