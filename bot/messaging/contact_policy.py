"""Decide whether Puente may write to a contact, and at which address."""

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
    """The address of a message. If `address` is None, `reason` says why nothing may be sent."""

    address: str | None
    reason: str = ""
    template: str = ""

    @property
    def transport(self) -> DeliveryTransport:
        """Return `call` for a contact on the phone channel, else `text`."""
        return "call" if (self.address or "").startswith("voice:") else "text"


def find_delivery_route(runtime: Runtime, contact: Contact, kind: str = "") -> DeliveryRoute:
    """Return the address for a message that the contact did not just ask for.

    A family that opted out gets nothing. WhatsApp accepts free text only within 24 hours of the contact's last message
    (twilio.md, section 3). After that, use the district's approved template for this `kind` and language. Without a
    template, or if the district doesn't use WhatsApp, fall back to SMS.
    """
    with runtime.database.read() as db:
        if contacts.is_any_opted_out(db, contact):
            return DeliveryRoute(None, "stopped")
    if is_high_cost_number(contact.address):
        return DeliveryRoute(None, "this is a high-cost number")
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
    return DeliveryRoute(None, "WhatsApp is closed now, and SMS is not available")


def _find_phone_route(runtime: Runtime, contact: Contact) -> DeliveryRoute:
    """Return a call, or a text where no voice speaks the language. A call without words would count as heard."""
    number = contact.address.removeprefix("voice:")
    if not number.startswith("+"):
        return DeliveryRoute(None, "the caller hid the number")
    if (contact.language or SOURCE_LANGUAGE) in TWILIO_VOICES:
        return DeliveryRoute(contact.address)
    if can_send_sms(runtime):
        return DeliveryRoute(number)
    return DeliveryRoute(None, "no voice speaks its language, and SMS is not available")


def can_send_sms(runtime: Runtime) -> bool:
    """Say whether an SMS sender is configured. The simulator always has one."""
    settings = runtime.settings
    return not settings.is_live or bool(settings.twilio_sms_from or settings.twilio_messaging_service_sid)


def can_call(runtime: Runtime) -> bool:
    """Say whether a number is configured that can call. A short code can't. The simulator always can."""
    settings = runtime.settings
    return not settings.is_live or settings.twilio_sms_from.startswith("+")


def _is_window_open(runtime: Runtime, contact: Contact) -> bool:
    try:
        return runtime.conversations.is_window_open(runtime.compute_lookup_hash(contact.address))
    except RedisError:
        return False  # unknown, so use the route that certainly arrives
