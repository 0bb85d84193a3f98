"""The progress page of an announcement: its counts, replies, and report, and the actions pause, resume, stop, retry."""

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
"""In these states, the page polls more often. Delivery statuses also arrive later, so it never stops polling."""
REPLY_LOOKUP_LIMIT = 200
RECIPIENT_STATE_LABELS = {
    "queued": N_("Queued"),
    "sent": N_("Sent"),
    "delivered": N_("Delivered"),
    "read": N_("Read"),
    "failed": N_("Failed"),
    "held": N_("Not sent"),
    "canceled": N_("Withdrawn"),
}
"""The label of each state in `progress.PROGRESS_GROUP_ORDER`."""
HOLD_REASON_TEXTS = (
    N_("Opted out (STOP). Call, or write a letter."),
    N_("The message expired before it could be sent."),
    N_("No consent for this type of message. Emergencies still reach these families."),
    N_("The number can't get texts. Ask the family for the right one."),
    N_("No channel of this announcement reaches these families. Call them."),
    N_("Their language isn't approved yet. The message is sent after the approval."),
)
"""The texts of `progress.HOLD_EXPLANATIONS`, listed here for the catalogs."""


@console.get("/announcements/<int:announcement_id>/watch", endpoint="watch")
@allow_roles(STAFF, RECORDS_OFFICER)
def watch_page(announcement_id: int) -> str:
    """Show the progress and the possible actions."""
    sending_progress = _get_progress(announcement_id)
    announcement = sending_progress.announcement
    page = {
        "may_act": current_user.role != RECORDS_OFFICER,
        "may_release": can_release(announcement),
        "log": _list_log_entries(announcement),
        "name": lambda staff_id: get_staff_name(get_runtime(), staff_id),
    }
    return render_template("console/watch.html", **_build_page(sending_progress), **page)


@console.get("/announcements/<int:announcement_id>/watch/part")
@allow_roles(STAFF, RECORDS_OFFICER)
def watch_part(announcement_id: int) -> ResponseReturnValue:
    """Return only the counts, for polling. If the state changed, reload the page, because the actions differ."""
    sending_progress = _get_progress(announcement_id)
    if request.args.get("state") != sending_progress.announcement.state:
        return "", 200, {"HX-Refresh": "true"}
    return render_template("console/watching.html", **_build_page(sending_progress))


def _get_progress(announcement_id: int) -> AnnouncementProgress:
    sending_progress = progress.load_progress(get_runtime(), announcement_id)
    return sending_progress or abort(404, _("There is no announcement {number}.", number=announcement_id))


def _build_page(sending_progress: AnnouncementProgress) -> dict[str, Any]:
    announcement = sending_progress.announcement
    return {
        "shown": sending_progress,
        "one": announcement,
        "left": _format_time_left(sending_progress.seconds_left),
        "every": 2 if announcement.state in ACTIVE_STATES else 15,
        "replies": _list_replies(sending_progress),
        "title": get_topic_title,
        "age": format_age,
        "states": ANNOUNCEMENT_STATE_LABELS,
        "kinds": ANNOUNCEMENT_KIND_LABELS,
        "channels": CHANNEL_LABELS,
        "groups": RECIPIENT_STATE_LABELS,
        "order": progress.PROGRESS_GROUP_ORDER,
        "called": CALL_OUTCOME_LABELS,
    }


def _list_replies(sending_progress: AnnouncementProgress) -> list[Case]:
    """Return the newest cases that reply to the announcement and that the current user can see."""
    with get_runtime().database.read() as db:
        replies = [cases.find(db, case_id) for case_id in sending_progress.replies[:REPLY_LOOKUP_LIMIT]]
    return [case for case in replies if case is not None and can_see_case(current_user, case)]


def _format_time_left(seconds: int | None) -> str:
    """Return the remaining time as text, or "" if it is unknown."""
    if not seconds:
        return ""
    if seconds < 60:
        return _("less than a minute")
    return _("{count} min", count=round(seconds / 60))


def _list_log_entries(announcement: Announcement) -> list[audit_log.AuditEntry]:
    with get_runtime().database.read() as db:
        return list(audit_log.list_newest(db, 30, f"announcement {announcement.id}"))


@console.post("/announcements/<int:announcement_id>/pause")
@allow_roles(STAFF)
def pause_announcement(announcement_id: int) -> ResponseReturnValue:
    """Pause the sending. Every staff member can do this, because a mistake must be stopped at once."""
    announcement = get_announcement(announcement_id)
    if not launch.pause(get_runtime(), announcement.id, current_user.by):
        flash(_("This announcement isn't being sent now."))
    return _redirect_to_progress(announcement)


@console.post("/announcements/<int:announcement_id>/resume")
@allow_roles(STAFF)
def resume_announcement(announcement_id: int) -> ResponseReturnValue:
    """Resume the sending after a pause."""
    announcement = _get_releasable(announcement_id)
    if not launch.resume(get_runtime(), announcement.id, current_user.by):
        flash(_("This announcement isn't paused."))
    return _redirect_to_progress(announcement)


@console.post("/announcements/<int:announcement_id>/stop")
@allow_roles(STAFF)
def stop_announcement(announcement_id: int) -> ResponseReturnValue:
    """Stop the announcement permanently after a confirmation. Every staff member can do this."""
    announcement = get_announcement(announcement_id)
    if request.form.get("sure") != "yes":
        flash(_("To stop the announcement, select the checkbox first."))
    elif not launch.stop(get_runtime(), announcement.id, current_user.by):
        flash(_("There is nothing to stop."))
    return _redirect_to_progress(announcement)


@console.post("/announcements/<int:announcement_id>/again")
@allow_roles(STAFF)
def try_again(announcement_id: int) -> ResponseReturnValue:
    """Retry the failed deliveries."""
    announcement = _get_releasable(announcement_id)
    count = launch.retry_failed(get_runtime(), announcement.id, current_user.by)
    if count:
        flash(_("Messages to retry: {count}.", count=count))
    else:
        flash(_("There are no failed messages to retry."))
    return _redirect_to_progress(announcement)


def _get_releasable(announcement_id: int) -> Announcement:
    announcement = get_announcement(announcement_id)
    if not can_release(announcement):
        abort(403, _("Only an approver, the writer, or the sender can do this."))
    return announcement


@console.get("/announcements/<int:announcement_id>/report.csv")
@allow_roles(STAFF, RECORDS_OFFICER)
def announcement_report(announcement_id: int) -> ResponseReturnValue:
    """Download a CSV row for each recipient and attempt, without names or numbers."""
    announcement = get_announcement(announcement_id)
    subject = f"announcement {announcement.id}"
    with get_runtime().database.write() as db:
        audit_log.record(db, current_user.by, "took the report of an announcement", subject, now())
    lines = stream_with_context(progress.stream_csv_report(get_runtime(), announcement.id))
    disposition = f"attachment; filename=announcement-{announcement.code}.csv"
    return Response(lines, mimetype="text/csv", headers={"Content-Disposition": disposition})


def _redirect_to_progress(announcement: Announcement) -> ResponseReturnValue:
    return redirect(url_for("console.watch", announcement_id=announcement.id))
