"""After a restore: what the backup believes unsent may have left since, and no list of Twilio's can tell (words are
deleted there after an hour).  So nothing that waits for families leaves by itself: a person decides.

Pages of staff are left alone: an emergency that is alerted twice is better than one that nobody hears of.
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
    """What does not leave any more by itself: rows of texts, follow-ups and reminders of gatherings whose hour has
    come, announcements.

    `coming`: announcements that were released and leave at their hour; whether they have, a person must know.
    """

    texts: int
    follow_ups: int
    reminders: int
    paused: tuple[int, ...]
    scheduled: tuple[int, ...]


def hold_family_messages(runtime: Runtime, by: str) -> HeldItems:
    """Hold all that waits for families, in one transaction, before the workers start; safe to be run twice."""
    current_time = now()
    with runtime.database.write() as db:
        texts = deliveries.hold_family_deliveries(db)
        dropped_count = follow_ups.drop_due(db, current_time)
        reminders = meetings_reminders.mark_due_as_sent(runtime, db, current_time)
        paused = _pause_announcements(db, by, current_time)
        scheduled = tuple(announcement.id for announcement in announcements.list_by_state(db, "ready", "freezing"))
    for delivery_id in texts:
        staff_conversation.handle_undelivered_message(
            runtime, delivery_id
        )  # who wrote it by hand is told; of others it does nothing
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
