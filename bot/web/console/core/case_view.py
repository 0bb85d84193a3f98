"""What the case page shows, as plain values: the talk, its translations, how far each text has come, the reply box."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from redis import RedisError
from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.base.language_names import RIGHT_TO_LEFT
from bot.cases import staff_conversation
from bot.channels.error_messages import FAILED, MAY_BE_SENT_AGAIN, STATES, UNKNOWN, WHY
from bot.messaging.contact_policy import way_to
from bot.runtime import Services
from bot.store.cases import case_messages, deliveries
from bot.store.cases.case_messages import CaseMessage
from bot.store.families.contacts import Contact
from bot.web.console.core.console_i18n import N_, _, language_name, moment, short_moment

WARNINGS = {
    "numbers": N_("A number may differ."),
    "dates": N_("A day or time may differ."),
    "names": N_("A name may differ."),
    "negation": N_("A “not” may be lost or added."),
}


@dataclass(frozen=True)
class Said:
    """One thing said, ready to be shown; `language` is for the `lang` of the words, `rtl` for their direction."""

    message: CaseMessage
    who: str
    at: str
    arrived: str
    again: bool
    language: str
    to_language: str
    rtl: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Reach:
    """How a text gets to the family now: `how` in words; `possible` False: no free text can be sent, `how` says why.

    `template`: then an approved WhatsApp template may ask the family to write ("we have a message for you").
    """

    possible: bool
    how: str
    template: bool = False


def talk_of(services: Services, db: Connection, case_id: int) -> list[Said]:
    """Everything said about a case that was not thrown away."""
    vault = services.database.vault
    return [
        _said(services, db, message)
        for message in case_messages.of_case(db, vault, case_id)
        if message.state != "dropped"
    ]


def digest(said: list[Said]) -> str:
    """Changes when anything of the talk does: the page asks for news by it."""
    states = [f"{one.message.id}:{one.message.state}:{one.message.translation}:{one.arrived}" for one in said]
    return sha256("|".join(states).encode()).hexdigest()[:16]


def _said(services: Services, db: Connection, message: CaseMessage) -> Said:
    delivery = deliveries.get(db, services.database.vault, message.delivery_id) if message.delivery_id else None
    return Said(
        message=message,
        who=_who(services, message),
        at=short_moment(message.at),
        arrived=how_far(delivery.state, delivery.error_code) if delivery else "",
        again=bool(delivery and delivery.state in MAY_BE_SENT_AGAIN),
        language=language_name(message.language),
        to_language=language_name(message.to_language) if message.to_language else "",
        rtl=message.language in RIGHT_TO_LEFT,
        warnings=tuple(_(WARNINGS[one]) for one in message.warnings if one in WARNINGS),
    )


def how_far(state: str, code: int | None) -> str:
    """How far a text has come; for one that failed, why and what the office can do."""
    if state in FAILED:
        return _("Did not arrive. {why}", why=_(WHY.get(code or 0, UNKNOWN)))
    return _(STATES.get(state, state))


def _who(services: Services, message: CaseMessage) -> str:
    if message.author in ("staff", "note"):
        return name_of(services, message.staff)
    return _("The family") if message.author == "family" else _("The automated helper")


def name_of(services: Services, staff: str | None) -> str:
    """A member of staff by name; a login that is nobody of the district file by its own."""
    member = services.library.district.staff.get(staff or "")
    return member.name if member else (staff or "")


def age(at: datetime) -> str:
    """How long ago, in the largest unit that says enough."""
    minutes = max(0, int((now() - at).total_seconds() // 60))
    if minutes < 60:
        return _("{count} min", count=minutes)
    return _("{count} h", count=minutes // 60) if minutes < 48 * 60 else _("{count} days", count=minutes // 1440)


def reach(services: Services, contact: Contact) -> Reach:
    """What the reply box promises: it never takes a text that would silently fail."""
    if contact.stopped_at:
        return Reach(False, _("The family wants no texts (STOP). Please call."))
    way = way_to(services, contact)
    if way.address is None:
        closed = _("WhatsApp is closed (the family last wrote more than 24 hours ago), and there is no SMS.")
        return Reach(False, closed, template=bool(way_to(services, contact, staff_conversation.KNOCK).template))
    if way.means == "call":
        return Reach(True, _("By a telephone call that reads it out, not at night."))
    if not way.address.startswith("whatsapp:"):
        late = contact.channel == "whatsapp"
        return Reach(True, _("WhatsApp is closed: your text goes by SMS.") if late else _("By SMS."))
    return Reach(True, _("By WhatsApp, open until {time}; after that by SMS.", time=_closes(services, contact)))


def _closes(services: Services, contact: Contact) -> str:
    try:
        seconds = services.conversations.window_seconds(services.family(contact.address))
    except RedisError:
        seconds = 0
    return moment(now() + timedelta(seconds=seconds))
