"""`/m/<code>`: is this message ours?  And its kit, for who passes it on.  Public: whoever has the link may look.

Families open these pages frightened, on cheap phones: no login, no script, nothing kept of who looked.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
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
from bot.base.text_normalization import normalise
from bot.content import dates
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.texts import TextId
from bot.documents.html_page import LEFT_TO_RIGHT, PHONE, direction
from bot.messaging.catalog_drafts import library_for
from bot.roster.language_mapping import LanguageFinder
from bot.store.announcements import share_kits, translations
from bot.store.announcements.announcements import Announcement
from bot.web.core.current_runtime import services

genuine = Blueprint("genuine", __name__)
KEPT_SECONDS = 300
"""So long somebody between us and a phone may still give out a picture of what was stopped."""
TYPES = {"png": "image/png", "mp3": "audio/mpeg"}


@dataclass(frozen=True)
class Said:
    """A text of a page, and the language that it really is in: English where the page's own is missing."""

    text: str
    language: str

    @property
    def direction(self) -> str:
        """`rtl` or `ltr`."""
        return direction(self.language)

    def __html__(self) -> str:
        """Escaped; telephone numbers and addresses keep their order in a text that runs from right to left."""
        return Markup("").join(_held(self.text))


@dataclass(frozen=True)
class Shared:
    """One language of a kit, as its page shows it."""

    item: ShareKitItem
    name: str
    text: Said

    @property
    def whatsapp(self) -> str:
        """Opens WhatsApp with the text; whom it goes to is chosen there, and we never hear of it."""
        return f"https://wa.me/?text={quote(self.item.text, safe='')}"


@genuine.get("/m/<code>")
def message(code: str) -> ResponseReturnValue:
    """Whether this is ours: what it says and until when it holds, that it is over or taken back, or that it is none."""
    language, looked = reader_language(), look_up_code(services(), code)
    if looked.announcement is None:
        return _unknown(language)
    verdict = _said(language, looked.verdict, when=_when(looked.announcement, language))
    shown = _shown(looked.announcement, language) if looked.verdict == "genuine" else {}
    return public_page("genuine/message.html", language, verdict=verdict, kind=looked.verdict, **shown)


@genuine.get("/m/<code>/kit")
def kit_page(code: str) -> ResponseReturnValue:
    """What is passed on, language by language, the reader's own first; nothing of it once it is over or stopped."""
    language, looked = reader_language(), look_up_code(services(), code)
    if looked.announcement is None or looked.verdict != "genuine":
        return _refused(looked, language)
    items = sorted(share_kit.list_items(services(), looked.announcement), key=lambda item: item.language != language)
    shared = [Shared(item, get_own_name(item.language), Said(item.text, item.language)) for item in items]
    until = _said(language, "kit_until", until=_until(looked.announcement, language))
    return public_page("genuine/kit.html", language, code=looked.announcement.code, shared=shared, until=until)


@genuine.get("/m/<code>/kit/<language>.png")
def picture(code: str, language: str) -> ResponseReturnValue:
    """The picture of one language; Twilio fetches it too."""
    return _file(code, language, "png")


@genuine.get("/m/<code>/kit/<language>.mp3")
def sound(code: str, language: str) -> ResponseReturnValue:
    """It read aloud: the district's own recording, else the machine's."""
    return _file(code, language, "mp3")


@genuine.errorhandler(429)
def too_many(error: Exception) -> ResponseReturnValue:
    """Too many looks from this address: the way to a person, in the reader's language."""
    language = reader_language()
    return public_page("genuine/message.html", language, verdict=_said(language, "try_later"), kind="later"), 429


@genuine.after_request
def quiet(response: Response) -> Response:
    """No other site learns who looked at which message, and no search engine lists it."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _refused(looked: CodeVerification, language: str) -> ResponseReturnValue:
    """Why there is no kit: gone for good, or the same as for a code that never was."""
    if looked.announcement is None:
        return _unknown(language)
    if looked.verdict == "genuine_stopped":
        verdict = _said(language, "genuine_stopped", when=_when(looked.announcement, language))
    else:
        verdict = _said(language, "kit_over", until=_until(looked.announcement, language))
    return public_page("genuine/message.html", language, verdict=verdict, kind=looked.verdict), 410


def _unknown(language: str) -> ResponseReturnValue:
    """One page for what does not exist and for what has not started: nothing leaks before its hour."""
    return public_page(
        "genuine/message.html", language, verdict=_said(language, "not_genuine"), kind="not_genuine"
    ), 404


def _shown(announcement: Announcement, language: str) -> dict[str, object]:
    """What the message says, in the reader's language or else, with a word about that, in English."""
    with services().database.read() as db:
        wording = find_current_translation(db, announcement, language)
    library = library_for(services(), language)
    text = render_public_text(services(), library, announcement, language)
    english = language == SOURCE_LANGUAGE or text == render_text(library, announcement, SOURCE_LANGUAGE, None)
    notice: TextId | None = "notice_draft" if get_translation_mark(language, wording) == MACHINE_MARK else None
    if english:
        notice = None if language == SOURCE_LANGUAGE else "notice_english"
    return {
        "text": Said(text, SOURCE_LANGUAGE if english else language),
        "notice": _said(language, notice) if notice else None,
        "until": _said(language, "kit_until", until=_until(announcement, language)),
        "link": announcement.link if announcement.link.startswith("https://") else "",
    }


def _file(code: str, language: str, kind: str) -> ResponseReturnValue:
    looked = look_up_code(services(), code)
    if looked.announcement is None or looked.verdict != "genuine":
        return _refused(looked, reader_language())
    data = _made(looked.announcement, language, kind)
    if data is None:
        abort(404)
    name = f"{_slug(services().library.district.name)}-{looked.announcement.code}-{language}.{kind}"
    left = int((looked.announcement.until - now()).total_seconds())
    return send_file(
        BytesIO(data), TYPES[kind], download_name=name, etag=False, max_age=max(0, min(KEPT_SECONDS, left))
    )


def _made(announcement: Announcement, language: str, kind: str) -> bytes | None:
    """Only what the kit's page shows: not the picture of older words, nor a language that may not be passed on."""
    shown = (one for one in share_kit.list_items(services(), announcement) if one.language == language)
    item = next(shown, None)
    with services().database.read() as db:
        if item and kind == "mp3" and item.sound == "own":
            return translations.get_audio(db, announcement.id, language)
        found = share_kits.find(db, announcement.id, language) if item else None
    if found is None or item is None:
        return None
    return (found.picture if item.has_picture else None) if kind == "png" else (found.sound if item.sound else None)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", normalise(name)).strip("-") or "message"


def public_page(template: str, language: str, **shown: object) -> str:
    """The page in this language, with the ways to a person and to the other languages."""
    district = services().library.district
    names = [(code, get_own_name(code), direction(code)) for code in district.languages]
    website = (
        district.website if district.website.startswith(("https://", "http://")) else f"https://{district.website}"
    )
    known = {"language": language, "direction": direction(language), "names": names, "district": district}
    ways = {"dialled": _dialled(district.office_phone), "website": website, "say": lambda text: _said(language, text)}
    return render_template(template, **known, **ways, **shown)


def _dialled(phone: str) -> str:
    """The office's number as a phone dials it, extension or not."""
    try:
        number = phonenumbers.parse(phone, "US")
    except phonenumbers.NumberParseException:
        return f"tel:{re.sub(r'[^0-9+]', '', phone)}"
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.RFC3966)


def _said(language: str, text: TextId, **values: str) -> Said:
    """One of the program's texts."""
    library = library_for(services(), language)
    missing = library.catalogs.find_text(language, library.texts[text]).is_missing
    return Said(render_fixed_text(library, language, text, values), SOURCE_LANGUAGE if missing else language)


def _when(announcement: Announcement, language: str) -> str:
    assert announcement.started_at is not None, "look_up() shows nothing else"
    return dates.format_moment(services().library.district.to_local_time(announcement.started_at), language)


def _until(announcement: Announcement, language: str) -> str:
    return share_kit.format_valid_until(services().library, announcement, language)


def reader_language() -> str:
    """The language that was clicked; else the first of the browser's wishes that the district writes; else English.

    Not Werkzeug's best match: for "es-MX, en;q=0.5" it finds English, for "fil-PH" nothing.
    """
    wanted, library = request.args.get("lang", ""), services().library
    if wanted == SOURCE_LANGUAGE or wanted in library_for(services(), wanted).catalogs.texts:
        return wanted
    known = _spoken(library.district.languages)
    found = (known.find(tag) for tag, quality in request.accept_languages if quality > 0)
    return next((code for code in found if code), SOURCE_LANGUAGE)


@lru_cache(maxsize=4)
def _spoken(languages: tuple[str, ...]) -> LanguageFinder:
    return LanguageFinder(languages)


def _held(text: str) -> Iterator[Markup]:
    """In elements, not with signs in the text: what somebody copies from the page is the text itself."""
    end = 0
    for found in LEFT_TO_RIGHT.finditer(text):
        yield escape(text[end : found.start()])
        yield Markup('<bdi dir="ltr" class="{}">{}</bdi>').format(
            "phone" if PHONE.fullmatch(found[0]) else "", found[0]
        )
        end = found.end()
    yield escape(text[end:])
