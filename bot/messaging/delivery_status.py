"""What Twilio reports of a message or a call of ours.

Reports come late, twice and in any order; a row only moves forward.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.base.logs import trace_context
from bot.base.queues import ALERT_CASE_JOB, enqueue
from bot.channels.base import CALL_STATUSES
from bot.messaging.delivery import handle_failure
from bot.runtime import Runtime
from bot.store.announcements import delivery_reports, recipients
from bot.store.cases import deliveries
from bot.store.cases.deliveries import DELIVERY_STATE_RANKS, Delivery

FAILED_STATUSES = frozenset({"failed", "undelivered", "canceled"})

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeliveryReport:
    """One status callback.  `delivery_id` is our own id from the callback's address (`?m=`)."""

    sid: str
    status: str
    delivery_id: str | None = None
    error_code: int | None = None
    reason: str = ""
    """Of a call: who answered ("answered", "machine"), or why nobody did ("busy", "no answer")."""


def parse_report(form: Mapping[str, str], delivery_id: str | None) -> DeliveryReport | None:
    """The report in this form, of a call in the words of a text; None for one that says nothing we follow."""
    sid, status = form.get("MessageSid", ""), form.get("MessageStatus", "")
    if "CallSid" in form:
        sid, status = form["CallSid"], CALL_STATUSES.get(form.get("CallStatus", ""), "")
    reason = parse_call_reason(form) if "CallSid" in form else ""
    code = form.get("ErrorCode", "")
    if not sid.isalnum() or DELIVERY_STATE_RANKS.get(status, 0) == 0 or "\0" in (delivery_id or ""):
        return None  # one that no database takes would keep all that came with it from being written down
    return DeliveryReport(
        sid[:34], status, delivery_id, int(code) if code.isdecimal() and len(code) < 9 else None, reason
    )


def parse_call_reason(form: Mapping[str, str]) -> str:
    """What a request about a call says of who answered; "" if nothing."""
    if form.get("AnsweredBy"):
        return "machine" if form["AnsweredBy"].startswith(("machine", "fax")) else "answered"
    return {"busy": "busy", "no-answer": "no answer"}.get(form.get("CallStatus", ""), "")


def record_report(runtime: Runtime, report: DeliveryReport) -> None:
    """Move the delivery forward; a report for a message that we do not know is dropped.

    Those of announcements are kept in Redis and written down many at a time.  Raises RedisError while it is away
    (`announcements/outcomes.at_once` is for that).
    """
    if recipients.is_recipient_id(report.delivery_id):
        delivery_reports.add(runtime.redis, build_pending_receipt(report))
        return
    with runtime.database.write() as db:
        delivery_id = report.delivery_id or deliveries.find_id_by_sid(db, report.sid)
        delivery = deliveries.find(db, delivery_id) if delivery_id else None
        if delivery is None or (delivery.sid and delivery.sid != report.sid):
            log.info("report for no delivery of ours: sid=%s status=%s", report.sid, report.status)
            return
        report = _apply_machine_answer(report, delivery)
        has_advanced = deliveries.advance(db, delivery.id, report.status, report.sid, report.error_code)
    with trace_context(delivery.trace):
        log.info("reported: delivery=%s status=%s code=%s", delivery.id, report.status, report.error_code)
        if has_advanced and report.status in FAILED_STATUSES:
            _handle_lost_delivery(runtime, delivery, report.error_code)


def _apply_machine_answer(report: DeliveryReport, delivery: Delivery) -> DeliveryReport:
    """Count a call that a machine answered as not heard (`web/webhooks/outgoing_call`), whatever Twilio reports."""
    is_unheard = report.reason == "machine" and delivery.means == "call" and delivery.contact_id is not None
    return replace(report, status="undelivered") if is_unheard else report


def build_pending_receipt(report: DeliveryReport) -> delivery_reports.PendingReceipt:
    """The report of an announcement's message as it is kept until it is written down."""
    return delivery_reports.PendingReceipt(
        report.delivery_id, report.sid, report.status, report.error_code, report.reason
    )


def _handle_lost_delivery(runtime: Runtime, delivery: Delivery, code: int | None) -> None:
    log.warning("never arrived: delivery=%s kind=%s code=%s", delivery.id, delivery.kind, code)
    handle_failure(runtime, delivery, code)
    if delivery.kind == "alert" and delivery.case_id is not None and delivery.means != "call":
        enqueue(runtime.redis, "urgent", ALERT_CASE_JOB, delivery.case_id)  # somebody else must be told
