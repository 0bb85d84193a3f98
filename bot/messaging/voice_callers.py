"""A text for somebody who is on the telephone with us, and who has just asked for it."""

from bot.base.database import now
from bot.base.queues import DELIVER, enqueue
from bot.runtime import Services
from bot.store.cases import deliveries
from bot.store.families import contacts


def text_to(services: Services, number: str, body: str, cause: str) -> bool:
    """Plan the text, once for each `cause` (32 letters) however often it is asked for; False for who has stopped."""
    at, vault = now(), services.database.vault
    with services.database.write() as db:
        contact = contacts.add(db, vault, number, "sms", at)
        if contacts.is_any_opted_out(db, contact):
            return False
        about: dict[str, object] = {"contact_id": contact.id, "id": cause}
        delivery = deliveries.plan_notice(db, vault, about, body, at)
    enqueue(services.redis, "default", DELIVER, delivery)
    return True
