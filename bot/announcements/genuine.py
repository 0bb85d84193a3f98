"""Whether a message is really ours: by texting CHECK and its code, or by sending the message itself back to us."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.announcements.words import fixed, marked_as, text_in
from bot.content import dates
from bot.content.library import Library
from bot.content.texts import TextId
from bot.conversation.commands import LINK_CODE, match
from bot.messaging.drafting import library_for
from bot.messaging.inbound import Inbound
from bot.messaging.world import understood
from bot.services import Services
from bot.store import announcements, contacts, wordings
from bot.store.announcements import CODE_LENGTH, Announcement
from bot.store.db import now
from bot.store.wordings import Wording

Verdict = Literal["genuine", "genuine_over", "genuine_stopped", "not_genuine"]
EXAMPLE = "CHECK K7Q2MX"
SURE_OF_LANGUAGE = 0.6
WORD = re.compile(r"\w+")
OWN_WORDS = 3
"""Whoever adds more than so many words to a message that they send back says something of their own."""


@dataclass(frozen=True)
class Looked:
    """What is known of a code."""

    verdict: Verdict
    announcement: Announcement | None = None


def look_up(services: Services, code: str, at: datetime | None = None) -> Looked:
    """What this code stands for.  One that was never sent is unknown like any other: nothing leaks before its hour."""
    with services.database.read() as db:
        found = announcements.by_code(db, code) if len(code) == CODE_LENGTH else None
    if found is None or found.started_at is None:
        return Looked("not_genuine")
    if found.state == "stopped":
        return Looked("genuine_stopped", found)
    return Looked("genuine_over" if found.until <= (at or now()) else "genuine", found)


def answer(services: Services, inbound: Inbound) -> str | None:
    """The reply to "CHECK K7Q2MX" or to a message of ours that is sent back; None if this is neither.

    An emergency in somebody's own words is never taken for a question about a message.  Raises `SQLAlchemyError` if
    the database is away.
    """
    command = match(inbound.text, services.library.phrasebook)
    if command is None or command.kind != "check":
        return None
    looked = look_up(services, command.rest) if command.rest else None
    forwarded = bool(LINK_CODE.search(inbound.text))
    if looked and forwarded and _own_emergency(services, inbound.text, looked):
        return None
    language = _language(services, inbound)
    library = library_for(services, language)
    if looked is None:
        return fixed(library, language, "check_how", {"example": EXAMPLE})
    return told(services, library, language, looked)


def told(services: Services, library: Library, language: str, looked: Looked) -> str:
    """What is said of a code in this language; of a genuine message its text as well."""
    announcement = looked.announcement
    if announcement is None or announcement.started_at is None:
        return fixed(library, language, "not_genuine", {})
    when = dates.moment(library.district.local(announcement.started_at), language)
    verdict: TextId = looked.verdict
    said = fixed(library, language, verdict, {"when": when})
    if looked.verdict != "genuine":
        return said
    return f"{said}\n\n{text_shown(services, library, announcement, language)}"


def text_shown(services: Services, library: Library, announcement: Announcement, language: str) -> str:
    """Its text in this language, where a person has approved it or it went out with the machine's notice; else
    English."""
    with services.database.read() as db:
        wording = wordings.find(db, announcement.id, language)
    mark = marked_as(language, wording)
    if mark and not (mark == "machine" and announcement.unapproved == "machine"):
        return text_in(library, announcement, "en", None)
    return text_in(library, announcement, language, wording)


def _own_emergency(services: Services, text: str, looked: Looked) -> bool:
    """An emergency that stands beside the message that was sent back, or in one that is none of ours."""
    if understood(services.library, text, None).severity != "escalate_now":
        return False
    if looked.announcement is None:
        return True
    with services.database.read() as db:
        found = list(wordings.of(db, looked.announcement.id).values())
    ours = _words_of(services, looked.announcement, found)
    return len([word for word in WORD.findall(text.casefold()) if word not in ours]) > OWN_WORDS


def _words_of(services: Services, announcement: Announcement, found: list[Wording]) -> set[str]:
    """Every word that some phone got with this announcement."""
    library, base = services.library, services.settings.public_base
    texts = [text_in(library, announcement, "en", None), base, announcement.code, announcement.link, "m"]
    texts += [text_in(library, announcement, one.language, one) for one in found]
    texts += [fixed(library, one, "announced_check", {}) for one in library.district.languages]
    texts += [library.district.name, *(person.name for person in library.district.staff.values())]
    return {word for text in texts for word in WORD.findall(text.casefold())}


def _language(services: Services, inbound: Inbound) -> str:
    with services.database.read() as db:
        contact = contacts.find(db, services.database.vault, inbound.address)
    if contact and contact.language:
        return contact.language
    read = understood(services.library, inbound.text, None)
    sure = read.lang in services.library.district.languages and read.lang_confidence >= SURE_OF_LANGUAGE
    return read.lang if sure and read.lang else "en"
