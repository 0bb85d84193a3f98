"""Before one leaves: what each phone will show, what it costs, whom it misses; approval, release, a test."""

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
    """By language what phones show, the segments, the cost, who gets it how, and who does not and why."""
    runtime = get_runtime()
    with runtime.database.read() as db:
        one = load_announcement(db, announcement_id)
        seen = approval.compute_current_digest(db, one)
    standing, shown = load_approval_status(runtime, one), previews.build_preview(runtime, one)
    page = {
        "audience": describe_audience(one.audience),
        "may_approve": can_approve(one),
        "may_release": can_release(one),
    }
    page |= {
        "approved": current_user.by in standing.approved_by,
        "missing": describe_missing_approvals(runtime, standing),
    }
    page["held_until"] = find_hold_end(one)
    page |= {"advice": _find_leaders_with_advice(runtime, shown)}
    page |= {
        "states": ANNOUNCEMENT_STATE_LABELS,
        "kinds": ANNOUNCEMENT_KIND_LABELS,
        "held": HOLD_EXPLANATIONS,
        "dollars": _format_dollars,
        "most": MAX_MESSAGE_UNITS,
    }
    return render_template(
        "console/preview.html",
        one=one,
        shown=shown,
        standing=standing,
        seen=seen,
        sure=build_confirmation(shown),
        too_long=_list_too_long_languages(shown),
        **page,
    )


def find_hold_end(announcement: Announcement) -> date | None:
    """Until when one about attendance cannot leave, after a verified event at a school that it is for; None: it can."""
    runtime = get_runtime()
    with runtime.database.read() as db:
        meant, at = announcement.audience.schools, announcement.send_at or now()
        return suppression_rules.find_announcement_hold_end(db, runtime.library.district, announcement.kind, meant, at)


def _find_leaders_with_advice(runtime: Runtime, preview: AnnouncementPreview) -> list[CommunityLeader]:
    """How leaders say that the communities of these languages are best reached."""
    read = {one.language for one in preview.languages if one.reached_count or one.held}
    with runtime.database.read() as db:
        register = community_leaders.list_all(db)
    return [one for one in register if one.channel and read & set(one.languages)]


def build_confirmation(preview: AnnouncementPreview) -> str:
    """What the confirmation names: each language that nobody has approved, and how it stands."""
    return ",".join(sorted(f"{one.language}:{one.mark}" for one in preview.unapproved_languages)) or "none"


def _list_too_long_languages(preview: AnnouncementPreview) -> list[str]:
    """The languages in which somebody would get more than one message may hold."""
    found = [one for one in preview.languages if one.is_too_long and one.reached_count + one.held]
    return [language_name(one.language) for one in found]


def _format_dollars(amount: float) -> str:
    return str(format_currency(amount, "USD", locale=page_language()))


@console.post("/announcements/<int:announcement_id>/approve")
@allow_roles(STAFF)
def approve_announcement(announcement_id: int) -> ResponseReturnValue:
    """Say that it is right as it reads now.  Who wrote it cannot do so for another's name."""
    one = get_announcement(announcement_id)
    if not can_approve(one):
        abort(403, _("Only the sender or an approver can approve an announcement. The writer can't."))
    try:
        approval.approve(get_runtime(), announcement_id, current_user.by, request.form.get("seen", ""))
    except ReleaseError as error:
        flash(_(str(error)))
    return _redirect_to_preview(announcement_id)


@console.post("/announcements/<int:announcement_id>/release")
@allow_roles(STAFF)
def release_announcement(announcement_id: int) -> ResponseReturnValue:
    """Let it go, once somebody has confirmed how many families and which unapproved languages that means."""
    one = get_announcement(announcement_id)
    if not can_release(one):
        abort(403, _("Only an approver, the writer, or the sender can send an announcement."))
    problem = _find_release_problem(one)
    if problem:
        flash(problem)
        return _redirect_to_preview(announcement_id)
    try:
        released = approval.release(get_runtime(), announcement_id, current_user.by)
    except ReleaseError as error:
        flash(_explain_release_error(one, error))
        return _redirect_to_preview(announcement_id)
    launch.queue_if_due(get_runtime(), released)
    return redirect(url_for("console.watch", announcement_id=announcement_id))


def _find_release_problem(announcement: Announcement) -> str:
    """Why the page must be looked at again first; "" if it need not."""
    shown = previews.build_preview(get_runtime(), announcement)
    given = request.form.get("sure", "")
    if until := find_hold_end(announcement):
        return _("After a verified event, attendance announcements are paused until {day}.", day=full_day(until))
    if not given:
        return _("To confirm what happens, select the checkbox.")
    if given != build_confirmation(shown):
        return _("The languages changed in the meantime. Check the preview again.")
    return _("The text is too long for one message. Shorten it.") if _list_too_long_languages(shown) else ""


def _explain_release_error(announcement: Announcement, error: ReleaseError) -> str:
    missing = describe_missing_approvals(get_runtime(), load_approval_status(get_runtime(), announcement))
    return " ".join(missing) if missing and announcement.state == "draft" else _(str(error))


@console.post("/announcements/<int:announcement_id>/test")
@allow_roles(STAFF)
def send_test(announcement_id: int) -> ResponseReturnValue:
    """Send it in one language to one's own phone."""
    one, language = get_announcement(announcement_id), request.form.get("language", "")
    if language not in {shown.language for shown in previews.build_preview(get_runtime(), one).languages}:
        abort(400, _("Choose a language from the list."))
    try:
        test_send.send_test(get_runtime(), one, language, current_user.staff)
        flash(_("We are sending the test to your phone. It starts with [TEST]."))
    except InvalidAnnouncementError as error:
        flash(_(str(error)))
    return _redirect_to_preview(announcement_id)


def _redirect_to_preview(announcement_id: int) -> ResponseReturnValue:
    return redirect(url_for("console.preview", announcement_id=announcement_id))
