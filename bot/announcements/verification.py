"""Whether a message is really ours: by texting CHECK and its code, or by sending the message itself back to us."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.announcements.current_translations import find_current_translation, load_current_translations
from bot.announcements.text import compose_body, get_translation_mark, render_fixed_text, render_text, split_sentences
from bot.base.database import now
from bot.base.text_normalization import NormalizedText
from bot.content import dates
from bot.content.library import Library
from bot.content.texts import TextId
from bot.flows.commands import LINK_CODE_PATTERN
from bot.messaging.catalog_drafts import get_localized_library
from bot.messaging.command_request import CommandRequest
from bot.messaging.inbound_message import InboundMessage
from bot.messaging.reply_context import understand_text
from bot.runtime import Runtime
from bot.store.announcements import announcements
from bot.store.announcements.announcements import CODE_LENGTH, Announcement
from bot.store.families import contacts

Verdict = Literal["genuine", "genuine_over", "genuine_stopped", "not_genuine"]
EXAMPLE_CHECK_COMMAND = "CHECK K7Q2MX"
MIN_LANGUAGE_CONFIDENCE = 0.6
LINK_PATTERN = re.compile(r"https?://\S+")
MAX_ADDED_WORDS = 3
"""Whoever adds more than so many words to a message that they send back may say something of their own."""
MESSAGE_QUESTION_INTENTS = frozenset({None, "greeting_identity", "short_reply", "out_of_scope", "safety_rumor"})
"""What "hello, is this true?" may be taken for; everything else beside a message is a matter of its own."""


@dataclass(frozen=True)
class CodeVerification:
    """What is known of a code."""

    verdict: Verdict
    announcement: Announcement | None = None


def look_up_code(runtime: Runtime, code: str, at: datetime | None = None) -> CodeVerification:
    """What this code stands for.  One that was never sent is unknown like any other: nothing leaks before its hour."""
    with runtime.database.read() as db:
        found = announcements.find_by_code(db, code) if len(code) == CODE_LENGTH else None
    if found is None or found.started_at is None:
        return CodeVerification("not_genuine")
    if found.state == "stopped":
        return CodeVerification("genuine_stopped", found)
    return CodeVerification("genuine_over" if found.until <= (at or now()) else "genuine", found)


def run_command(request: CommandRequest, code: str) -> str | None:
    """Answer "CHECK K7Q2MX", or a message of ours that is sent back; None leaves it to the conversation.

    An emergency in the sender's own words is never taken for a question about a message. Raises `SQLAlchemyError` if
    the database is away.
    """
    runtime, message = request.runtime, request.message
    code_verification = look_up_code(runtime, code) if code else None
    is_sent_back = bool(LINK_CODE_PATTERN.search(message.text))
    if code_verification and is_sent_back and _has_other_content(runtime, message.text, code_verification):
        return None
    language = _choose_language(runtime, message)
    library = get_localized_library(runtime, language)
    if code_verification is None:
        return render_fixed_text(library, language, "check_how", {"example": EXAMPLE_CHECK_COMMAND})
    return describe_verdict(runtime, library, language, code_verification)


def describe_verdict(runtime: Runtime, library: Library, language: str, verification: CodeVerification) -> str:
    """What is said of a code in this language; of a genuine message its text as well."""
    announcement = verification.announcement
    if announcement is None or announcement.started_at is None:
        return render_fixed_text(library, language, "not_genuine", {})
    when = dates.format_moment(library.district.to_local_time(announcement.started_at), language)
    verdict: TextId = verification.verdict
    said = render_fixed_text(library, language, verdict, {"when": when})
    if verification.verdict != "genuine":
        return said
    return f"{said}\n\n{render_public_text(runtime, library, announcement, language)}"


def render_public_text(runtime: Runtime, library: Library, announcement: Announcement, language: str) -> str:
    """Its text in this language, where a person has approved it or it went out with the machine's notice; else
    English."""
    with runtime.database.read() as db:
        wording = find_current_translation(db, announcement, language)
    mark = get_translation_mark(language, wording)
    if mark and not (mark == "machine" and announcement.unapproved == "machine"):
        return render_text(library, announcement, "en", None)
    return render_text(library, announcement, language, wording)


def _has_other_content(runtime: Runtime, text: str, verification: CodeVerification) -> bool:
    """Whether a message that was sent back stands beside words of one's own that need another answer: "… my child is
    sick today", "stop sending me this", an emergency."""
    own = _extract_added_words(runtime, text, verification.announcement)
    meant = understand_text(runtime.library, NormalizedText(own), None)
    if meant.severity == "escalate_now":
        return True
    return len(own.split()) > MAX_ADDED_WORDS and meant.intent not in MESSAGE_QUESTION_INTENTS


def _extract_added_words(runtime: Runtime, text: str, announcement: Announcement | None) -> str:
    """What is left of a text without the sentences that some phone got with this announcement."""
    left = " ".join(LINK_PATTERN.sub(" ", text).split())
    for sentence in _list_sent_sentences(runtime, announcement) if announcement else ():
        left = re.sub(re.escape(sentence), " ", left, flags=re.IGNORECASE)
    return " ".join(left.split())


def _list_sent_sentences(runtime: Runtime, announcement: Announcement) -> list[str]:
    """Its lines and sentences in every language, the longest first."""
    library, base = runtime.library, runtime.settings.public_base
    with runtime.database.read() as db:
        found = load_current_translations(db, announcement)
    whole = [
        compose_body(library, announcement, one, found.get(one), base) for one in (*library.district.languages, *found)
    ]
    lines = {LINK_PATTERN.sub("", line).strip() for text in whole for line in text.splitlines()}
    parts = {part.english.strip() for line in lines for part in split_sentences(line)}
    return sorted((one for one in lines | parts if len(one) > 1), key=len, reverse=True)


def _choose_language(runtime: Runtime, inbound: InboundMessage) -> str:
    with runtime.database.read() as db:
        contact = contacts.find(db, inbound.address)
    if contact and contact.language:
        return contact.language
    read = understand_text(runtime.library, inbound.normalized_text, None)
    sure = read.lang in runtime.library.district.languages and read.lang_confidence >= MIN_LANGUAGE_CONFIDENCE
    return read.lang if sure and read.lang else "en"
