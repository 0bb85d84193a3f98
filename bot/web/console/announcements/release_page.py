"""The preview of an announcement: texts, cost, and recipients without delivery. Also approval, release, and a test."""

from datetime import date

from babel.numbers import format_currency
from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.announcements import approval, launch, test_send
from bot.announcements import preview as previews
from bot.announcements.approval import ReleaseError
from bot.announcements.composition import InvalidAnnouncementError
from bot.announcements.preview import AnnouncementPreview
from bot.announcements.progress import HOLD_EXPLANATIONS
from bot.base.database import now
from bot.channels.message_parts import MAX_MESSAGE_UNITS
from bot.messaging import suppression_rules
from bot.runtime import Runtime
from bot.store.announcements.announcements import Announcement
from bot.store.community import community_leaders
from bot.store.community.community_leaders import CommunityLeader
from bot.web.console.announcements.shared import (
    ANNOUNCEMENT_KIND_LABELS,
    ANNOUNCEMENT_STATE_LABELS,
    can_approve,
    can_release,
    describe_audience,
    describe_missing_approvals,
    get_announcement,
    load_announcement,
    load_approval_status,
)
from bot.web.console.core.console_i18n import _, full_day, language_name, page_language
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import STAFF, allow_roles
from bot.web.core.current_runtime import get_runtime


@console.get("/announcements/<int:announcement_id>/preview", endpoint="preview")
@allow_roles(STAFF)
def preview_page(announcement_id: int) -> str:
    """Show for each language the text on phones, the segments, the cost, and who gets it or why not."""
    runtime = get_runtime()
    with runtime.database.read() as db:
        announcement = load_announcement(db, announcement_id)
        digest = approval.compute_current_digest(db, announcement)
    status = load_approval_status(runtime, announcement)
    preview = previews.build_preview(runtime, announcement)
    page = {
        "one": announcement,
        "shown": preview,
        "standing": status,
        "seen": digest,
        "sure": build_confirmation(preview),
        "too_long": _list_too_long_languages(preview),
        "audience": describe_audience(announcement.audience),
        "may_approve": can_approve(announcement),
        "may_release": can_release(announcement),
        "approved": current_user.by in status.approved_by,
        "missing": describe_missing_approvals(runtime, status),
        "held_until": find_hold_end(announcement),
        "advice": _find_leaders_with_advice(runtime, preview),
        "states": ANNOUNCEMENT_STATE_LABELS,
        "kinds": ANNOUNCEMENT_KIND_LABELS,
        "held": HOLD_EXPLANATIONS,
        "dollars": _format_dollars,
        "most": MAX_MESSAGE_UNITS,
    }
    return render_template("console/preview.html", **page)


def find_hold_end(announcement: Announcement) -> date | None:
    """Return the day from which this attendance announcement can be sent, or None if no hold applies."""
    runtime = get_runtime()
    schools, send_at = announcement.audience.schools, announcement.send_at or now()
    with runtime.database.read() as db:
        return suppression_rules.find_announcement_hold_end(
            db, runtime.library.district, announcement.kind, schools, send_at
        )


def _find_leaders_with_advice(runtime: Runtime, preview: AnnouncementPreview) -> list[CommunityLeader]:
    """Return the community leaders of these languages who named the best channel for their community."""
    languages = {item.language for item in preview.languages if item.reached_count or item.held}
    with runtime.database.read() as db:
        leaders = community_leaders.list_all(db)
    return [leader for leader in leaders if leader.channel and languages & set(leader.languages)]


def build_confirmation(preview: AnnouncementPreview) -> str:
    """Return the confirmation value: each unapproved language with its mark, or "none"."""
    return ",".join(sorted(f"{item.language}:{item.mark}" for item in preview.unapproved_languages)) or "none"


def _list_too_long_languages(preview: AnnouncementPreview) -> list[str]:
    """Return the names of languages with recipients whose text doesn't fit into one message."""
    too_long = [item for item in preview.languages if item.is_too_long and item.reached_count + item.held]
    return [language_name(item.language) for item in too_long]


def _format_dollars(amount: float) -> str:
    return str(format_currency(amount, "USD", locale=page_language()))


@console.post("/announcements/<int:announcement_id>/approve")
@allow_roles(STAFF)
def approve_announcement(announcement_id: int) -> ResponseReturnValue:
    """Approve the announcement as shown. A writer can't approve in the name of another sender."""
    if not can_approve(get_announcement(announcement_id)):
        abort(403, _("Only the sender or an approver can approve an announcement. The writer can't."))
    try:
        approval.approve(get_runtime(), announcement_id, current_user.by, request.form.get("seen", ""))
    except ReleaseError as error:
        flash(_(str(error)))
    return _redirect_to_preview(announcement_id)


@console.post("/announcements/<int:announcement_id>/release")
@allow_roles(STAFF)
def release_announcement(announcement_id: int) -> ResponseReturnValue:
    """Release the announcement after a confirmation of its unapproved languages."""
    announcement = get_announcement(announcement_id)
    if not can_release(announcement):
        abort(403, _("Only an approver, the writer, or the sender can send an announcement."))
    problem = _find_release_problem(announcement)
    if problem:
        flash(problem)
        return _redirect_to_preview(announcement_id)
    try:
        released = approval.release(get_runtime(), announcement_id, current_user.by)
    except ReleaseError as error:
        flash(_explain_release_error(announcement, error))
        return _redirect_to_preview(announcement_id)
    launch.queue_if_due(get_runtime(), released)
    return redirect(url_for("console.watch", announcement_id=announcement_id))


def _find_release_problem(announcement: Announcement) -> str:
    """Return why the announcement can't be released yet, or ""."""
    preview = previews.build_preview(get_runtime(), announcement)
    confirmation = request.form.get("sure", "")
    if until := find_hold_end(announcement):
        return _("After a verified event, attendance announcements are paused until {day}.", day=full_day(until))
    if not confirmation:
        return _("To confirm what happens, select the checkbox.")
    if confirmation != build_confirmation(preview):
        return _("The languages changed in the meantime. Check the preview again.")
    if _list_too_long_languages(preview):
        return _("The text is too long for one message. Shorten it.")
    return ""


def _explain_release_error(announcement: Announcement, error: ReleaseError) -> str:
    missing = describe_missing_approvals(get_runtime(), load_approval_status(get_runtime(), announcement))
    if missing and announcement.state == "draft":
        return " ".join(missing)
    return _(str(error))


@console.post("/announcements/<int:announcement_id>/test")
@allow_roles(STAFF)
def send_test(announcement_id: int) -> ResponseReturnValue:
    """Send a test in one language to the phone of the current user."""
    announcement, language = get_announcement(announcement_id), request.form.get("language", "")
    if language not in {item.language for item in previews.build_preview(get_runtime(), announcement).languages}:
        abort(400, _("Choose a language from the list."))
    try:
        test_send.send_test(get_runtime(), announcement, language, current_user.staff)
        flash(_("We are sending the test to your phone. It starts with [TEST]."))
    except InvalidAnnouncementError as error:
        flash(_(str(error)))
    return _redirect_to_preview(announcement_id)


def _redirect_to_preview(announcement_id: int) -> ResponseReturnValue:
    return redirect(url_for("console.preview", announcement_id=announcement_id))
