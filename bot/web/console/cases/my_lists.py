"""Lists for staff: their own alerts, open interpreter requests, and approved phrases."""

from datetime import timedelta

from flask import abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import Transaction, now
from bot.cases.interpreter_requests import INTERPRETER_COORDINATOR_ROLE
from bot.store import audit_log
from bot.store.announcements import approved_phrases
from bot.store.cases import case_stats, cases, interpreter_requests
from bot.web.console.core.case_view import get_staff_name
from bot.web.console.core.console_i18n import N_, _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import SEE_ALL_ROLES, STAFF, allow_roles, can_see_case, find_on_call_roles
from bot.web.core.current_runtime import get_runtime

ALERT_LOOKBACK, MAX_ALERTS_SHOWN = timedelta(days=30), 200
STAFF_TEXT_KIND_LABELS = {
    "alert": N_("New case"),
    "notice": N_("Case update"),
    "reminder": N_("Content to review"),
}
INTERPRETING_MODE_LABELS = {"in person": N_("in person"), "phone": N_("by phone"), "video": N_("by video")}
WANTED_INTERPRETER_LABELS = {"trained": N_("a trained interpreter"), "bilingual": N_("a bilingual colleague")}
STAFF_TEXT_STATE_LABELS = {
    "waiting": N_("Scheduled"),
    "claimed": N_("Sending"),
    "unknown": N_("Checking the delivery status"),
    "held": N_("Not sent because this phone can't be reached now"),
    "queued": N_("Sending"),
    "accepted": N_("Sending"),
    "scheduled": N_("Sending"),
    "sending": N_("Sending"),
    "sent": N_("Sent"),
    "delivered": N_("Delivered"),
    "read": N_("Read"),
    "undelivered": N_("Not delivered"),
    "failed": N_("Not delivered"),
    "canceled": N_("Not sent because another person claimed the case"),
}


@console.get("/alerts")
@allow_roles(STAFF)
def my_alerts() -> str:
    """Show the texts that the current user got in the last 30 days, with their delivery statuses."""
    alerts: list[case_stats.StaffAlert] = []
    visible: frozenset[int] = frozenset()
    if current_user.staff:
        with get_runtime().database.read() as db:
            since = now() - ALERT_LOOKBACK
            alerts = case_stats.list_staff_alerts(db, current_user.staff, since, MAX_ALERTS_SHOWN)
            visible = _filter_visible_cases(db, {alert.case_id for alert in alerts if alert.case_id is not None})
    labels = {"kinds": STAFF_TEXT_KIND_LABELS, "states": STAFF_TEXT_STATE_LABELS}
    return render_template("console/alerts.html", alerts=alerts, seen=visible, **labels)


@console.get("/interpreters", endpoint="interpreters")
@allow_roles(STAFF)
def interpreters_page() -> str:
    """Show the open interpreter requests. Only people who can see the case see the requested time."""
    runtime = get_runtime()
    with runtime.database.read() as db:
        open_requests = interpreter_requests.list_open(db)
        visible = _filter_visible_cases(db, {item.case_id for item in open_requests})
    names = {item.asked_by: get_staff_name(runtime, item.asked_by) for item in open_requests}
    return render_template(
        "console/interpreters.html",
        wanted=open_requests,
        seen=visible,
        names=names,
        how=INTERPRETING_MODE_LABELS,
        whom=WANTED_INTERPRETER_LABELS,
    )


@console.post("/interpreters")
@allow_roles(STAFF)
def book_interpreter() -> ResponseReturnValue:
    """Mark an interpreter request as booked, which removes it from the list."""
    current_time, request_id = now(), request.form.get("id", type=int)
    with get_runtime().database.write() as db:
        open_requests = interpreter_requests.list_open(db)
        booking = next((item for item in open_requests if item.id == request_id), None)
        if booking is None:
            return redirect(url_for("console.interpreters"))
        if not _is_coordinator() and booking.case_id not in _filter_visible_cases(db, {booking.case_id}):
            abort(403, _("Only the coordinator or people who can open the case can mark it as booked."))
        if interpreter_requests.book(db, booking.id, current_user.by, current_time):
            audit_log.record(db, current_user.by, "booked an interpreter", f"case {booking.case_id}", current_time)
    return redirect(url_for("console.interpreters"))


@console.get("/phrases", endpoint="phrases")
@allow_roles(STAFF)
def phrases_page() -> str:
    """Show the approved phrases by language. Puente uses them before machine translation."""
    with get_runtime().database.read() as db:
        phrases = approved_phrases.list_all(db)
    names = {phrase.approved_by: get_staff_name(get_runtime(), phrase.approved_by) for phrase in phrases}
    return render_template("console/phrases.html", phrases=phrases, names=names)


@console.post("/phrases")
@allow_roles(STAFF)
def remove_phrase() -> ResponseReturnValue:
    """Remove a phrase. From then on, the machine translates it."""
    source, target, original = (request.form.get(name, "") for name in ("source", "target", "original"))
    with get_runtime().database.write() as db:
        if approved_phrases.find(db, source, target, original) is None:
            abort(404, _("This phrase is no longer on the list."))
        approved_phrases.remove(db, source, target, original)
        audit_log.record(db, current_user.by, "removed a phrase", f"phrases {source} {target}"[:64], now())
    return redirect(url_for("console.phrases"))


def _is_coordinator() -> bool:
    """Whether the current user books interpreters."""
    if current_user.role in SEE_ALL_ROLES:
        return True
    return INTERPRETER_COORDINATOR_ROLE in find_on_call_roles(get_runtime().library.district, current_user.staff)


def _filter_visible_cases(db: Transaction, case_ids: set[int]) -> frozenset[int]:
    """Return the IDs of the cases that the current user can see."""
    found_cases = (cases.find(db, case_id) for case_id in case_ids)
    return frozenset(case.id for case in found_cases if case is not None and can_see_case(current_user, case))
