"""Lists for staff: one's own alerts, interpreters who are wanted, phrases whose translation a person has approved."""

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
    """What was sent to me in the last 30 days, and whether it arrived."""
    with get_runtime().database.read() as db:
        found = (
            case_stats.list_staff_alerts(db, current_user.staff, now() - ALERT_LOOKBACK, MAX_ALERTS_SHOWN)
            if current_user.staff
            else []
        )
        seen = _filter_visible_cases(db, {one.case_id for one in found if one.case_id is not None})
    return render_template(
        "console/alerts.html", alerts=found, seen=seen, kinds=STAFF_TEXT_KIND_LABELS, states=STAFF_TEXT_STATE_LABELS
    )


@console.get("/interpreters", endpoint="interpreters")
@allow_roles(STAFF)
def interpreters_page() -> str:
    """Requests that nobody has booked; when it is wanted is read only by who may see the case."""
    runtime = get_runtime()
    with runtime.database.read() as db:
        wanted = interpreter_requests.list_open(db)
        seen = _filter_visible_cases(db, {one.case_id for one in wanted})
    names = {one.asked_by: get_staff_name(runtime, one.asked_by) for one in wanted}
    return render_template(
        "console/interpreters.html",
        wanted=wanted,
        seen=seen,
        names=names,
        how=INTERPRETING_MODE_LABELS,
        whom=WANTED_INTERPRETER_LABELS,
    )


@console.post("/interpreters")
@allow_roles(STAFF)
def book_interpreter() -> ResponseReturnValue:
    """Somebody was found: the request leaves the list."""
    here, at, number = get_runtime(), now(), request.form.get("id", type=int)
    with here.database.write() as db:
        open_ones = interpreter_requests.list_open(db)
        wanted = next((one for one in open_ones if one.id == number), None)
        if wanted is not None and not (
            _is_coordinator() or wanted.case_id in _filter_visible_cases(db, {wanted.case_id})
        ):
            abort(403, _("Only the coordinator or people who can open the case can mark it as booked."))
        if wanted is not None and interpreter_requests.book(db, wanted.id, current_user.by, at):
            audit_log.record(db, current_user.by, "booked an interpreter", f"case {wanted.case_id}", at)
    return redirect(url_for("console.interpreters"))


@console.get("/phrases", endpoint="phrases")
@allow_roles(STAFF)
def phrases_page() -> str:
    """The phrases by language: their translation is used before any machine's."""
    with get_runtime().database.read() as db:
        found = approved_phrases.list_all(db)
    names = {one.approved_by: get_staff_name(get_runtime(), one.approved_by) for one in found}
    return render_template("console/phrases.html", phrases=found, names=names)


@console.post("/phrases")
@allow_roles(STAFF)
def remove_phrase() -> ResponseReturnValue:
    """Take one off the list: from now on a machine translates it."""
    source, target, original = (request.form.get(name, "") for name in ("source", "target", "original"))
    at = now()
    with get_runtime().database.write() as db:
        if approved_phrases.find(db, source, target, original) is None:
            abort(404, _("This phrase is no longer on the list."))
        approved_phrases.remove(db, source, target, original)
        audit_log.record(db, current_user.by, "removed a phrase", f"phrases {source} {target}"[:64], at)
    return redirect(url_for("console.phrases"))


def _is_coordinator() -> bool:
    """Whether who is logged in is asked for interpreters."""
    return current_user.role in SEE_ALL_ROLES or INTERPRETER_COORDINATOR_ROLE in find_on_call_roles(
        get_runtime().library.district, current_user.staff
    )


def _filter_visible_cases(db: Transaction, case_ids: set[int]) -> frozenset[int]:
    """Those of these cases that this person may see."""
    found = (cases.find(db, number) for number in case_ids)
    return frozenset(one.id for one in found if one is not None and can_see_case(current_user, one))
