"""Apply what Twilio reports about a message or a call.

Reports come late, twice, and in any order. A row only moves forward.
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
    """One status callback. `delivery_id` is Puente's own id from the callback URL (`?m=`)."""

    sid: str
    status: str
    delivery_id: str | None = None
    error_code: int | None = None
    reason: str = ""
    """For a call: who answered ("answered", "machine"), or why nobody did ("busy", "no answer")."""


def parse_report(form: Mapping[str, str], delivery_id: str | None) -> DeliveryReport | None:
    """Return the report in this form, or None for a status that Puente doesn't follow.

    A call's status is translated into the status of a text.
    """
    sid, status, reason = form.get("MessageSid", ""), form.get("MessageStatus", ""), ""
    if "CallSid" in form:
        sid, status = form["CallSid"], CALL_STATUSES.get(form.get("CallStatus", ""), "")
        reason = parse_call_reason(form)
    if not sid.isalnum() or DELIVERY_STATE_RANKS.get(status, 0) == 0 or "\0" in (delivery_id or ""):
        return None  # a value that the database rejects would block the whole batch of reports
    code = form.get("ErrorCode", "")
    error_code = int(code) if code.isdecimal() and len(code) < 9 else None
    return DeliveryReport(sid[:34], status, delivery_id, error_code, reason)


def parse_call_reason(form: Mapping[str, str]) -> str:
    """Return who answered a call, or why nobody did; "" if the request doesn't say."""
    answered_by = form.get("AnsweredBy", "")
    if answered_by.startswith(("machine", "fax")):
        return "machine"
    if answered_by:
        return "answered"
    return {"busy": "busy", "no-answer": "no answer"}.get(form.get("CallStatus", ""), "")


def record_report(runtime: Runtime, report: DeliveryReport) -> None:
    """Move the delivery forward. Drop a report for an unknown message.

    Reports about announcements wait in Redis and are written to the database in batches.

    Raises:
        RedisError: Redis is away. Then call `announcements.delivery_results.record_report` instead.
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
    """Count a call that a machine answered as not heard, whatever status Twilio reports."""
    is_unheard = report.reason == "machine" and delivery.transport == "call" and delivery.contact_id is not None
    return replace(report, status="undelivered") if is_unheard else report


def build_pending_receipt(report: DeliveryReport) -> delivery_reports.PendingReceipt:
    """Return the report of an announcement's message in the form that waits in Redis."""
    return delivery_reports.PendingReceipt(
        report.delivery_id, report.sid, report.status, report.error_code, report.reason
    )


def _handle_lost_delivery(runtime: Runtime, delivery: Delivery, code: int | None) -> None:
    log.warning("never arrived: delivery=%s kind=%s code=%s", delivery.id, delivery.kind, code)
    handle_failure(runtime, delivery, code)
    if delivery.kind == "alert" and delivery.case_id is not None and delivery.transport != "call":
        enqueue(runtime.redis, "urgent", ALERT_CASE_JOB, delivery.case_id)  # alert somebody else
