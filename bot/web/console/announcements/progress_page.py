"""An announcement on its way: how it stands, pause, resume and stop, the failed once more, its replies, its report."""

from typing import Any

from flask import Response, abort, flash, redirect, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.announcements import launch, progress
from bot.announcements.progress import AnnouncementProgress
from bot.base.database import now
from bot.channels.error_messages import CALL_OUTCOME_LABELS
from bot.store import audit_log
from bot.store.announcements.announcements import Announcement
from bot.store.cases import cases
from bot.store.cases.cases import Case
from bot.web.console.announcements.shared import (
    ANNOUNCEMENT_KIND_LABELS,
    ANNOUNCEMENT_STATE_LABELS,
    CHANNEL_LABELS,
    can_release,
    get_announcement,
)
from bot.web.console.core.case_view import format_age, get_staff_name
from bot.web.console.core.console_i18n import N_, _
from bot.web.console.core.inbox import console, get_topic_title
from bot.web.console.core.permissions import RECORDS_OFFICER, STAFF, allow_roles, can_see_case
from bot.web.core.current_runtime import get_runtime

ACTIVE_STATES = ("ready", "freezing", "sending")
"""States in which something happens every second; receipts come later too, so the page goes on asking, more slowly."""
REPLY_LOOKUP_LIMIT = 200
RECIPIENT_STATE_LABELS = {
    "queued": N_("Queued"),
    "sent": N_("Sent"),
    "delivered": N_("Delivered"),
    "read": N_("Read"),
    "failed": N_("Failed"),
    "held": N_("Waiting for approval"),
    "canceled": N_("Withdrawn"),
}
"""What each state of `watching.ORDER` is called here."""
HOLD_REASON_TEXTS = (
    N_("Opted out (STOP). Call, or write a letter."),
    N_("The message expired before it could be sent."),
    N_("No consent for this type of message. Emergencies still reach these families."),
    N_("The number can't get texts. Ask the family for the right one."),
    N_("No channel of this announcement reaches these families. Call them."),
    N_("Their language isn't approved yet. The message is sent after the approval."),
)
"""`watching.HELD`, for the catalogs."""


@console.get("/announcements/<int:announcement_id>/watch", endpoint="watch")
@allow_roles(STAFF, RECORDS_OFFICER)
def watch_page(announcement_id: int) -> str:
    """How it stands, and the orders that may be given."""
    shown = _get_progress(announcement_id)
    one = shown.announcement
    page = {
        "may_act": current_user.role != RECORDS_OFFICER,
        "may_release": can_release(one),
        "log": _list_log_entries(one),
    }
    page["name"] = lambda who: get_staff_name(get_runtime(), who)
    return render_template("console/watch.html", **_build_page(shown), **page)


@console.get("/announcements/<int:announcement_id>/watch/part")
@allow_roles(STAFF, RECORDS_OFFICER)
def watch_part(announcement_id: int) -> ResponseReturnValue:
    """Only the figures, for the page that asks by itself; the whole page anew where other orders fit now."""
    shown = _get_progress(announcement_id)
    if request.args.get("state") != shown.announcement.state:
        return "", 200, {"HX-Refresh": "true"}
    return render_template("console/watching.html", **_build_page(shown))


def _get_progress(announcement_id: int) -> AnnouncementProgress:
    shown = progress.load_progress(get_runtime(), announcement_id)
    return shown or abort(404, _("There is no announcement {number}.", number=announcement_id))


def _build_page(sending_progress: AnnouncementProgress) -> dict[str, Any]:
    one = sending_progress.announcement
    words = {
        "states": ANNOUNCEMENT_STATE_LABELS,
        "kinds": ANNOUNCEMENT_KIND_LABELS,
        "channels": CHANNEL_LABELS,
        "groups": RECIPIENT_STATE_LABELS,
        "order": progress.PROGRESS_GROUP_ORDER,
        "called": CALL_OUTCOME_LABELS,
    }
    replies = {"replies": _list_replies(sending_progress), "title": get_topic_title, "age": format_age}
    seconds = 2 if one.state in ACTIVE_STATES else 15
    return {
        "shown": sending_progress,
        "one": one,
        "left": _format_time_left(sending_progress.seconds_left),
        "every": seconds,
        **words,
        **replies,
    }


def _list_replies(sending_progress: AnnouncementProgress) -> list[Case]:
    """The newest cases that answer it, of those that this person may see."""
    with get_runtime().database.read() as db:
        found = [cases.find(db, number) for number in sending_progress.replies[:REPLY_LOOKUP_LIMIT]]
    return [one for one in found if one is not None and can_see_case(current_user, one)]


def _format_time_left(seconds: int | None) -> str:
    """The time left, in words; "" where nobody can say."""
    if not seconds:
        return ""
    return _("less than a minute") if seconds < 60 else _("{count} min", count=round(seconds / 60))


def _list_log_entries(announcement: Announcement) -> list[audit_log.AuditEntry]:
    with get_runtime().database.read() as db:
        return list(audit_log.list_newest(db, 30, f"announcement {announcement.id}"))


@console.post("/announcements/<int:announcement_id>/pause")
@allow_roles(STAFF)
def pause_announcement(announcement_id: int) -> ResponseReturnValue:
    """Nothing more leaves until it is resumed.  Anybody of the staff may pull the brake."""
    one = get_announcement(announcement_id)
    if not launch.pause(get_runtime(), one.id, current_user.by):
        flash(_("This announcement isn't being sent now."))
    return _redirect_to_progress(one)


@console.post("/announcements/<int:announcement_id>/resume")
@allow_roles(STAFF)
def resume_announcement(announcement_id: int) -> ResponseReturnValue:
    """Send on after a pause."""
    one = _get_releasable(announcement_id)
    if not launch.resume(get_runtime(), one.id, current_user.by):
        flash(_("This announcement isn't paused."))
    return _redirect_to_progress(one)


@console.post("/announcements/<int:announcement_id>/stop")
@allow_roles(STAFF)
def stop_announcement(announcement_id: int) -> ResponseReturnValue:
    """Take it back for good, once that was confirmed.  Anybody of the staff may."""
    one = get_announcement(announcement_id)
    if request.form.get("sure") != "yes":
        flash(_("To stop the announcement, select the checkbox first."))
    elif not launch.stop(get_runtime(), one.id, current_user.by):
        flash(_("There is nothing to stop."))
    return _redirect_to_progress(one)


@console.post("/announcements/<int:announcement_id>/again")
@allow_roles(STAFF)
def try_again(announcement_id: int) -> ResponseReturnValue:
    """One more try for those whom it did not reach."""
    one = _get_releasable(announcement_id)
    count = launch.retry_failed(get_runtime(), one.id, current_user.by)
    flash(_("Messages to retry: {count}.", count=count) if count else _("There are no failed messages to retry."))
    return _redirect_to_progress(one)


def _get_releasable(announcement_id: int) -> Announcement:
    one = get_announcement(announcement_id)
    if not can_release(one):
        abort(403, _("Only an approver, the writer, or the sender can do this."))
    return one


@console.get("/announcements/<int:announcement_id>/report.csv")
@allow_roles(STAFF, RECORDS_OFFICER)
def announcement_report(announcement_id: int) -> ResponseReturnValue:
    """A line for each family and try, without a name or a number."""
    one, at = get_announcement(announcement_id), now()
    with get_runtime().database.write() as db:
        audit_log.record(db, current_user.by, "took the report of an announcement", f"announcement {one.id}", at)
    lines = stream_with_context(progress.stream_csv_report(get_runtime(), one.id))
    name = f"attachment; filename=announcement-{one.code}.csv"
    return Response(lines, mimetype="text/csv", headers={"Content-Disposition": name})


def _redirect_to_progress(announcement: Announcement) -> ResponseReturnValue:
    return redirect(url_for("console.watch", announcement_id=announcement.id))
