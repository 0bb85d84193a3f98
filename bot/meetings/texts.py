"""What families are told of a gathering, in their language: by text, on its page, in the calendar file."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from bot.base.language_names import own_name
from bot.content import dates
from bot.content.texts import TextId
from bot.flows.effects import Notice
from bot.messaging.catalog_drafts import library_for
from bot.messaging.placeholder_values import readable
from bot.messaging.reply_composer import Composer
from bot.runtime import Services
from bot.store.families import sent_texts
from bot.store.meetings.meetings import Gathering

SOURCE = "en"


def page_of(services: Services, gathering: Gathering) -> str:
    """Where everything about it stands."""
    return f"{services.settings.public_base}/g/{gathering.code}"


def how_to_come(gathering: Gathering) -> list[TextId]:
    """The texts that say how to take part."""
    if not gathering.link:
        return ["gathering_place"]
    online: list[TextId] = ["gathering_online"]
    return [*online, "gathering_dial_in_code" if gathering.dial_code else "gathering_dial_in"]


def composer(services: Services, gathering: Gathering, language: str, at: datetime, people: int = 1) -> Composer:
    """Who writes about this gathering, with its values filled in."""
    library, district = library_for(services, language or SOURCE), services.library.district
    values = {
        "when": dates.moment(district.local(gathering.starts_at), language or SOURCE),
        "join_link": gathering.link,
        "dial_in": readable(gathering.dial_in),
        "dial_code": gathering.dial_code,
        "place": gathering.place,
        "page": page_of(services, gathering),
        "calendar": f"{page_of(services, gathering)}.ics",
        "code": gathering.code,
        "people": str(people),
    }
    return Composer(library, language or SOURCE, at, extra=values)


def say(
    services: Services, db: Connection, contact_id: int, made: Composer, texts: Sequence[TextId], language: str
) -> str:
    """These texts, one under the other, and what was said is noted (a wrong translation is corrected later).

    Whose language nobody knows gets the names of the languages: writing one is enough.
    """
    body = made.compose([Notice(one) for one in texts])
    sent_texts.record(db, contact_id, made.said, [], made.at)
    if language:
        return body
    names = ", ".join(own_name(one) for one in services.library.district.languages)
    return f"{body}\n\n🌐 {names}"
