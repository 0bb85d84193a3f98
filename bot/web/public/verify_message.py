"""`/m/<code>`: is this message ours?  And its kit, for who passes it on.  Public: whoever has the link may look.

Families open these pages frightened, on cheap phones: no login, no script, nothing kept of who looked.
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
"""So long somebody between us and a phone may still give out a picture of what was stopped."""
CONTENT_TYPES = {"png": "image/png", "mp3": "audio/mpeg"}


@dataclass(frozen=True)
class MessageView:
    """A text of a page, and the language that it really is in: English where the page's own is missing."""

    text: str
    language: str

    @property
    def direction(self) -> str:
        """`rtl` or `ltr`."""
        return get_direction(self.language)

    def __html__(self) -> str:
        """Escaped; telephone numbers and addresses keep their order in a text that runs from right to left."""
        return Markup("").join(_isolate_left_to_right(self.text))


@dataclass(frozen=True)
class ShareKitView:
    """One language of a kit, as its page shows it."""

    item: ShareKitItem
    name: str
    text: MessageView

    @property
    def whatsapp_url(self) -> str:
        """Opens WhatsApp with the text; whom it goes to is chosen there, and we never hear of it."""
        return f"https://wa.me/?text={quote(self.item.text, safe='')}"


@verification_pages.get("/m/<code>")
def message(code: str) -> ResponseReturnValue:
    """Whether this is ours: what it says and until when it holds, that it is over or taken back, or that it is none."""
    language, verification = find_reader_language(), look_up_code(get_runtime(), code)
    if verification.announcement is None:
        return _render_unknown_code(language)
    verdict = _build_message_view(
        language, verification.verdict, when=_format_started_at(verification.announcement, language)
    )
    message_values = (
        _build_message_values(verification.announcement, language) if verification.verdict == "genuine" else {}
    )
    return render_public_page(
        "genuine/message.html", language, verdict=verdict, kind=verification.verdict, **message_values
    )


@verification_pages.get("/m/<code>/kit")
def kit_page(code: str) -> ResponseReturnValue:
    """What is passed on, language by language, the reader's own first; nothing of it once it is over or stopped."""
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
    """The picture of one language; Twilio fetches it too."""
    return _send_kit_file(code, language, "png")


@verification_pages.get("/m/<code>/kit/<language>.mp3")
def sound(code: str, language: str) -> ResponseReturnValue:
    """It read aloud: the district's own recording, else the machine's."""
    return _send_kit_file(code, language, "mp3")


@verification_pages.errorhandler(429)
def handle_too_many_requests(error: Exception) -> ResponseReturnValue:
    """Too many looks from this address: the way to a person, in the reader's language."""
    language = find_reader_language()
    return render_public_page(
        "genuine/message.html", language, verdict=_build_message_view(language, "try_later"), kind="later"
    ), 429


@verification_pages.after_request
def set_privacy_headers(response: Response) -> Response:
    """No other site learns who looked at which message, and no search engine lists it."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _render_missing_kit(verification: CodeVerification, language: str) -> ResponseReturnValue:
    """Why there is no kit: gone for good, or the same as for a code that never was."""
    if verification.announcement is None:
        return _render_unknown_code(language)
    if verification.verdict == "genuine_stopped":
        verdict = _build_message_view(
            language, "genuine_stopped", when=_format_started_at(verification.announcement, language)
        )
    else:
        verdict = _build_message_view(
            language, "kit_over", until=_format_valid_until(verification.announcement, language)
        )
    return render_public_page("genuine/message.html", language, verdict=verdict, kind=verification.verdict), 410


def _render_unknown_code(language: str) -> ResponseReturnValue:
    """One page for what does not exist and for what has not started: nothing leaks before its hour."""
    return render_public_page(
        "genuine/message.html", language, verdict=_build_message_view(language, "not_genuine"), kind="not_genuine"
    ), 404


def _build_message_values(announcement: Announcement, language: str) -> dict[str, object]:
    """What the message says, in the reader's language or else, with a word about that, in English."""
    with get_runtime().database.read() as db:
        wording = find_current_translation(db, announcement, language)
    library = get_localized_library(get_runtime(), language)
    text = render_public_text(get_runtime(), library, announcement, language)
    is_english = language == SOURCE_LANGUAGE or text == render_text(library, announcement, SOURCE_LANGUAGE, None)
    notice: TextId | None = "notice_draft" if get_translation_mark(language, wording) == MACHINE_MARK else None
    if is_english:
        notice = None if language == SOURCE_LANGUAGE else "notice_english"
    return {
        "text": MessageView(text, SOURCE_LANGUAGE if is_english else language),
        "notice": _build_message_view(language, notice) if notice else None,
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
    """Only what the kit's page shows: not the picture of older words, nor a language that may not be passed on."""
    language_items = (
        kit_item for kit_item in share_kit.list_items(get_runtime(), announcement) if kit_item.language == language
    )
    item = next(language_items, None)
    with get_runtime().database.read() as db:
        if item and kind == "mp3" and item.sound == "own":
            return translations.get_audio(db, announcement.id, language)
        kit = share_kits.find(db, announcement.id, language) if item else None
    if kit is None or item is None:
        return None
    return (kit.picture if item.has_picture else None) if kind == "png" else (kit.sound if item.sound else None)


def _slugify(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", normalize_text(name)).strip("-") or "message"


def render_public_page(template: str, language: str, **values: object) -> str:
    """The page in this language, with the ways to a person and to the other languages."""
    district = get_runtime().library.district
    names = [(code, get_own_name(code), get_direction(code)) for code in district.languages]
    website = (
        district.website if district.website.startswith(("https://", "http://")) else f"https://{district.website}"
    )
    page_values = {"language": language, "direction": get_direction(language), "names": names, "district": district}
    contact_values = {
        "dialled": _build_dial_url(district.office_phone),
        "website": website,
        "say": lambda text: _build_message_view(language, text),
    }
    return render_template(template, **page_values, **contact_values, **values)


def _build_dial_url(phone: str) -> str:
    """The office's number as a phone dials it, extension or not."""
    try:
        number = phonenumbers.parse(phone, "US")
    except phonenumbers.NumberParseException:
        return f"tel:{re.sub(r'[^0-9+]', '', phone)}"
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.RFC3966)


def _build_message_view(language: str, text: TextId, **values: str) -> MessageView:
    """One of the program's texts."""
    library = get_localized_library(get_runtime(), language)
    is_missing = library.catalogs.find_text(language, library.texts[text]).is_missing
    return MessageView(render_fixed_text(library, language, text, values), SOURCE_LANGUAGE if is_missing else language)


def _format_started_at(announcement: Announcement, language: str) -> str:
    assert announcement.started_at is not None, "look_up() shows nothing else"
    return dates.format_moment(get_runtime().library.district.to_local_time(announcement.started_at), language)


def _format_valid_until(announcement: Announcement, language: str) -> str:
    return share_kit.format_valid_until(get_runtime().library, announcement, language)


def find_reader_language() -> str:
    """The language that was clicked; else the first of the browser's wishes that the district writes; else English.

    Not Werkzeug's best match: for "es-MX, en;q=0.5" it finds English, for "fil-PH" nothing.
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
    """In elements, not with signs in the text: what somebody copies from the page is the text itself."""
    end = 0
    for match in LEFT_TO_RIGHT_PATTERN.finditer(text):
        yield escape(text[end : match.start()])
        yield Markup('<bdi dir="ltr" class="{}">{}</bdi>').format(
            "phone" if PHONE_PATTERN.fullmatch(match[0]) else "", match[0]
        )
        end = match.end()
    yield escape(text[end:])
