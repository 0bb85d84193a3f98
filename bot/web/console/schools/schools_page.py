"""Serve the pages about school statuses and announcement templates.

Staff see what families read about each school, post or withdraw a status, and send an announcement template.
"""

import secrets
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.announcements import templates
from bot.announcements.approval import ReleaseError
from bot.announcements.templates import TemplateStatus
from bot.base.database import now
from bot.school_status.rumor_replies import MAX_RUMOR_AGE
from bot.school_status.status_change import (
    SchoolStatusError,
    SchoolStatusRequest,
    can_set_status,
    get_family_text,
    set_status,
    withdraw_school_status,
)
from bot.store.announcements import templates as announcements_templates
from bot.store.announcements.templates import AGENTS_HAVE_LEFT, AGENTS_WERE_HERE, AnnouncementTemplate
from bot.store.schools import school_statuses
from bot.store.schools.school_statuses import SCHOOL_STATUS_KINDS, SchoolStatus
from bot.web.console.core.case_view import get_staff_name
from bot.web.console.core.console_i18n import N_, _, language_name
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import (
    ACCOUNT_ROLES,
    APPROVER,
    LEAD_ROLES,
    STAFF,
    VIEWER,
    allow_roles,
    read_form_row_id,
)
from bot.web.core.current_runtime import get_runtime

STATUS_HISTORY_SIZE = 30
STATUS_HOUR_CHOICES = (1, 2, 3, 4)
STATUS_KIND_LABELS = {
    "no_agents": N_("No agents were there"),
    "checking": N_("A staff member is checking"),
    "normal_day": N_("A normal school day"),
}
AGENT_TEMPLATE_LABELS = {AGENTS_WERE_HERE: N_("“Agents were at the school”"), AGENTS_HAVE_LEFT: N_("“They have left”")}
SCHOOL_ERROR_TEXTS = (
    N_("This school doesn't exist."),
    N_("Choose a status."),
    N_("Enter a time in the last hour. If it was longer ago, check again."),
    N_("Choose how long the status is valid, up to four hours."),
    N_("The front office has an active incident at this school. End it first, or post “A staff member is checking”."),
    N_("More approvals are needed."),
    N_("The approval has expired. Check the text again, and choose a later end."),
    N_("The text is too long for one message in at least one language."),
)
"""Texts of `SchoolStatusError` and `ReleaseError`, listed here so that the translation catalogs contain them."""


@console.get("/schools", endpoint="schools")
@allow_roles(*ACCOUNT_ROLES)
def schools_page() -> str:
    """Show every school, and what families read about it now."""
    runtime, current_time = get_runtime(), now()
    schools = runtime.library.district.schools
    with runtime.database.read() as db:
        statuses = school_statuses.find_current_by_school(db, current_time)
        all_templates = announcements_templates.list_all(db)
    return render_template(
        "console/schools.html",
        found=statuses,
        schools=schools,
        kinds=STATUS_KIND_LABELS,
        proposed={template.school for template in all_templates if template.is_proposed_at(current_time)},
        lacking=2 * len(schools) - len(all_templates),
        may_make=current_user.role in LEAD_ROLES,
    )


@console.get("/schools/<school>", endpoint="school")
@allow_roles(*ACCOUNT_ROLES)
def school_page(school: str) -> str:
    """Show one school: what families read, the form, the announcement templates, and earlier statuses."""
    runtime, current_time = get_runtime(), now()
    _require_school(school)
    with runtime.database.read() as db:
        status = school_statuses.find_current_by_school(db, current_time).get(school)
        earlier_statuses = school_statuses.list_newest(db, school, STATUS_HISTORY_SIZE)
        rumor_counts = school_statuses.count_open_rumors(db, current_time - MAX_RUMOR_AGE)
        school_templates = [template for template in announcements_templates.list_all(db) if template.school == school]
    may_set_status = _can_set_status(school)
    shown_rumor_counts = {}
    if may_set_status:
        shown_rumor_counts = {"here": rumor_counts.get(school, 0), "nowhere": rumor_counts.get(None, 0)}
    return render_template(
        "console/school.html",
        school=school,
        name=runtime.library.district.schools[school].name,
        now=status,
        reads=get_family_text(runtime, status) if status else "",
        before=earlier_statuses,
        kinds=STATUS_KIND_LABELS,
        hours=STATUS_HOUR_CHOICES,
        samples={kind: _render_sample(school, kind, current_time) for kind in SCHOOL_STATUS_KINDS},
        who=partial(get_staff_name, runtime),
        may=may_set_status,
        once=secrets.token_hex(8),
        rumours=shown_rumor_counts,
        **_build_template_section(school, school_templates, current_time),
    )


def _build_template_section(
    school: str, school_templates: list[AnnouncementTemplate], current_time: datetime
) -> dict[str, Any]:
    """Return the template values for the two announcement templates. The one to send first comes first."""
    statuses: list[TemplateStatus] = []
    if current_user.role != VIEWER:
        statuses = templates.list_statuses(get_runtime(), school)
    first = templates.choose_offer(school_templates, current_time)
    statuses.sort(key=lambda status: status.template.what != (first or AGENTS_WERE_HERE))
    return {
        "pair": statuses,
        "first": first,
        "what": AGENT_TEMPLATE_LABELS,
        "states": {status.template.id: _get_template_state(status, current_time) for status in statuses},
        "may_release": _can_release(school),
        "language_name": language_name,
    }


def _get_template_state(status: TemplateStatus, current_time: datetime) -> str:
    """Return the state of an announcement template, as this person sees it."""
    if status.template.is_recently_released(current_time):
        return "released"
    is_proposed = status.template.is_proposed_at(current_time)
    if is_proposed and status.template.proposed_by == current_user.by:
        return "mine"
    if is_proposed:
        return "proposed"
    if status.missing:
        return "missing"
    return "ready"


def _render_sample(school: str, kind: str, current_time: datetime) -> str:
    """Return what families would read."""
    status = SchoolStatus(0, school, kind, current_time, current_time + timedelta(hours=2), "")
    return get_family_text(get_runtime(), status)


def _require_school(school: str) -> str:
    if school not in get_runtime().library.district.schools:
        abort(404, _("This school doesn't exist."))
    return school


def _can_set_status(school: str) -> bool:
    if current_user.role in LEAD_ROLES:
        return True
    return current_user.role == STAFF and can_set_status(get_runtime().library.district, current_user.staff, school)


def _can_release(school: str) -> bool:
    if current_user.role in LEAD_ROLES:
        return True
    district = get_runtime().library.district
    return current_user.role == STAFF and templates.can_release(district, current_user.staff, school)


@console.post("/schools/status")
@allow_roles(STAFF)
def say_status() -> ResponseReturnValue:
    """Post the status of a school. From now on, families who ask get it."""
    school = _require_school(request.form.get("school", ""))
    if not _can_set_status(school):
        abort(403, _("Only the safety lead's team can post a school status."))
    hours = request.form.get("hours", 0, type=int)
    kind, once = request.form.get("kind", ""), request.form.get("once", "")[:32] or secrets.token_hex(8)
    try:
        checked_at = _parse_check_time(request.form.get("checked", ""))
        duration = timedelta(hours=max(0, min(hours, 24)))
        status_request = SchoolStatusRequest(school, kind, checked_at, duration, current_user.by, f"form:{once}")
        set_status(get_runtime(), status_request)
        flash(_("Status posted. Families who reported a rumor get it too."))
    except SchoolStatusError as error:
        flash(_(str(error)))
    return redirect(url_for("console.school", school=school))


def _parse_check_time(typed: str) -> datetime:
    """Return the typed local time of today as a moment. If the text is empty, return the current time."""
    current_time = now()
    if not typed:
        return current_time
    try:
        clock_time = datetime.strptime(typed, "%H:%M").time()
    except ValueError:
        raise SchoolStatusError(SCHOOL_ERROR_TEXTS[2]) from None
    local = get_runtime().library.district.to_local_time(current_time)
    checked_at = local.replace(hour=clock_time.hour, minute=clock_time.minute, second=0, microsecond=0)
    return checked_at.astimezone(current_time.tzinfo)


@console.post("/schools/withdraw")
@allow_roles(STAFF)
def withdraw_status() -> ResponseReturnValue:
    """Withdraw a school status, and send a correction to the families who got it."""
    with get_runtime().database.read() as db:
        status = school_statuses.find(db, read_form_row_id())
    if status is None:
        abort(404, _("This school has no status."))
    if not _can_set_status(status.school):
        abort(403, _("Only the safety lead's team can post a school status."))
    if withdraw_school_status(get_runtime(), status.id, current_user.by):
        flash(_("Status withdrawn. Families who saw it get a correction."))
    else:
        flash(_("This school has no status."))
    return redirect(url_for("console.school", school=status.school))


@console.post("/schools/ready")
@allow_roles(APPROVER)
def make_ready() -> ResponseReturnValue:
    """Create the missing announcement templates of all schools."""
    created_count = templates.create_missing(get_runtime(), current_user.by)
    flash(_("New drafts: {count}. Get each language and each draft approved.", count=created_count))
    return redirect(url_for("console.schools"))


@console.post("/schools/ready/propose")
@allow_roles(STAFF)
def propose_ready() -> ResponseReturnValue:
    """Propose to send an announcement template. A second person must confirm."""
    return _run_release_step("propose")


@console.post("/schools/ready/confirm")
@allow_roles(STAFF)
def confirm_ready() -> ResponseReturnValue:
    """Confirm the proposal as the second person, and send the announcement.

    The text "agents were at the school" replaces the current school status.
    """
    return _run_release_step("confirm")


@console.post("/schools/ready/drop")
@allow_roles(STAFF)
def drop_ready() -> ResponseReturnValue:
    """Withdraw a proposal."""
    return _run_release_step("drop")


def _run_release_step(step: str) -> ResponseReturnValue:
    runtime = get_runtime()
    with runtime.database.read() as db:
        template = announcements_templates.find(db, read_form_row_id())
    if template is None:
        abort(404, _("This announcement template doesn't exist."))
    if not _can_release(template.school):
        abort(403, _("Only approvers, the safety lead, and the principal can send this template."))
    try:
        flash(_apply_release_step(step, template))
    except ReleaseError as error:
        # The error has one or more sentences, and the catalogs contain each sentence.
        sentences = [f"{sentence}." for sentence in str(error).rstrip(".").split(". ")]
        flash(" ".join(_(sentence) for sentence in sentences))
    return redirect(url_for("console.school", school=template.school))


def _apply_release_step(step: str, template: AnnouncementTemplate) -> str:
    """Propose, confirm, or withdraw the proposal, and return the message to show."""
    runtime, by = get_runtime(), current_user.by
    if step == "drop":
        if templates.drop_proposal(runtime, template.id, by):
            return _("Proposal withdrawn.")
        return _("There is no proposal.")
    if step == "propose":
        templates.propose_release(runtime, template.id, by)
        return _("Proposed. A second person must confirm within 30 minutes. We are texting them now.")
    announcement = templates.confirm_release(runtime, template.id, by)
    with runtime.database.read() as db:
        status = school_statuses.find_current_by_school(db, now()).get(template.school)
    if status and template.what == AGENTS_WERE_HERE:
        withdraw_school_status(runtime, status.id, by)
    return _("Sending now as announcement {number}.", number=announcement.id)
