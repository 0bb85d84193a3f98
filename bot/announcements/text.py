"""The words of an announcement: sentence by sentence for whoever translates, and as a phone shows them."""

import re
from collections.abc import Mapping
from datetime import datetime

from bot.base.database import now
from bot.base.language_names import RIGHT_TO_LEFT
from bot.content import dates
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.district import District
from bot.content.library import Library
from bot.content.texts import TextId
from bot.messaging.placeholder_values import FIRST_STRONG_ISOLATE, POP_ISOLATE
from bot.store.announcements.announcements import Announcement, Draft
from bot.store.announcements.translations import Part, Wording

PARTS = re.compile(r"(?<=[.!?。？！])(\s+)(?=\S)|(\n+)")
PLACEHOLDER = re.compile(r"\{(\w*)\}")
PLACEHOLDERS = ("district", "office_phone", "website", "sender", "link", "school", "date", "time", "reply")
"""What an announcement may hold in braces; the same for every family, so that one approval is for all.

`school` is the one it is for; `date` and `time` are those at which it leaves, as each language writes them.
"""
GATHERING = re.compile(r"/g/([A-HJ-NP-Z2-9]{6})$")
"""The page of a gathering: whoever is invited to it answers with its code."""
ENGLISH, MACHINE = "english", "machine"


def sentences(text: str) -> tuple[Part, ...]:
    """A text in sentences, each with what stands between it and the next."""
    parts: list[Part] = []
    start = 0
    for gap in PARTS.finditer(text.strip()):
        parts.append(Part(text.strip()[start : gap.start()], after=gap[0]))
        start = gap.end()
    return (*parts, Part(text.strip()[start:], after=""))


def unknown_placeholders(text: str) -> list[str]:
    """Names in braces that nothing fills in."""
    return [name for name in PLACEHOLDER.findall(text) if name not in PLACEHOLDERS]


def sender_name(district: District, sender: str) -> str:
    """In whose name it is sent."""
    return district.staff[sender].name if sender in district.staff else district.name


def leaves_at(draft: Draft) -> datetime:
    """When it leaves or left; of a draft that waits for nothing: now."""
    return draft.send_at or getattr(draft, "started_at", None) or now()


def filled(text: str, district: District, draft: Draft, language: str = SOURCE_LANGUAGE) -> str:
    """The text with its placeholders filled in."""
    local = district.local(leaves_at(draft))
    of_school = district.schools.get(draft.audience.schools[0]) if len(draft.audience.schools) == 1 else None
    values = {
        "school": _isolated(of_school.name if of_school else district.name, language),
        "date": dates.day(local.date(), language),
        "time": _isolated(dates.clock(local.time(), language), language),
        "district": _isolated(district.name, language),
        "office_phone": _isolated(district.office_phone, language),
        "website": _isolated(district.website, language),
        "sender": _isolated(sender_name(district, draft.sender), language),
        "link": draft.link,
        "reply": reply_to(draft.link),
    }
    return PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def _isolated(value: str, language: str) -> str:
    """A number or name in Latin letters inside a line that runs from right to left keeps its own order."""
    return f"{FIRST_STRONG_ISOLATE}{value}{POP_ISOLATE}" if language in RIGHT_TO_LEFT else value


def reply_to(link: str) -> str:
    """What says yes to the gathering of this link, in any language; "" if it is the link of something else."""
    found = GATHERING.search(link)
    return f"GO {found[1]}" if found else ""


def link_to(public_base: str, code: str) -> str:
    """Where anyone can see that an announcement is genuine."""
    return f"{public_base}/m/{code}"


def text_in(library: Library, announcement: Announcement, language: str, wording: Wording | None) -> str:
    """What is said in this language, without what stands around it; English where there is no whole wording."""
    own = wording.text if wording and wording.complete else announcement.text.strip()
    english = language == SOURCE_LANGUAGE or own == announcement.text.strip()
    text = announcement.text.strip() if english else own
    return filled(text, library.district, announcement, SOURCE_LANGUAGE if english else language)


def marked_as(language: str, wording: Wording | None) -> str:
    """How a text must be marked: "" (English, or approved), "machine" (no person has checked it) or "english"."""
    if language == SOURCE_LANGUAGE or (wording and wording.state == "approved"):
        return ""
    return MACHINE if wording and wording.complete else ENGLISH


def body(library: Library, announcement: Announcement, language: str, wording: Wording | None, base: str) -> str:
    """The whole message: who writes, what, the link, how to check it, and the notice if no person has checked it."""
    said = text_in(library, announcement, language, wording)
    link = announcement.link if announcement.link and announcement.link not in said else ""
    check = fixed(library, language, "announced_check", {"link": link_to(base, announcement.code)})
    notices: Mapping[str, TextId] = {MACHINE: "notice_draft", ENGLISH: "notice_english"}
    notice = notices.get(marked_as(language, wording))
    opening = f"{library.district.name}, {sender_name(library.district, announcement.sender)}:"
    shown = [f"{opening}\n{said}", link, fixed(library, language, notice, {}) if notice else "", check]
    return "\n\n".join(part for part in shown if part)


def fixed(library: Library, language: str, text: TextId, values: Mapping[str, str]) -> str:
    """One of the program's own texts in this language."""
    district = library.district
    own = {"district": district.name, "office_phone": district.office_phone}
    known = {**{name: _isolated(value, language) for name, value in own.items()}, **values}
    wording = library.catalogs.read(language, library.texts[text])
    return PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), wording)
