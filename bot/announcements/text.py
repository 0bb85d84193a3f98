"""The words of an announcement: sentence by sentence for whoever translates, and as a phone shows them."""

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
"""What an announcement may hold in braces; the same for every family, so that one approval is for all.

`school` is the one it is for; `date` and `time` are those at which it leaves, as each language writes them.
"""
MEETING_LINK_PATTERN = re.compile(r"/g/([A-HJ-NP-Z2-9]{6})$")
"""The page of a gathering: whoever is invited to it answers with its code."""
ENGLISH_MARK, MACHINE_MARK = "english", "machine"


def split_sentences(text: str) -> tuple[TranslatedSentence, ...]:
    """A text in sentences, each with what stands between it and the next."""
    parts: list[TranslatedSentence] = []
    start = 0
    for gap in SENTENCE_GAP_PATTERN.finditer(text.strip()):
        parts.append(TranslatedSentence(text.strip()[start : gap.start()], after=gap[0]))
        start = gap.end()
    return (*parts, TranslatedSentence(text.strip()[start:], after=""))


def find_unknown_placeholders(text: str) -> list[str]:
    """Names in braces that nothing fills in."""
    return [name for name in PLACEHOLDER_PATTERN.findall(text) if name not in ANNOUNCEMENT_PLACEHOLDERS]


def get_sender_name(district: District, sender: str) -> str:
    """In whose name it is sent."""
    return district.staff[sender].name if sender in district.staff else district.name


def get_send_time(draft: AnnouncementDraft) -> datetime:
    """When it leaves or left; of a draft that waits for nothing: now."""
    return draft.send_at or getattr(draft, "started_at", None) or now()


def fill_placeholders(text: str, district: District, draft: AnnouncementDraft, language: str = SOURCE_LANGUAGE) -> str:
    """The text with its placeholders filled in."""
    local = district.to_local_time(get_send_time(draft))
    of_school = district.schools.get(draft.audience.schools[0]) if len(draft.audience.schools) == 1 else None
    values = {
        "school": _isolate(of_school.name if of_school else district.name, language),
        "date": dates.format_day(local.date(), language),
        "time": _isolate(dates.format_clock_time(local.time(), language), language),
        "district": _isolate(district.name, language),
        "office_phone": _isolate(district.office_phone, language),
        "website": _isolate(district.website, language),
        "sender": _isolate(get_sender_name(district, draft.sender), language),
        "link": draft.link,
        "reply": build_rsvp_reply(draft.link),
    }
    return PLACEHOLDER_PATTERN.sub(lambda found: values.get(found[1], found[0]), text)


def _isolate(value: str, language: str) -> str:
    """A number or name in Latin letters inside a line that runs from right to left keeps its own order."""
    return f"{FIRST_STRONG_ISOLATE}{value}{POP_ISOLATE}" if language in RIGHT_TO_LEFT_LANGUAGES else value


def build_rsvp_reply(link: str) -> str:
    """What says yes to the gathering of this link, in any language; "" if it is the link of something else."""
    found = MEETING_LINK_PATTERN.search(link)
    return f"GO {found[1]}" if found else ""


def build_verification_link(public_base: str, code: str) -> str:
    """Where anyone can see that an announcement is genuine."""
    return f"{public_base}/m/{code}"


def render_text(
    library: Library, announcement: Announcement, language: str, wording: AnnouncementTranslation | None
) -> str:
    """What is said in this language, without what stands around it; English where there is no whole wording."""
    own = wording.text if wording and wording.is_complete else announcement.text.strip()
    english = language == SOURCE_LANGUAGE or own == announcement.text.strip()
    text = announcement.text.strip() if english else own
    return fill_placeholders(text, library.district, announcement, SOURCE_LANGUAGE if english else language)


def get_translation_mark(language: str, wording: AnnouncementTranslation | None) -> str:
    """How a text must be marked: "" (English, or approved), "machine" (no person has checked it) or "english"."""
    if language == SOURCE_LANGUAGE or (wording and wording.state == "approved"):
        return ""
    return MACHINE_MARK if wording and wording.is_complete else ENGLISH_MARK


def compose_body(
    library: Library, announcement: Announcement, language: str, wording: AnnouncementTranslation | None, base: str
) -> str:
    """The whole message: who writes, what, the link, how to check it, and the notice if no person has checked it."""
    said = render_text(library, announcement, language, wording)
    link = announcement.link if announcement.link and announcement.link not in said else ""
    check = render_fixed_text(
        library, language, "announced_check", {"link": build_verification_link(base, announcement.code)}
    )
    notices: Mapping[str, TextId] = {MACHINE_MARK: "notice_draft", ENGLISH_MARK: "notice_english"}
    notice = notices.get(get_translation_mark(language, wording))
    opening = f"{library.district.name}, {get_sender_name(library.district, announcement.sender)}:"
    shown = [f"{opening}\n{said}", link, render_fixed_text(library, language, notice, {}) if notice else "", check]
    return "\n\n".join(part for part in shown if part)


def render_fixed_text(library: Library, language: str, text: TextId, values: Mapping[str, str]) -> str:
    """One of the program's own texts in this language."""
    district = library.district
    own = {"district": district.name, "office_phone": district.office_phone}
    known = {**{name: _isolate(value, language) for name, value in own.items()}, **values}
    wording = library.catalogs.translate(language, library.texts[text])
    return PLACEHOLDER_PATTERN.sub(lambda found: known.get(found[1], found[0]), wording)
