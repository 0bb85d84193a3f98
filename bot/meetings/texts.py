"""What families are told of a gathering, in their language: by text, on its page, in the calendar file."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from bot.base.language_names import get_own_name
from bot.content import dates
from bot.content.texts import TextId
from bot.flows.effects import Notice
from bot.messaging.catalog_drafts import library_for
from bot.messaging.placeholder_values import readable
from bot.messaging.reply_composer import Composer
from bot.runtime import Services
from bot.store.families import sent_texts
from bot.store.meetings.meetings import Meeting

MEETING_SOURCE_LANGUAGE = "en"


def get_page_url(services: Services, meeting: Meeting) -> str:
    """Where everything about it stands."""
    return f"{services.settings.public_base}/g/{meeting.code}"


def list_joining_texts(meeting: Meeting) -> list[TextId]:
    """The texts that say how to take part."""
    if not meeting.link:
        return ["gathering_place"]
    online: list[TextId] = ["gathering_online"]
    return [*online, "gathering_dial_in_code" if meeting.dial_code else "gathering_dial_in"]


def build_composer(services: Services, meeting: Meeting, language: str, at: datetime, people: int = 1) -> Composer:
    """Who writes about this gathering, with its values filled in."""
    library, district = library_for(services, language or MEETING_SOURCE_LANGUAGE), services.library.district
    values = {
        "when": dates.format_moment(district.to_local_time(meeting.starts_at), language or MEETING_SOURCE_LANGUAGE),
        "join_link": meeting.link,
        "dial_in": readable(meeting.dial_in),
        "dial_code": meeting.dial_code,
        "place": meeting.place,
        "page": get_page_url(services, meeting),
        "calendar": f"{get_page_url(services, meeting)}.ics",
        "code": meeting.code,
        "people": str(people),
    }
    return Composer(library, language or MEETING_SOURCE_LANGUAGE, at, extra=values)


def compose_text(
    services: Services, db: Connection, contact_id: int, text_composer: Composer, texts: Sequence[TextId], language: str
) -> str:
    """These texts, one under the other, and what was said is noted (a wrong translation is corrected later).

    Whose language nobody knows gets the names of the languages: writing one is enough.
    """
    body = text_composer.compose([Notice(one) for one in texts])
    sent_texts.record(db, contact_id, text_composer.said, [], text_composer.at)
    if language:
        return body
    names = ", ".join(get_own_name(one) for one in services.library.district.languages)
    return f"{body}\n\n🌐 {names}"
