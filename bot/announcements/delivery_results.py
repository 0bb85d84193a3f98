"""What became of an announcement's messages: reports written down, SMS after WhatsApp, marked numbers, opt-outs."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from redis import RedisError

from bot.base.database import Transaction, now
from bot.base.queues import SEND_ANNOUNCEMENT_JOB, enqueue
from bot.runtime import Runtime
from bot.store.announcements import announcements, delivery_reports, recipients, resends
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.recipients import Recipient, RecipientChange
from bot.store.cases.deliveries import DELIVERY_STATE_RANKS
from bot.store.families import consent_events, contacts, families

REPORT_BATCH_SIZE = 1000
OPT_OUT_ERROR_CODES = frozenset({21610, 63033})
"""STOP to Twilio, and a block on WhatsApp: who has blocked us wants nothing from us (twilio.md, section 2)."""
NO_WHATSAPP_ERROR_CODES = frozenset({63003, 63024})
"""The number is not on WhatsApp (twilio.md, section 2)."""
BAD_NUMBER_ERROR_CODES = frozenset({21211, 21214, 21217, 21421, 21614, 30005, 30006})
"""Nobody has this number, or it gets no texts; 30003 (off) and 30008 (no reason) may pass."""
SMS_FALLBACK_ERROR_CODES = frozenset(
    {
        *NO_WHATSAPP_ERROR_CODES,
        63001,
        63007,
        63013,
        63015,
        63016,
        63018,
        63020,
        63021,
        63027,
        63028,
        63032,
        63038,
        63040,
        63041,
    }
    | {63042, 63049, 63051, 63062}
)
"""It did not arrive by WhatsApp, but may by SMS."""
LATE_FAILURE_WINDOW = timedelta(hours=48)
"""So long after the end a failure still leads to an SMS."""

log = logging.getLogger(__name__)


def record_pending_reports(runtime: Runtime) -> int:
    """Write down the reports that wait; how many.  Raises `redis.RedisError` while Redis is away."""
    taken = delivery_reports.take(runtime.redis, REPORT_BATCH_SIZE)
    if taken is None:
        return 0
    owner, found = taken
    at = now()
    if found:
        _record_reports(runtime, found, at)
    delivery_reports.remove_written(runtime.redis, owner, len(found))
    return len(found)


def record_report(runtime: Runtime, report: delivery_reports.PendingReceipt) -> None:
    """Write down one report, while Redis cannot keep it."""
    _record_reports(runtime, [report], now())


def _record_reports(runtime: Runtime, found: list[delivery_reports.PendingReceipt], at: datetime) -> None:
    with runtime.database.write() as db:
        failed = _apply_reports(db, found, at)
        apply_failures(runtime, db, failed, at)
    for announcement_id in {one.announcement_id for one in failed}:
        plan_retries(runtime, announcement_id, at)


def _apply_reports(db: Transaction, found: list[delivery_reports.PendingReceipt], at: datetime) -> list[Recipient]:
    """Rows moved forward; those that have just failed."""
    known = {one.id: one for one in recipients.get_many(db, {one.recipient for one in found if one.recipient})}
    mine = [one for one in found if one.recipient in known and known[one.recipient].sid in (None, one.sid)]
    mine.sort(key=lambda one: DELIVERY_STATE_RANKS.get(one.status, 0), reverse=True)
    newest = {one.recipient: one for one in reversed(mine) if DELIVERY_STATE_RANKS.get(one.status, 0) > 0}
    changes = [
        RecipientChange(one.recipient or "", one.status, at, one.sid, one.code, one.reason) for one in newest.values()
    ]
    recipients.apply_changes(db, changes, at)
    lost = [one.recipient for one in newest.values() if one.status in ("failed", "undelivered") and one.recipient]
    return [one for one in recipients.get_many(db, lost) if one.state in ("failed", "undelivered")]


def apply_failures(runtime: Runtime, db: Transaction, failed: Iterable[Recipient], at: datetime) -> None:
    """What Twilio's words about these rows mean for the families: opted out, not on WhatsApp, no such number."""
    for one in failed:
        if one.error_code in OPT_OUT_ERROR_CODES:
            _record_opt_out(runtime, db, one, at)
        elif one.error_code in NO_WHATSAPP_ERROR_CODES and one.channel == "whatsapp":
            families.mark_no_whatsapp(db, one.family_id, at)
        elif one.error_code in BAD_NUMBER_ERROR_CODES and one.channel == "sms":
            families.mark_bad_number(db, one.family_id, one.error_code, at)


def _record_opt_out(runtime: Runtime, db: Transaction, recipient: Recipient, at: datetime) -> None:
    """Twilio knew of a STOP before we did: ours must agree."""
    contact = contacts.get(db, recipient.contact_id)
    contacts.set_opted_out(db, contact.id, at)
    family = runtime.compute_lookup_hash(contact.address)
    consent_events.record(db, family, "stop", f"twilio {recipient.error_code}", recipient.id, at)
    try:
        runtime.conversations.discard(family)
    except RedisError as error:
        log.warning("conversation not forgotten: %s", type(error).__name__)


def plan_retries(runtime: Runtime, announcement_id: int, at: datetime) -> None:
    """What failed by WhatsApp goes by SMS, once; who could not be called is called again, in the end by SMS too.  An
    announcement that was done is sent on for it."""
    with runtime.database.write() as db:
        announcement = announcements.find(db, announcement_id)
        if announcement is None or not _can_retry(announcement, at):
            return
        by_text = "sms" in announcement.channels
        planned = resends.plan_call_retries(db, announcement_id, by_text, at)
        planned += resends.plan_resends(db, announcement_id, SMS_FALLBACK_ERROR_CODES, "sms", at) if by_text else 0
        if planned == 0:
            return
        reopened = announcements.change_state(db, announcement_id, ["done"], "sending", ended_at=None)
    if reopened:
        enqueue(runtime.redis, "bulk", SEND_ANNOUNCEMENT_JOB, announcement_id, 0)


def _can_retry(announcement: Announcement, at: datetime) -> bool:
    if announcement.state in ("stopped", "draft"):
        return False
    return announcement.ended_at is None or at - announcement.ended_at < LATE_FAILURE_WINDOW
