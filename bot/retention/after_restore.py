"""After a restore: what the backup believes unsent may have left since, and no list of Twilio's can tell (words are
deleted there after an hour).  So nothing that waits for families leaves by itself: a person decides.

Pages of staff are left alone: an emergency that is alerted twice is better than one that nobody hears of.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.cases import staff_conversation
from bot.meetings import reminders as meetings_reminders
from bot.runtime import Services
from bot.store import audit_log
from bot.store.announcements import announcements
from bot.store.cases import deliveries
from bot.store.families import follow_ups

WHY = "the database was restored"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Held:
    """What does not leave any more by itself: rows of texts, follow-ups and reminders of gatherings whose hour has
    come, announcements.

    `coming`: announcements that were released and leave at their hour; whether they have, a person must know.
    """

    texts: int
    follow_ups: int
    reminders: int
    paused: tuple[int, ...]
    coming: tuple[int, ...]


def hold(services: Services, by: str) -> Held:
    """Hold all that waits for families, in one transaction, before the workers start; safe to be run twice."""
    at = now()
    with services.database.write() as db:
        texts = deliveries.hold_family_deliveries(db)
        dropped = follow_ups.drop_due(db, at)
        reminders = meetings_reminders.mark_due_as_sent(services, db, at)
        paused = _pause(db, by, at)
        coming = tuple(one.id for one in announcements.list_by_state(db, "ready", "freezing"))
    for delivery_id in texts:
        staff_conversation.handle_undelivered_message(
            services, delivery_id
        )  # who wrote it by hand is told; of others it does nothing
    log.info("held after a restore: deliveries=%s follow_ups=%s", len(texts), dropped)
    return Held(len(texts), dropped, reminders, paused, coming)


def _pause(db: Connection, by: str, at: datetime) -> tuple[int, ...]:
    paused = [one.id for one in announcements.list_by_state(db, "sending")]
    for number in paused:
        announcements.change_state(db, number, ["sending"], "paused", why_paused=WHY)
        audit_log.record(db, by, "paused an announcement", f"announcement {number}", at, WHY)
    return tuple(paused)
