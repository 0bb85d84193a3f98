"""After a restore, hold everything that waits for families until a person decides about it.

The backup may show messages as unsent that were sent later. Twilio's list cannot tell, because Puente deletes texts
there after an hour. Alerts for staff are not held: a duplicate alert is better than a missed emergency.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from bot.base.database import Transaction, now
from bot.cases import staff_conversation
from bot.meetings import reminders as meetings_reminders
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.announcements import announcements
from bot.store.cases import deliveries
from bot.store.families import follow_ups

RESTORE_REASON = "the database was restored"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HeldItems:
    """What is held: texts, due follow-ups, due meeting reminders, and announcements.

    `scheduled` are released announcements with a send time. A person must find out whether they were sent.
    """

    texts: int
    follow_ups: int
    reminders: int
    paused: tuple[int, ...]
    scheduled: tuple[int, ...]


def hold_family_messages(runtime: Runtime, by: str) -> HeldItems:
    """Hold all that waits for families in one transaction, before the workers start. Safe to repeat."""
    current_time = now()
    with runtime.database.write() as db:
        texts = deliveries.hold_family_deliveries(db)
        dropped_count = follow_ups.drop_due(db, current_time)
        reminders = meetings_reminders.mark_due_as_sent(runtime, db, current_time)
        paused = _pause_announcements(db, by, current_time)
        scheduled = tuple(announcement.id for announcement in announcements.list_by_state(db, "ready", "freezing"))
    for delivery_id in texts:
        # Notifies the staff member of a message written by hand, and does nothing for other messages.
        staff_conversation.handle_undelivered_message(runtime, delivery_id)
    log.info("held after a restore: deliveries=%s follow_ups=%s", len(texts), dropped_count)
    return HeldItems(len(texts), dropped_count, reminders, paused, scheduled)


def _pause_announcements(db: Transaction, by: str, current_time: datetime) -> tuple[int, ...]:
    paused = [announcement.id for announcement in announcements.list_by_state(db, "sending")]
    for announcement_id in paused:
        announcements.change_state(db, announcement_id, ["sending"], "paused", why_paused=RESTORE_REASON)
        audit_log.record(
            db, by, "paused an announcement", f"announcement {announcement_id}", current_time, RESTORE_REASON
        )
    return tuple(paused)
