"""The one gate: may this contact be written to, and where?"""

from dataclasses import dataclass

from redis import RedisError

from bot.content.catalog import SOURCE_LANGUAGE
from bot.messaging.rate_limits import too_dear
from bot.runtime import Services
from bot.speech.twilio_voices import VOICES
from bot.store.families import contacts
from bot.store.families.contacts import Contact


@dataclass(frozen=True)
class Way:
    """Where a message of ours may go; `address` None with the reason why it may not."""

    address: str | None
    reason: str = ""
    template: str = ""

    @property
    def means(self) -> str:
        """`call` for a contact whose channel is the telephone, else `text`."""
        return "call" if (self.address or "").startswith("voice:") else "text"


def way_to(services: Services, contact: Contact, kind: str = "") -> Way:
    """The address for a message that the contact did not just ask for; for its `kind` there may be a template.

    Nobody who stopped is written to.  WhatsApp takes a free text only within 24 hours of the contact's last message
    (twilio.md, section 3); after that as an approved template, if the district has one for this kind and language;
    else, and where WhatsApp is off, by SMS, if the contact has a number and we have an SMS sender.
    """
    with services.database.read() as db:
        if contacts.is_any_opted_out(db, contact):
            return Way(None, "stopped")
    if too_dear(contact.address):
        return Way(None, "somebody earns with what is sent there")
    whatsapp = "whatsapp" in services.library.district.channels
    if contact.channel == "voice":
        return _by_telephone(services, contact)
    if contact.channel != "whatsapp" or (whatsapp and _window_open(services, contact)):
        return Way(contact.address)
    template = services.library.district.templates.get(kind, {}).get(contact.language or "en", "")
    if whatsapp and template:
        return Way(contact.address, template=template)
    number = contact.address.removeprefix("whatsapp:")
    if number.startswith("+") and can_send_sms(services) and not too_dear(number):
        return Way(number)
    return Way(None, "not by WhatsApp now, and no SMS")


def _by_telephone(services: Services, contact: Contact) -> Way:
    """A call; where no machine speaks the family's language a text: a call that says nothing would count as heard."""
    number = contact.address.removeprefix("voice:")
    if not number.startswith("+"):
        return Way(None, "called with a hidden number")
    if (contact.language or SOURCE_LANGUAGE) in VOICES:
        return Way(contact.address)
    return Way(number) if can_send_sms(services) else Way(None, "nothing reads its language aloud, and no SMS")


def can_send_sms(services: Services) -> bool:
    """Whether an SMS sender is set (the simulator always has one)."""
    settings = services.settings
    return not settings.live or bool(settings.twilio_sms_from or settings.twilio_messaging_service_sid)


def can_call(services: Services) -> bool:
    """Whether there is a number that can call: a short code cannot (the simulator always can)."""
    settings = services.settings
    return not settings.live or settings.twilio_sms_from.startswith("+")


def _window_open(services: Services, contact: Contact) -> bool:
    try:
        return services.conversations.is_window_open(services.family(contact.address))
    except RedisError:
        return False  # unknown: then the way that certainly arrives
