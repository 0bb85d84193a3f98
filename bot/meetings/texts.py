"""What families are told of a gathering, in their language: by text, on its page, in the calendar file."""

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
    """Where everything about it stands."""
    return f"{runtime.settings.public_base}/g/{meeting.code}"


def list_joining_texts(meeting: Meeting) -> list[TextId]:
    """The texts that say how to take part."""
    if not meeting.link:
        return ["gathering_place"]
    online: list[TextId] = ["gathering_online"]
    return [*online, "gathering_dial_in_code" if meeting.dial_code else "gathering_dial_in"]


def build_composer(runtime: Runtime, meeting: Meeting, language: str, at: datetime, people: int = 1) -> ReplyComposer:
    """Who writes about this gathering, with its values filled in."""
    library, district = get_localized_library(runtime, language or MEETING_SOURCE_LANGUAGE), runtime.library.district
    values = {
        "when": dates.format_moment(district.to_local_time(meeting.starts_at), language or MEETING_SOURCE_LANGUAGE),
        "join_link": meeting.link,
        "dial_in": format_phone(meeting.dial_in),
        "dial_code": meeting.dial_code,
        "place": meeting.place,
        "page": get_page_url(runtime, meeting),
        "calendar": f"{get_page_url(runtime, meeting)}.ics",
        "code": meeting.code,
        "people": str(people),
    }
    return ReplyComposer(library, language or MEETING_SOURCE_LANGUAGE, at, extra_values=values)


def compose_text(
    runtime: Runtime,
    db: Transaction,
    contact_id: int,
    text_composer: ReplyComposer,
    texts: Sequence[TextId],
    language: str,
) -> str:
    """These texts, one under the other, and what was said is noted (a wrong translation is corrected later).

    Whose language nobody knows gets the names of the languages: writing one is enough.
    """
    body = text_composer.compose([Notice(one) for one in texts])
    sent_texts.record(db, contact_id, text_composer.sent_text_keys, [], text_composer.now)
    if language:
        return body
    names = ", ".join(get_own_name(one) for one in runtime.library.district.languages)
    return f"{body}\n\n🌐 {names}"
