"""Build the texts about a meeting in a family's language, for SMS, the meeting's page, and the calendar file."""

from collections.abc import Sequence
from datetime import datetime

from bot.base.database import Transaction
from bot.base.language_names import get_own_name
from bot.content import dates
from bot.content.texts import TextId
from bot.flows.effects import Notice
from bot.messaging.catalog_drafts import get_localized_library
from bot.messaging.placeholder_values import format_phone
from bot.messaging.reply_composer import ReplyComposer
from bot.runtime import Runtime
from bot.store.families import sent_texts
from bot.store.meetings.meetings import Meeting

MEETING_SOURCE_LANGUAGE = "en"


def get_page_url(runtime: Runtime, meeting: Meeting) -> str:
    """Return the URL of the meeting's page."""
    return f"{runtime.settings.public_base}/g/{meeting.code}"


def list_joining_texts(meeting: Meeting) -> list[TextId]:
    """Return the texts that explain how to take part."""
    if not meeting.link:
        return ["gathering_place"]
    dial_in: TextId = "gathering_dial_in_code" if meeting.dial_code else "gathering_dial_in"
    return ["gathering_online", dial_in]


def build_composer(
    runtime: Runtime, meeting: Meeting, language: str, current_time: datetime, people: int = 1
) -> ReplyComposer:
    """Build a composer for texts about this meeting, with its values filled in. `language` may be ""."""
    language = language or MEETING_SOURCE_LANGUAGE
    library, district = get_localized_library(runtime, language), runtime.library.district
    values = {
        "when": dates.format_moment(district.to_local_time(meeting.starts_at), language),
        "join_link": meeting.link,
        "dial_in": format_phone(meeting.dial_in),
        "dial_code": meeting.dial_code,
        "place": meeting.place,
        "page": get_page_url(runtime, meeting),
        "calendar": f"{get_page_url(runtime, meeting)}.ics",
        "code": meeting.code,
        "people": str(people),
    }
    return ReplyComposer(library, language, current_time, extra_values=values)


def compose_text(
    runtime: Runtime,
    db: Transaction,
    contact_id: int,
    text_composer: ReplyComposer,
    texts: Sequence[TextId],
    language: str,
) -> str:
    """Compose these texts, one under the other, and record them so that a wrong translation can be corrected later.

    A family without a known language also gets the names of all languages, because one of them is a valid answer.
    """
    body = text_composer.compose([Notice(text) for text in texts])
    sent_texts.record(db, contact_id, text_composer.sent_text_keys, [], text_composer.now)
    if language:
        return body
    names = ", ".join(get_own_name(code) for code in runtime.library.district.languages)
    return f"{body}\n\n🌐 {names}"
