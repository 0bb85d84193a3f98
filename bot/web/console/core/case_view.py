"""The values that the case page shows: the conversation, its translations, delivery statuses, and the reply route."""

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
    """One message of the conversation with the texts to show. `again` says whether staff can resend it."""

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
    """How a text can reach the family now, explained in `how`. If it can't (`possible` is False), `how` explains why.

    `template` says whether a message template can ask the family to write first.
    """

    possible: bool
    how: str
    template: bool = False


def list_chat_bubbles(runtime: Runtime, db: Transaction, case_id: int) -> list[ChatBubble]:
    """Return the messages of a case without discarded drafts."""
    return [
        _build_chat_bubble(runtime, db, message)
        for message in case_messages.list_for_case(db, case_id)
        if message.state != "dropped"
    ]


def compute_chat_digest(bubbles: list[ChatBubble]) -> str:
    """Return a digest that changes with the conversation. The page polls with it."""
    states = []
    for bubble in bubbles:
        message = bubble.message
        states.append(f"{message.id}:{message.state}:{message.translation}:{bubble.arrived}")
    return sha256("|".join(states).encode()).hexdigest()[:16]


def _build_chat_bubble(runtime: Runtime, db: Transaction, message: CaseMessage) -> ChatBubble:
    delivery = deliveries.find(db, message.delivery_id) if message.delivery_id else None
    warnings = [_(TRANSLATION_WARNING_TEXTS[key]) for key in message.warnings if key in TRANSLATION_WARNING_TEXTS]
    return ChatBubble(
        message=message,
        who=_get_author_name(runtime, message),
        at=format_short_moment(message.at),
        arrived=describe_delivery(delivery.state, delivery.error_code) if delivery else "",
        again=bool(delivery and delivery.state in RETRYABLE_STATES),
        language=language_name(message.language),
        to_language=language_name(message.to_language) if message.to_language else "",
        is_right_to_left=message.language in RIGHT_TO_LEFT_LANGUAGES,
        warnings=tuple(warnings),
    )


def describe_delivery(state: str, code: int | None) -> str:
    """Describe the delivery status. For a failed delivery, explain why and what the office can do."""
    if state in FAILED_STATES:
        return _("Not delivered. {why}", why=_(ERROR_EXPLANATIONS.get(code or 0, UNKNOWN_ERROR_EXPLANATION)))
    return _(DELIVERY_STATE_LABELS.get(state, state))


def _get_author_name(runtime: Runtime, message: CaseMessage) -> str:
    if message.author in ("staff", "note"):
        return get_staff_name(runtime, message.staff)
    if message.author == "family":
        return _("The family")
    return _("The automated helper")


def get_staff_name(runtime: Runtime, staff_id: str | None) -> str:
    """Return the staff member's name. For an account outside the district file, return the account's name."""
    if member := runtime.library.district.staff.get(staff_id or ""):
        return member.name
    return staff_id or ""


def format_age(timestamp: datetime) -> str:
    """Return the age of a timestamp: in minutes up to 1 hour, in hours up to 48 hours, and then in days."""
    minutes = max(0, int((now() - timestamp).total_seconds() // 60))
    if minutes < 60:
        return _("{count} min", count=minutes)
    if minutes < 48 * 60:
        return _("{count} h", count=minutes // 60)
    return _("{count} days", count=minutes // 1440)


def find_reply_route(runtime: Runtime, contact: Contact) -> ReplyRoute:
    """Find the route for a reply, so that the reply box never accepts a text that can't be delivered."""
    if contact.opted_out_at:
        return ReplyRoute(False, _("The family opted out of texts (STOP). Call instead."))
    route = find_delivery_route(runtime, contact)
    if route.address is None:
        reason = _("WhatsApp is closed because the family last wrote more than 24 hours ago, and there is no SMS.")
        template = find_delivery_route(runtime, contact, staff_conversation.WAITING_TEMPLATE).template
        return ReplyRoute(False, reason, template=bool(template))
    if route.transport == "call":
        return ReplyRoute(True, _("Read aloud in a voice call, in the daytime."))
    if route.address.startswith("whatsapp:"):
        window_end = _format_window_end(runtime, contact)
        return ReplyRoute(True, _("Sent by WhatsApp until {time}, and then by SMS.", time=window_end))
    if contact.channel == "whatsapp":
        return ReplyRoute(True, _("WhatsApp is closed, so your message is sent by SMS."))
    return ReplyRoute(True, _("Sent by SMS."))


def _format_window_end(runtime: Runtime, contact: Contact) -> str:
    try:
        seconds = runtime.conversations.get_window_seconds(runtime.compute_lookup_hash(contact.address))
    except RedisError:
        seconds = 0
    return moment(now() + timedelta(seconds=seconds))
