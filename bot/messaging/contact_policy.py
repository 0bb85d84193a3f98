"""The one gate: may this contact be written to, and where?"""

from dataclasses import dataclass

from redis import RedisError

from bot.base.phone_numbers import is_high_cost_number
from bot.content.catalog import SOURCE_LANGUAGE
from bot.runtime import Runtime
from bot.speech.twilio_voices import TWILIO_VOICES
from bot.store.cases.deliveries import DeliveryTransport
from bot.store.families import contacts
from bot.store.families.contacts import Contact


@dataclass(frozen=True)
class DeliveryRoute:
    """Where a message of ours may go; `address` None with the reason why it may not."""

    address: str | None
    reason: str = ""
    template: str = ""

    @property
    def transport(self) -> DeliveryTransport:
        """`call` for a contact whose channel is the telephone, else `text`."""
        return "call" if (self.address or "").startswith("voice:") else "text"


def find_delivery_route(runtime: Runtime, contact: Contact, kind: str = "") -> DeliveryRoute:
    """The address for a message that the contact did not just ask for; for its `kind` there may be a template.

    Nobody who stopped is written to.  WhatsApp takes a free text only within 24 hours of the contact's last message
    (twilio.md, section 3); after that as an approved template, if the district has one for this kind and language;
    else, and where WhatsApp is off, by SMS, if the contact has a number and we have an SMS sender.
    """
    with runtime.database.read() as db:
        if contacts.is_any_opted_out(db, contact):
            return DeliveryRoute(None, "stopped")
    if is_high_cost_number(contact.address):
        return DeliveryRoute(None, "somebody earns with what is sent there")
    is_whatsapp_enabled = "whatsapp" in runtime.library.district.channels
    if contact.channel == "voice":
        return _find_phone_route(runtime, contact)
    if contact.channel != "whatsapp" or (is_whatsapp_enabled and _is_window_open(runtime, contact)):
        return DeliveryRoute(contact.address)
    template = runtime.library.district.templates.get(kind, {}).get(contact.language or "en", "")
    if is_whatsapp_enabled and template:
        return DeliveryRoute(contact.address, template=template)
    number = contact.address.removeprefix("whatsapp:")
    if number.startswith("+") and can_send_sms(runtime) and not is_high_cost_number(number):
        return DeliveryRoute(number)
    return DeliveryRoute(None, "not by WhatsApp now, and no SMS")


def _find_phone_route(runtime: Runtime, contact: Contact) -> DeliveryRoute:
    """A call; where no machine speaks the family's language a text: a call that says nothing would count as heard."""
    number = contact.address.removeprefix("voice:")
    if not number.startswith("+"):
        return DeliveryRoute(None, "called with a hidden number")
    if (contact.language or SOURCE_LANGUAGE) in TWILIO_VOICES:
        return DeliveryRoute(contact.address)
    return (
        DeliveryRoute(number)
        if can_send_sms(runtime)
        else DeliveryRoute(None, "nothing reads its language aloud, and no SMS")
    )


def can_send_sms(runtime: Runtime) -> bool:
    """Whether an SMS sender is set (the simulator always has one)."""
    settings = runtime.settings
    return not settings.is_live or bool(settings.twilio_sms_from or settings.twilio_messaging_service_sid)


def can_call(runtime: Runtime) -> bool:
    """Whether there is a number that can call: a short code cannot (the simulator always can)."""
    settings = runtime.settings
    return not settings.is_live or settings.twilio_sms_from.startswith("+")


def _is_window_open(runtime: Runtime, contact: Contact) -> bool:
    try:
        return runtime.conversations.is_window_open(runtime.compute_lookup_hash(contact.address))
    except RedisError:
        return False  # unknown: then the way that certainly arrives
