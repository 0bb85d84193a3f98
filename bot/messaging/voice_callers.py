"""Send a text to a caller who has just asked for it."""

from bot.base.database import now
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.runtime import Runtime
from bot.store.cases import deliveries
from bot.store.families import contacts


def send_text_to_caller(runtime: Runtime, number: str, body: str, cause: str) -> bool:
    """Plan the text, once for each `cause` (32 characters). Return False for a caller who has opted out."""
    current_time = now()
    with runtime.database.write() as db:
        contact = contacts.add(db, number, "sms", current_time)
        if contacts.is_any_opted_out(db, contact):
            return False
        target: dict[str, object] = {"contact_id": contact.id, "id": cause}
        delivery_id = deliveries.plan_notice(db, target, body, current_time)
    enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery_id)
    return True
