"""Split the text of an announcement into sentences for translation, and compose it as a phone shows it."""

import re
from collections.abc import Mapping
from datetime import datetime

from bot.base.database import now
from bot.base.language_names import RIGHT_TO_LEFT_LANGUAGES
from bot.content import dates
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.district import District
from bot.content.library import Library
from bot.content.texts import TextId
from bot.messaging.placeholder_values import FIRST_STRONG_ISOLATE, POP_ISOLATE
from bot.store.announcements.announcements import Announcement, AnnouncementDraft
from bot.store.announcements.translations import AnnouncementTranslation, TranslatedSentence

SENTENCE_GAP_PATTERN = re.compile(r"(?<=[.!?。？！])(\s+)(?=\S)|(\n+)")
PLACEHOLDER_PATTERN = re.compile(r"\{(\w*)\}")
ANNOUNCEMENT_PLACEHOLDERS = ("district", "office_phone", "website", "sender", "link", "school", "date", "time", "reply")
"""The placeholders of an announcement. They have the same value for every family, so one approval covers all.

`school` is the single school of the audience. `date` and `time` are those of sending, as each language writes them.
"""
MEETING_LINK_PATTERN = re.compile(r"/g/([A-HJ-NP-Z2-9]{6})$")
"""The page of a meeting. Families use the code at its end to answer the invitation."""
ENGLISH_MARK, MACHINE_MARK = "english", "machine"


def split_sentences(text: str) -> tuple[TranslatedSentence, ...]:
    """Split a text into sentences, each with the whitespace that follows it."""
    sentences: list[TranslatedSentence] = []
    start = 0
    for gap in SENTENCE_GAP_PATTERN.finditer(text.strip()):
        sentences.append(TranslatedSentence(text.strip()[start : gap.start()], after=gap[0]))
        start = gap.end()
    return (*sentences, TranslatedSentence(text.strip()[start:], after=""))


def find_unknown_placeholders(text: str) -> list[str]:
    """Return the names in braces that Puente cannot fill in."""
    return [name for name in PLACEHOLDER_PATTERN.findall(text) if name not in ANNOUNCEMENT_PLACEHOLDERS]


def get_sender_name(district: District, sender: str) -> str:
    """Return the name of the sender, or the district's name."""
    if sender in district.staff:
        return district.staff[sender].name
    return district.name


def get_send_time(draft: AnnouncementDraft) -> datetime:
    """Return when the announcement was or will be sent. For a draft without a send time, return the current time."""
    return draft.send_at or getattr(draft, "started_at", None) or now()


def fill_placeholders(text: str, district: District, draft: AnnouncementDraft, language: str = SOURCE_LANGUAGE) -> str:
    """Fill in the placeholders of a text."""
    sent_at = district.to_local_time(get_send_time(draft))
    values = {
        "school": _isolate(_get_place_name(district, draft), language),
        "date": dates.format_day(sent_at.date(), language),
        "time": _isolate(dates.format_clock_time(sent_at.time(), language), language),
        "district": _isolate(district.name, language),
        "office_phone": _isolate(district.office_phone, language),
        "website": _isolate(district.website, language),
        "sender": _isolate(get_sender_name(district, draft.sender), language),
        "link": draft.link,
        "reply": build_rsvp_reply(draft.link),
    }
    return PLACEHOLDER_PATTERN.sub(lambda match: values.get(match[1], match[0]), text)


def _isolate(value: str, language: str) -> str:
    """Keep the order of a number or Latin name inside a right-to-left text (Unicode isolates)."""
    if language not in RIGHT_TO_LEFT_LANGUAGES:
        return value
    return f"{FIRST_STRONG_ISOLATE}{value}{POP_ISOLATE}"


def _get_place_name(district: District, draft: AnnouncementDraft) -> str:
    if len(draft.audience.schools) == 1:
        return district.get_place_name(draft.audience.schools[0])
    return district.name


def build_rsvp_reply(link: str) -> str:
    """Return the reply that accepts the meeting of this link, or "" if it is not the page of a meeting."""
    if match := MEETING_LINK_PATTERN.search(link):
        return f"GO {match[1]}"
    return ""


def build_verification_link(public_base: str, code: str) -> str:
    """Return the page where anyone can check that an announcement is genuine."""
    return f"{public_base}/m/{code}"


def render_text(
    library: Library, announcement: Announcement, language: str, wording: AnnouncementTranslation | None
) -> str:
    """Return the text alone in this language, or in English without a complete translation."""
    english = announcement.text.strip()
    if language == SOURCE_LANGUAGE or not wording or not wording.is_complete or wording.text == english:
        return fill_placeholders(english, library.district, announcement, SOURCE_LANGUAGE)
    return fill_placeholders(wording.text, library.district, announcement, language)


def get_translation_mark(language: str, wording: AnnouncementTranslation | None) -> str:
    """Return "" (English or approved), "machine" (no person checked the translation), or "english"."""
    if language == SOURCE_LANGUAGE or (wording and wording.state == "approved"):
        return ""
    if wording and wording.is_complete:
        return MACHINE_MARK
    return ENGLISH_MARK


def compose_body(
    library: Library, announcement: Announcement, language: str, wording: AnnouncementTranslation | None, base: str
) -> str:
    """Compose the whole message: sender, text, link, a notice for an unchecked translation, and how to check it."""
    district = library.district
    text = render_text(library, announcement, language, wording)
    opening = f"{district.name}, {get_sender_name(district, announcement.sender)}:"
    link = announcement.link if announcement.link not in text else ""
    notices: Mapping[str, TextId] = {MACHINE_MARK: "notice_draft", ENGLISH_MARK: "notice_english"}
    notice_id = notices.get(get_translation_mark(language, wording))
    notice = render_fixed_text(library, language, notice_id, {}) if notice_id else ""
    verification_link = {"link": build_verification_link(base, announcement.code)}
    check = render_fixed_text(library, language, "announced_check", verification_link)
    parts = [f"{opening}\n{text}", link, notice, check]
    return "\n\n".join(part for part in parts if part)


def render_fixed_text(library: Library, language: str, text: TextId, values: Mapping[str, str]) -> str:
    """Return one of Puente's own texts in this language, with its placeholders filled in."""
    district = library.district
    district_values = {"district": district.name, "office_phone": district.office_phone}
    isolated = {name: _isolate(value, language) for name, value in district_values.items()}
    all_values = {**isolated, **values}
    translated = library.catalogs.translate(language, library.texts[text])
    return PLACEHOLDER_PATTERN.sub(lambda match: all_values.get(match[1], match[0]), translated)
