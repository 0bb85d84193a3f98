"""The meeting pages: the list, the form, and one meeting with its attendees, interpreters, and actions of the host."""

from dataclasses import replace
from typing import cast

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.announcements.composition import InvalidAnnouncementError
from bot.meetings import planning, rules, texts
from bot.meetings.planning import MeetingPlanError
from bot.store import audit_log
from bot.store.cases.interpreter_requests import InterpreterKind
from bot.store.meetings import meeting_interpreters, meetings, rsvps
from bot.store.meetings.meeting_interpreters import BookedInterpreter
from bot.store.meetings.meetings import Meeting
from bot.web.console.core.case_view import get_staff_name
from bot.web.console.core.console_i18n import N_, _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import STAFF, allow_roles, read_form_row_id
from bot.web.console.meetings.meeting_form import MeetingForm
from bot.web.core.current_runtime import get_runtime

MEETING_LIST_SIZE, MEETING_LOG_SIZE = 50, 30
STALE_REVISION = -1
"""The revision of an outdated form. Puente never saves such a form, even if it is submitted again."""
MEETING_STATE_LABELS = {
    "planned": N_("Planned"),
    "ready": N_("Ready: interpreters are booked"),
    "invited": N_("Invited"),
    "over": N_("Ended"),
    "canceled": N_("Canceled"),
}
INTERPRETER_KIND_LABELS = {"trained": N_("Trained interpreter"), "bilingual": N_("Bilingual colleague")}
MEETING_ERROR_TEXTS = (
    N_("Enter a title without words in braces."),
    N_("Choose an administrator as the host."),
    N_("The start is in the past. Choose a later time."),
    N_("The end must be after the start, on the same day."),
    N_("Enter the meeting link or the place."),
    N_("Enter a dial-in number. Some families have no internet."),
    N_("Enter a link that starts with https://."),
    N_("Enter a phone number such as 217-555-0199."),
    N_("Book the interpreters and mark the meeting as ready first."),
    N_("This meeting just changed or has ended. Check it again."),
    N_("The meeting was changed or canceled. Draft the invitation again."),
)
"""Error messages of `bot.meetings`, listed here for the catalogs. Messages that contain a name stay in English."""


def get_meeting(gathering_id: int) -> Meeting:
    """Return the meeting, or abort with 404."""
    with get_runtime().database.read() as db:
        meeting = meetings.find(db, gathering_id)
    return meeting or abort(404, _("There is no meeting {number}.", number=gathering_id))


@console.get("/gatherings", endpoint="gatherings")
@allow_roles(STAFF)
def gathering_list() -> str:
    """Show the newest meetings of all schools and the district, latest day first."""
    with get_runtime().database.read() as db:
        newest = meetings.list_newest(db, MEETING_LIST_SIZE)
    return render_template("console/gatherings.html", found=newest, states=MEETING_STATE_LABELS, name=_get_staff_name)


@console.get("/gatherings/new")
@allow_roles(STAFF)
def new_gathering() -> str:
    """Show the empty form for an online meeting with a dial-in number."""
    return _render_form(MeetingForm())


@console.post("/gatherings/new")
@allow_roles(STAFF)
def plan_gathering() -> ResponseReturnValue:
    """Save a new meeting."""
    return _save_meeting(None)


@console.get("/gatherings/<int:gathering_id>/edit")
@allow_roles(STAFF)
def edit_gathering(gathering_id: int) -> str:
    """Show the form with a saved meeting."""
    meeting = get_meeting(gathering_id)
    return _render_form(MeetingForm.from_meeting(get_runtime().library.district, meeting), meeting)


@console.post("/gatherings/<int:gathering_id>/edit")
@allow_roles(STAFF)
def change_gathering(gathering_id: int) -> ResponseReturnValue:
    """Save the changed plan, and text the changes to everyone who said yes.

    If another person changed the plan since the form was opened, don't save it, because families would get old times.
    """
    meeting = get_meeting(gathering_id)
    if request.form.get("revision") != str(meeting.revision):
        meeting = replace(meeting, revision=STALE_REVISION)
    return _save_meeting(meeting)


def _save_meeting(before: Meeting | None) -> ResponseReturnValue:
    runtime, form = get_runtime(), MeetingForm.from_fields(request.form)
    try:
        meeting_id = planning.save_plan(runtime, form.build_plan(runtime.library.district), current_user.by, before)
    except MeetingPlanError as error:
        return _render_form(form, before, {field: _(sentence) for field, sentence in error.problems.items()}), 422
    if before and before.announcement_id and get_meeting(meeting_id).state == "planned":
        flash(_("The old invitation is stopped. Mark the meeting as ready, and draft the invitation again."))
    return redirect(url_for("console.gathering", gathering_id=meeting_id))


def _render_form(form: MeetingForm, before: Meeting | None = None, problems: dict[str, str] | None = None) -> str:
    district = get_runtime().library.district
    page = {"hosts": rules.list_hosts(district), "district": district, "problems": problems or {}}
    return render_template("console/gathering_form.html", typed=form, before=before, **page)


@console.get("/gatherings/<int:gathering_id>")
@allow_roles(STAFF)
def gathering(gathering_id: int) -> str:
    """Show one meeting: its time and place, attendees by language, interpreters, and possible next actions."""
    return _render_page(get_meeting(gathering_id))


def _render_page(meeting: Meeting, problem: str = "") -> str:
    runtime = get_runtime()
    with runtime.database.read() as db:
        attendees = rsvps.count_attendees(db, meeting.id)
        interpreters = meeting_interpreters.list_for_meeting(db, meeting.id)
        log = audit_log.list_newest(db, MEETING_LOG_SIZE, f"gathering {meeting.id}")
    page = {
        "one": meeting,
        "problem": problem,
        "district": runtime.library.district,
        "coming": attendees,
        "booked": interpreters,
        "missing": planning.list_missing_interpreters(runtime, meeting),
        "log": log,
        "states": MEETING_STATE_LABELS,
        "kinds": INTERPRETER_KIND_LABELS,
        "name": _get_staff_name,
        "page": texts.get_page_url(runtime, meeting),
    }
    return render_template("console/gathering.html", **page)


def _get_staff_name(staff: str | None) -> str:
    return get_staff_name(get_runtime(), staff)


def _redirect_to_meeting(meeting: Meeting) -> ResponseReturnValue:
    return redirect(url_for("console.gathering", gathering_id=meeting.id))


@console.post("/gatherings/<int:gathering_id>/ready")
@allow_roles(STAFF)
def ready_gathering(gathering_id: int) -> ResponseReturnValue:
    """Mark the meeting as ready, if every language has a trained interpreter."""
    meeting = get_meeting(gathering_id)
    try:
        planning.mark_ready(get_runtime(), meeting, current_user.by)
    except MeetingPlanError as error:
        return _render_page(meeting, str(error)), 409
    return _redirect_to_meeting(meeting)


@console.post("/gatherings/<int:gathering_id>/invite")
@allow_roles(STAFF)
def invite_gathering(gathering_id: int) -> ResponseReturnValue:
    """Draft the invitation as an announcement, which staff then translate, approve, and send."""
    meeting = get_meeting(gathering_id)
    try:
        announcement = planning.draft_invitation(get_runtime(), meeting, current_user.by)
    except (MeetingPlanError, InvalidAnnouncementError) as error:
        return _render_page(meeting, _(str(error))), 409
    flash(_("This is the invitation. Get each language approved, and then send it."))
    return redirect(url_for("console.announcement", announcement_id=announcement.id))


@console.post("/gatherings/<int:gathering_id>/cancel")
@allow_roles(STAFF)
def cancel_gathering(gathering_id: int) -> ResponseReturnValue:
    """Cancel the meeting after a confirmation. Everyone who said yes gets a text."""
    meeting = get_meeting(gathering_id)
    if request.form.get("sure") == "yes" and planning.cancel_meeting(get_runtime(), meeting, current_user.by):
        flash(_("Meeting canceled. We'll text everyone who said yes, and we won't send the invitation."))
    return _redirect_to_meeting(meeting)


@console.post("/gatherings/<int:gathering_id>/interpreters")
@allow_roles(STAFF)
def book_for_gathering(gathering_id: int) -> ResponseReturnValue:
    """Book an interpreter for a language."""
    meeting = get_meeting(gathering_id)
    language, kind, name = (request.form.get(field, "").strip() for field in ("language", "kind", "name"))
    if not language or kind not in INTERPRETER_KIND_LABELS or not name or len(language) > 8:
        return _render_page(meeting, _("Choose a language and a type, and enter the interpreter's name.")), 422
    interpreter = BookedInterpreter(0, language, cast(InterpreterKind, kind), name[:80], current_user.by)
    planning.book_interpreter(get_runtime(), meeting, interpreter)
    return _redirect_to_meeting(meeting)


@console.post("/gatherings/<int:gathering_id>/interpreters/remove")
@allow_roles(STAFF)
def unbook_for_gathering(gathering_id: int) -> ResponseReturnValue:
    """Remove a booked interpreter."""
    meeting = get_meeting(gathering_id)
    planning.unbook_interpreter(get_runtime(), meeting, read_form_row_id(), current_user.by)
    return _redirect_to_meeting(meeting)
