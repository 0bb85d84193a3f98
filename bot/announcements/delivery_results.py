"""Process the results of an announcement's messages: delivery reports, SMS after WhatsApp, bad numbers, opt-outs."""

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
"""STOP at Twilio, and a block on WhatsApp. A blocked sender counts as an opt-out (twilio.md, section 2)."""
NO_WHATSAPP_ERROR_CODES = frozenset({63003, 63024})
"""The number is not on WhatsApp (twilio.md, section 2)."""
BAD_NUMBER_ERROR_CODES = frozenset({21211, 21214, 21217, 21421, 21614, 30005, 30006})
"""The number does not exist, or it gets no texts. 30003 (off) and 30008 (no reason) may be temporary."""
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
"""The message did not arrive by WhatsApp, but may arrive by SMS."""
LATE_FAILURE_WINDOW = timedelta(hours=48)
"""How long after the end a failure still causes an SMS."""

log = logging.getLogger(__name__)


def record_pending_reports(runtime: Runtime) -> int:
    """Save the waiting delivery reports, and return how many. Raises `redis.RedisError` while Redis is away."""
    taken = delivery_reports.take(runtime.redis, REPORT_BATCH_SIZE)
    if taken is None:
        return 0
    owner, reports = taken
    if reports:
        _record_reports(runtime, reports, now())
    delivery_reports.remove_written(runtime.redis, owner, len(reports))
    return len(reports)


def record_report(runtime: Runtime, report: delivery_reports.PendingReceipt) -> None:
    """Save one delivery report directly, while Redis cannot store it."""
    _record_reports(runtime, [report], now())


def _record_reports(runtime: Runtime, reports: list[delivery_reports.PendingReceipt], current_time: datetime) -> None:
    with runtime.database.write() as db:
        failed = _apply_reports(db, reports, current_time)
        apply_failures(runtime, db, failed, current_time)
    for announcement_id in {recipient.announcement_id for recipient in failed}:
        plan_retries(runtime, announcement_id, current_time)


def _apply_reports(
    db: Transaction, reports: list[delivery_reports.PendingReceipt], current_time: datetime
) -> list[Recipient]:
    """Update the rows of these reports, and return those that just failed."""
    recipient_ids = {report.recipient for report in reports if report.recipient}
    rows = {row.id: row for row in recipients.get_many(db, recipient_ids)}
    matching = [
        report for report in reports if report.recipient in rows and rows[report.recipient].sid in (None, report.sid)
    ]
    matching.sort(key=lambda report: DELIVERY_STATE_RANKS.get(report.status, 0), reverse=True)
    latest = {
        report.recipient: report for report in reversed(matching) if DELIVERY_STATE_RANKS.get(report.status, 0) > 0
    }
    changes = [
        RecipientChange(report.recipient or "", report.status, current_time, report.sid, report.code, report.reason)
        for report in latest.values()
    ]
    recipients.apply_changes(db, changes, current_time)
    failed_ids = [
        report.recipient
        for report in latest.values()
        if report.status in ("failed", "undelivered") and report.recipient
    ]
    return [row for row in recipients.get_many(db, failed_ids) if row.state in ("failed", "undelivered")]


def apply_failures(runtime: Runtime, db: Transaction, failed: Iterable[Recipient], current_time: datetime) -> None:
    """Update families after Twilio's error codes: an opt-out, a number without WhatsApp, or a bad number."""
    for recipient in failed:
        if recipient.error_code in OPT_OUT_ERROR_CODES:
            _record_opt_out(runtime, db, recipient, current_time)
        elif recipient.error_code in NO_WHATSAPP_ERROR_CODES and recipient.channel == "whatsapp":
            families.mark_no_whatsapp(db, recipient.family_id, current_time)
        elif recipient.error_code in BAD_NUMBER_ERROR_CODES and recipient.channel == "sms":
            families.mark_bad_number(db, recipient.family_id, recipient.error_code, current_time)


def _record_opt_out(runtime: Runtime, db: Transaction, recipient: Recipient, current_time: datetime) -> None:
    """Record an opt-out that Twilio saw before Puente did."""
    contact = contacts.get(db, recipient.contact_id)
    contacts.set_opted_out(db, contact.id, current_time)
    lookup_hash = runtime.compute_lookup_hash(contact.address)
    consent_events.record(db, lookup_hash, "stop", f"twilio {recipient.error_code}", recipient.id, current_time)
    try:
        runtime.conversations.discard(lookup_hash)
    except RedisError as error:
        log.warning("conversation not deleted: %s", type(error).__name__)


def plan_retries(runtime: Runtime, announcement_id: int, current_time: datetime) -> None:
    """Plan one SMS for each failed WhatsApp message, and new calls for unanswered ones, in the end an SMS too.

    Reopens an announcement that was done.
    """
    with runtime.database.write() as db:
        announcement = announcements.find(db, announcement_id)
        if announcement is None or not _can_retry(announcement, current_time):
            return
        has_sms = "sms" in announcement.channels
        planned = resends.plan_call_retries(db, announcement_id, has_sms, current_time)
        if has_sms:
            planned += resends.plan_resends(db, announcement_id, SMS_FALLBACK_ERROR_CODES, "sms", current_time)
        if planned == 0:
            return
        reopened = announcements.change_state(db, announcement_id, ["done"], "sending", ended_at=None)
    if reopened:
        enqueue(runtime.redis, "bulk", SEND_ANNOUNCEMENT_JOB, announcement_id, 0)


def _can_retry(announcement: Announcement, current_time: datetime) -> bool:
    if announcement.state in ("stopped", "draft"):
        return False
    return announcement.ended_at is None or current_time - announcement.ended_at < LATE_FAILURE_WINDOW
