"""Check whether a message is genuine: a family texts CHECK and its code, or sends the message back."""

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
"""With more added words, a message that a family sends back may contain a request of its own."""
MESSAGE_QUESTION_INTENTS = frozenset({None, "greeting_identity", "short_reply", "out_of_scope", "safety_rumor"})
"""The intents that "hello, is this true?" may be classified as. Any other intent is a request of its own."""


@dataclass(frozen=True)
class CodeVerification:
    """What Puente knows about a code."""

    verdict: Verdict
    announcement: Announcement | None = None


def look_up_code(runtime: Runtime, code: str, current_time: datetime | None = None) -> CodeVerification:
    """Look up a code. A code that was not sent yet counts as unknown, so that nothing leaks before its send time."""
    with runtime.database.read() as db:
        announcement = announcements.find_by_code(db, code) if len(code) == CODE_LENGTH else None
    if announcement is None or announcement.started_at is None:
        return CodeVerification("not_genuine")
    if announcement.state == "stopped":
        return CodeVerification("genuine_stopped", announcement)
    if announcement.until <= (current_time or now()):
        return CodeVerification("genuine_over", announcement)
    return CodeVerification("genuine", announcement)


def run_command(request: CommandRequest, code: str) -> str | None:
    """Answer "CHECK K7Q2MX", or a message of ours that is sent back; None leaves it to the conversation.

    An emergency in the sender's own words is never taken for a question about a message. Raises `SQLAlchemyError` if
    the database is away.
    """
    runtime, message = request.runtime, request.message
    code_verification = None
    if code:
        code_verification = look_up_code(runtime, code)
    is_sent_back = bool(LINK_CODE_PATTERN.search(message.text))
    if code_verification and is_sent_back and _has_other_content(runtime, message.text, code_verification):
        return None
    language = _choose_language(runtime, message)
    library = get_localized_library(runtime, language)
    if code_verification is None:
        return render_fixed_text(library, language, "check_how", {"example": EXAMPLE_CHECK_COMMAND})
    return describe_verdict(runtime, library, language, code_verification)


def describe_verdict(runtime: Runtime, library: Library, language: str, verification: CodeVerification) -> str:
    """Return the answer about a code in this language, with the text of a genuine message."""
    announcement = verification.announcement
    if announcement is None or announcement.started_at is None:
        return render_fixed_text(library, language, "not_genuine", {})
    sent_at = dates.format_moment(library.district.to_local_time(announcement.started_at), language)
    verdict: TextId = verification.verdict
    answer = render_fixed_text(library, language, verdict, {"when": sent_at})
    if verification.verdict != "genuine":
        return answer
    return f"{answer}\n\n{render_public_text(runtime, library, announcement, language)}"


def render_public_text(runtime: Runtime, library: Library, announcement: Announcement, language: str) -> str:
    """Return the text in this language if it is approved or was sent with the notice. If not, return English."""
    with runtime.database.read() as db:
        wording = find_current_translation(db, announcement, language)
    mark = get_translation_mark(language, wording)
    if mark and not (mark == "machine" and announcement.unapproved == "machine"):
        return render_text(library, announcement, "en", None)
    return render_text(library, announcement, language, wording)


def _has_other_content(runtime: Runtime, text: str, verification: CodeVerification) -> bool:
    """Return whether a message that was sent back also contains a request of its own, or an emergency.

    Examples: "… my child is sick today", "stop sending me this".
    """
    added_words = _extract_added_words(runtime, text, verification.announcement)
    understanding = understand_text(runtime.library, NormalizedText(added_words), None)
    if understanding.severity == "escalate_now":
        return True
    return len(added_words.split()) > MAX_ADDED_WORDS and understanding.intent not in MESSAGE_QUESTION_INTENTS


def _extract_added_words(runtime: Runtime, text: str, announcement: Announcement | None) -> str:
    """Return the text without the sentences of the announcement in any language."""
    remaining = " ".join(LINK_PATTERN.sub(" ", text).split())
    if announcement is None:
        return remaining
    for sentence in _list_sent_sentences(runtime, announcement):
        remaining = re.sub(re.escape(sentence), " ", remaining, flags=re.IGNORECASE)
    return " ".join(remaining.split())


def _list_sent_sentences(runtime: Runtime, announcement: Announcement) -> list[str]:
    """Return the lines and sentences of the announcement in every language, the longest first."""
    library, base = runtime.library, runtime.settings.public_base
    with runtime.database.read() as db:
        by_language = load_current_translations(db, announcement)
    bodies = [
        compose_body(library, announcement, language, by_language.get(language), base)
        for language in (*library.district.languages, *by_language)
    ]
    lines = {LINK_PATTERN.sub("", line).strip() for body in bodies for line in body.splitlines()}
    sentences = {part.english.strip() for line in lines for part in split_sentences(line)}
    return sorted((text for text in lines | sentences if len(text) > 1), key=len, reverse=True)


def _choose_language(runtime: Runtime, inbound: InboundMessage) -> str:
    with runtime.database.read() as db:
        contact = contacts.find(db, inbound.address)
    if contact and contact.language:
        return contact.language
    understanding = understand_text(runtime.library, inbound.normalized_text, None)
    is_sure = (
        understanding.lang in runtime.library.district.languages
        and understanding.lang_confidence >= MIN_LANGUAGE_CONFIDENCE
    )
    if is_sure and understanding.lang:
        return understanding.lang
    return "en"
