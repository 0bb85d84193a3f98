"""Lists for staff: one's own alerts, interpreters who are wanted, phrases whose translation a person has approved."""

from datetime import timedelta

from flask import abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.cases.interpreter_requests import COORDINATOR
from bot.store import audit_log
from bot.store.announcements import approved_phrases
from bot.store.cases import case_stats, cases, interpreter_requests
from bot.web.console.core.case_view import name_of
from bot.web.console.core.console_i18n import N_, _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import SEE_ALL, STAFF, allowed, may_see, roles_of
from bot.web.core.current_runtime import services

BACK, ALERTS = timedelta(days=30), 200
KINDS = {
    "alert": N_("Somebody needs a person"),
    "notice": N_("News of a case"),
    "reminder": N_("Content to check"),
}
HOW = {"in person": N_("in person"), "phone": N_("by phone"), "video": N_("by video")}
WHOM = {"trained": N_("a trained interpreter"), "bilingual": N_("a bilingual colleague")}
STATES = {
    "waiting": N_("Waits for its time"),
    "claimed": N_("Is being sent"),
    "unknown": N_("We ask whether it was taken"),
    "held": N_("Not sent: this phone cannot be reached now"),
    "queued": N_("On its way"),
    "accepted": N_("On its way"),
    "scheduled": N_("On its way"),
    "sending": N_("On its way"),
    "sent": N_("Sent"),
    "delivered": N_("Arrived"),
    "read": N_("Read"),
    "undelivered": N_("Did not arrive"),
    "failed": N_("Did not arrive"),
    "canceled": N_("Not sent: somebody had taken the case"),
}


@console.get("/alerts")
@allowed(STAFF)
def my_alerts() -> str:
    """What was sent to me in the last 30 days, and whether it arrived."""
    with services().database.read() as db:
        found = case_stats.alerts_of(db, current_user.staff, now() - BACK, ALERTS) if current_user.staff else []
        seen = _seen(db, {one.case_id for one in found if one.case_id is not None})
    return render_template("console/alerts.html", alerts=found, seen=seen, kinds=KINDS, states=STATES)


@console.get("/interpreters", endpoint="interpreters")
@allowed(STAFF)
def interpreters_page() -> str:
    """Requests that nobody has booked; when it is wanted is read only by who may see the case."""
    here = services()
    with here.database.read() as db:
        wanted = interpreter_requests.open_ones(db, here.database.vault)
        seen = _seen(db, {one.case_id for one in wanted})
    names = {one.asked_by: name_of(here, one.asked_by) for one in wanted}
    return render_template("console/interpreters.html", wanted=wanted, seen=seen, names=names, how=HOW, whom=WHOM)


@console.post("/interpreters")
@allowed(STAFF)
def book_interpreter() -> ResponseReturnValue:
    """Somebody was found: the request leaves the list."""
    here, at, number = services(), now(), request.form.get("id", type=int)
    with here.database.write() as db:
        open_ones = interpreter_requests.open_ones(db, here.database.vault)
        wanted = next((one for one in open_ones if one.id == number), None)
        if wanted is not None and not (_coordinates() or wanted.case_id in _seen(db, {wanted.case_id})):
            abort(403, _("Only the coordinator, or who may see the case, can say that it is booked."))
        if wanted is not None and interpreter_requests.book(db, wanted.id, current_user.by, at):
            audit_log.record(db, current_user.by, "booked an interpreter", f"case {wanted.case_id}", at)
    return redirect(url_for("console.interpreters"))


@console.get("/phrases", endpoint="phrases")
@allowed(STAFF)
def phrases_page() -> str:
    """The phrases by language: their translation is used before any machine's."""
    with services().database.read() as db:
        found = approved_phrases.every(db)
    names = {one.approved_by: name_of(services(), one.approved_by) for one in found}
    return render_template("console/phrases.html", phrases=found, names=names)


@console.post("/phrases")
@allowed(STAFF)
def remove_phrase() -> ResponseReturnValue:
    """Take one off the list: from now on a machine translates it."""
    source, target, original = (request.form.get(name, "") for name in ("source", "target", "original"))
    at = now()
    with services().database.write() as db:
        if approved_phrases.find(db, source, target, original) is None:
            abort(404, _("This phrase is not on the list any more."))
        approved_phrases.remove(db, source, target, original)
        audit_log.record(db, current_user.by, "removed a phrase", f"phrases {source} {target}"[:64], at)
    return redirect(url_for("console.phrases"))


def _coordinates() -> bool:
    """Whether who is logged in is asked for interpreters."""
    return current_user.role in SEE_ALL or COORDINATOR in roles_of(services().library.district, current_user.staff)


def _seen(db: Connection, numbers: set[int]) -> frozenset[int]:
    """Those of these cases that this person may see."""
    found = (cases.find(db, services().database.vault, number) for number in numbers)
    return frozenset(one.id for one in found if one is not None and may_see(current_user, one))
