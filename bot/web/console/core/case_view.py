"""What the case page shows, as plain values: the talk, its translations, how far each text has come, the reply box."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from redis import RedisError

from bot.base.database import Transaction, now
from bot.base.language_names import RIGHT_TO_LEFT_LANGUAGES
from bot.cases import staff_conversation
from bot.channels.error_messages import (
    DELIVERY_STATE_LABELS,
    ERROR_EXPLANATIONS,
    FAILED_STATES,
    RETRYABLE_STATES,
    UNKNOWN_ERROR_EXPLANATION,
)
from bot.messaging.contact_policy import find_delivery_route
from bot.runtime import Runtime
from bot.store.cases import case_messages, deliveries
from bot.store.cases.case_messages import CaseMessage
from bot.store.families.contacts import Contact
from bot.web.console.core.console_i18n import N_, _, format_short_moment, language_name, moment

TRANSLATION_WARNING_TEXTS = {
    "numbers": N_("A number might differ."),
    "dates": N_("A day or time might differ."),
    "names": N_("A name might differ."),
    "negation": N_("A “not” might be missing or added."),
}


@dataclass(frozen=True)
class ChatBubble:
    """One thing said, ready to be shown; `language` is for the `lang` of the words, `rtl` for their direction."""

    message: CaseMessage
    who: str
    at: str
    arrived: str
    again: bool
    language: str
    to_language: str
    is_right_to_left: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class ReplyRoute:
    """How a text gets to the family now: `how` in words; `possible` False: no free text can be sent, `how` says why.

    `template`: then an approved WhatsApp template may ask the family to write ("we have a message for you").
    """

    possible: bool
    how: str
    template: bool = False


def list_chat_bubbles(runtime: Runtime, db: Transaction, case_id: int) -> list[ChatBubble]:
    """Everything said about a case that was not thrown away."""
    return [
        _build_chat_bubble(runtime, db, message)
        for message in case_messages.list_for_case(db, case_id)
        if message.state != "dropped"
    ]


def compute_chat_digest(bubbles: list[ChatBubble]) -> str:
    """Changes when anything of the talk does: the page asks for news by it."""
    states = [f"{one.message.id}:{one.message.state}:{one.message.translation}:{one.arrived}" for one in bubbles]
    return sha256("|".join(states).encode()).hexdigest()[:16]


def _build_chat_bubble(runtime: Runtime, db: Transaction, message: CaseMessage) -> ChatBubble:
    delivery = deliveries.find(db, message.delivery_id) if message.delivery_id else None
    return ChatBubble(
        message=message,
        who=_get_author_name(runtime, message),
        at=format_short_moment(message.at),
        arrived=describe_delivery(delivery.state, delivery.error_code) if delivery else "",
        again=bool(delivery and delivery.state in RETRYABLE_STATES),
        language=language_name(message.language),
        to_language=language_name(message.to_language) if message.to_language else "",
        is_right_to_left=message.language in RIGHT_TO_LEFT_LANGUAGES,
        warnings=tuple(
            _(TRANSLATION_WARNING_TEXTS[one]) for one in message.warnings if one in TRANSLATION_WARNING_TEXTS
        ),
    )


def describe_delivery(state: str, code: int | None) -> str:
    """How far a text has come; for one that failed, why and what the office can do."""
    if state in FAILED_STATES:
        return _("Not delivered. {why}", why=_(ERROR_EXPLANATIONS.get(code or 0, UNKNOWN_ERROR_EXPLANATION)))
    return _(DELIVERY_STATE_LABELS.get(state, state))


def _get_author_name(runtime: Runtime, message: CaseMessage) -> str:
    if message.author in ("staff", "note"):
        return get_staff_name(runtime, message.staff)
    return _("The family") if message.author == "family" else _("The automated helper")


def get_staff_name(runtime: Runtime, staff_id: str | None) -> str:
    """A member of staff by name; a login that is nobody of the district file by its own."""
    member = runtime.library.district.staff.get(staff_id or "")
    return member.name if member else (staff_id or "")


def format_age(at: datetime) -> str:
    """How long ago, in the largest unit that says enough."""
    minutes = max(0, int((now() - at).total_seconds() // 60))
    if minutes < 60:
        return _("{count} min", count=minutes)
    return _("{count} h", count=minutes // 60) if minutes < 48 * 60 else _("{count} days", count=minutes // 1440)


def find_reply_route(runtime: Runtime, contact: Contact) -> ReplyRoute:
    """What the reply box promises: it never takes a text that would silently fail."""
    if contact.opted_out_at:
        return ReplyRoute(False, _("The family opted out of texts (STOP). Call instead."))
    way = find_delivery_route(runtime, contact)
    if way.address is None:
        closed = _("WhatsApp is closed because the family last wrote more than 24 hours ago, and there is no SMS.")
        return ReplyRoute(
            False,
            closed,
            template=bool(find_delivery_route(runtime, contact, staff_conversation.WAITING_TEMPLATE).template),
        )
    if way.transport == "call":
        return ReplyRoute(True, _("Sent as a voice call in the daytime."))
    if not way.address.startswith("whatsapp:"):
        late = contact.channel == "whatsapp"
        return ReplyRoute(True, _("WhatsApp is closed, so your message is sent by SMS.") if late else _("Sent by SMS."))
    return ReplyRoute(
        True, _("Sent by WhatsApp until {time}, and then by SMS.", time=_format_window_end(runtime, contact))
    )


def _format_window_end(runtime: Runtime, contact: Contact) -> str:
    try:
        seconds = runtime.conversations.get_window_seconds(runtime.compute_lookup_hash(contact.address))
    except RedisError:
        seconds = 0
    return moment(now() + timedelta(seconds=seconds))
