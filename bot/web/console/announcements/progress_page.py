"""An announcement on its way: how it stands, pause, resume and stop, the failed once more, its replies, its report."""

from typing import Any

from flask import Response, abort, flash, redirect, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.announcements import launch, progress
from bot.announcements.progress import Watch
from bot.base.database import now
from bot.channels.error_messages import CALLED
from bot.store import audit_log
from bot.store.announcements.announcements import Announcement
from bot.store.cases import cases
from bot.store.cases.cases import Case
from bot.web.console.announcements.shared import CHANNELS, KINDS, STATES, may_release, of_id
from bot.web.console.core.case_view import age, name_of
from bot.web.console.core.console_i18n import N_, _
from bot.web.console.core.inbox import console, title
from bot.web.console.core.permissions import RECORDS, STAFF, allowed, may_see
from bot.web.core.current_runtime import services

MOVING = ("ready", "freezing", "sending")
"""States in which something happens every second; receipts come later too, so the page goes on asking, more slowly."""
REPLIES_LOOKED_AT = 200
GROUPS = {
    "queued": N_("In line"),
    "sent": N_("Sent"),
    "delivered": N_("Arrived"),
    "read": N_("Read"),
    "failed": N_("Failed"),
    "held": N_("Held"),
    "canceled": N_("Taken back"),
}
"""What each state of `watching.ORDER` is called here."""
HELD_WORDS = (
    N_("They texted STOP. Call, or write a letter."),
    N_("It held true only until a time that had come before it could leave."),
    N_("They have not agreed to this kind of message. Emergencies still reach them."),
    N_("The number gets no texts. Ask the family for the right one."),
    N_("No channel of this announcement reaches them. Call."),
    N_("Nobody has approved their language yet. It leaves as soon as somebody does."),
)
"""`watching.HELD`, for the catalogs."""


@console.get("/announcements/<int:announcement_id>/watch", endpoint="watch")
@allowed(STAFF, RECORDS)
def watch_page(announcement_id: int) -> str:
    """How it stands, and the orders that may be given."""
    shown = _watch(announcement_id)
    one = shown.announcement
    page = {"may_act": current_user.role != RECORDS, "may_release": may_release(one), "log": _log(one)}
    page["name"] = lambda who: name_of(services(), who)
    return render_template("console/watch.html", **_shown(shown), **page)


@console.get("/announcements/<int:announcement_id>/watch/part")
@allowed(STAFF, RECORDS)
def watch_part(announcement_id: int) -> ResponseReturnValue:
    """Only the figures, for the page that asks by itself; the whole page anew where other orders fit now."""
    shown = _watch(announcement_id)
    if request.args.get("state") != shown.announcement.state:
        return "", 200, {"HX-Refresh": "true"}
    return render_template("console/watching.html", **_shown(shown))


def _watch(announcement_id: int) -> Watch:
    shown = progress.watch(services(), announcement_id)
    return shown or abort(404, _("There is no announcement {number}.", number=announcement_id))


def _shown(shown: Watch) -> dict[str, Any]:
    one = shown.announcement
    words = {
        "states": STATES,
        "kinds": KINDS,
        "channels": CHANNELS,
        "groups": GROUPS,
        "order": progress.ORDER,
        "called": CALLED,
    }
    replies = {"replies": _replies(shown), "title": title, "age": age}
    seconds = 2 if one.state in MOVING else 15
    return {"shown": shown, "one": one, "left": _left(shown.seconds_left), "every": seconds, **words, **replies}


def _replies(shown: Watch) -> list[Case]:
    """The newest cases that answer it, of those that this person may see."""
    vault = services().database.vault
    with services().database.read() as db:
        found = [cases.find(db, vault, number) for number in shown.replies[:REPLIES_LOOKED_AT]]
    return [one for one in found if one is not None and may_see(current_user, one)]


def _left(seconds: int | None) -> str:
    """The time left, in words; "" where nobody can say."""
    if not seconds:
        return ""
    return _("less than a minute") if seconds < 60 else _("{count} min", count=round(seconds / 60))


def _log(one: Announcement) -> list[audit_log.Entry]:
    with services().database.read() as db:
        return list(audit_log.newest(db, 30, f"announcement {one.id}"))


@console.post("/announcements/<int:announcement_id>/pause")
@allowed(STAFF)
def pause_announcement(announcement_id: int) -> ResponseReturnValue:
    """Nothing more leaves until it is resumed.  Anybody of the staff may pull the brake."""
    one = of_id(announcement_id)
    if not launch.pause(services(), one.id, current_user.by):
        flash(_("It is not being sent now."))
    return _back(one)


@console.post("/announcements/<int:announcement_id>/resume")
@allowed(STAFF)
def resume_announcement(announcement_id: int) -> ResponseReturnValue:
    """Send on after a pause."""
    one = _of_mine(announcement_id)
    if not launch.go_on(services(), one.id, current_user.by):
        flash(_("It is not paused."))
    return _back(one)


@console.post("/announcements/<int:announcement_id>/stop")
@allowed(STAFF)
def stop_announcement(announcement_id: int) -> ResponseReturnValue:
    """Take it back for good, once that was confirmed.  Anybody of the staff may."""
    one = of_id(announcement_id)
    if request.form.get("sure") != "yes":
        flash(_("Tick the box to stop it for good."))
    elif not launch.stop(services(), one.id, current_user.by):
        flash(_("There is nothing to stop."))
    return _back(one)


@console.post("/announcements/<int:announcement_id>/again")
@allowed(STAFF)
def try_again(announcement_id: int) -> ResponseReturnValue:
    """One more try for those whom it did not reach."""
    one = _of_mine(announcement_id)
    count = launch.try_failed_again(services(), one.id, current_user.by)
    flash(_("Tried once more: {count}.", count=count) if count else _("There is nobody to try again."))
    return _back(one)


def _of_mine(announcement_id: int) -> Announcement:
    one = of_id(announcement_id)
    if not may_release(one):
        abort(403, _("Only an approver, who wrote it or in whose name it is sent may do this."))
    return one


@console.get("/announcements/<int:announcement_id>/report.csv")
@allowed(STAFF, RECORDS)
def announcement_report(announcement_id: int) -> ResponseReturnValue:
    """A line for each family and try, without a name or a number."""
    one, at = of_id(announcement_id), now()
    with services().database.write() as db:
        audit_log.record(db, current_user.by, "took the report of an announcement", f"announcement {one.id}", at)
    lines = stream_with_context(progress.report(services(), one.id))
    name = f"attachment; filename=announcement-{one.code}.csv"
    return Response(lines, mimetype="text/csv", headers={"Content-Disposition": name})


def _back(one: Announcement) -> ResponseReturnValue:
    return redirect(url_for("console.watch", announcement_id=one.id))
