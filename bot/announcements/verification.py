"""Whether a message is really ours: by texting CHECK and its code, or by sending the message itself back to us."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.announcements.current_translations import wording_now, wordings_now
from bot.announcements.text import body, fixed, marked_as, sentences, text_in
from bot.base.database import now
from bot.content import dates
from bot.content.library import Library
from bot.content.texts import TextId
from bot.flows.commands import LINK_CODE, match
from bot.messaging.catalog_drafts import library_for
from bot.messaging.inbound_message import Inbound
from bot.messaging.reply_context import understood
from bot.runtime import Services
from bot.store.announcements import announcements
from bot.store.announcements.announcements import CODE_LENGTH, Announcement
from bot.store.families import contacts

Verdict = Literal["genuine", "genuine_over", "genuine_stopped", "not_genuine"]
EXAMPLE = "CHECK K7Q2MX"
SURE_OF_LANGUAGE = 0.6
LINK = re.compile(r"https?://\S+")
OWN_WORDS = 3
"""Whoever adds more than so many words to a message that they send back may say something of their own."""
ABOUT_THE_MESSAGE = frozenset({None, "greeting_identity", "short_reply", "out_of_scope", "safety_rumor"})
"""What "hello, is this true?" may be taken for; everything else beside a message is a matter of its own."""


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
    if looked and forwarded and _says_something_else(services, inbound.text, looked):
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
        wording = wording_now(db, announcement, language)
    mark = marked_as(language, wording)
    if mark and not (mark == "machine" and announcement.unapproved == "machine"):
        return text_in(library, announcement, "en", None)
    return text_in(library, announcement, language, wording)


def _says_something_else(services: Services, text: str, looked: Looked) -> bool:
    """Whether a message that was sent back stands beside words of one's own that need another answer: "… my child is
    sick today", "stop sending me this", an emergency."""
    own = _own_words(services, text, looked.announcement)
    meant = understood(services.library, own, None)
    if meant.severity == "escalate_now":
        return True
    return len(own.split()) > OWN_WORDS and meant.intent not in ABOUT_THE_MESSAGE


def _own_words(services: Services, text: str, announcement: Announcement | None) -> str:
    """What is left of a text without the sentences that some phone got with this announcement."""
    left = " ".join(LINK.sub(" ", text).split())
    for sentence in _sent(services, announcement) if announcement else ():
        left = re.sub(re.escape(sentence), " ", left, flags=re.IGNORECASE)
    return " ".join(left.split())


def _sent(services: Services, announcement: Announcement) -> list[str]:
    """Its lines and sentences in every language, the longest first."""
    library, base = services.library, services.settings.public_base
    with services.database.read() as db:
        found = wordings_now(db, announcement)
    whole = [body(library, announcement, one, found.get(one), base) for one in (*library.district.languages, *found)]
    lines = {LINK.sub("", line).strip() for text in whole for line in text.splitlines()}
    parts = {part.english.strip() for line in lines for part in sentences(line)}
    return sorted((one for one in lines | parts if len(one) > 1), key=len, reverse=True)


def _language(services: Services, inbound: Inbound) -> str:
    with services.database.read() as db:
        contact = contacts.find(db, services.database.vault, inbound.address)
    if contact and contact.language:
        return contact.language
    read = understood(services.library, inbound.text, None)
    sure = read.lang in services.library.district.languages and read.lang_confidence >= SURE_OF_LANGUAGE
    return read.lang if sure and read.lang else "en"
