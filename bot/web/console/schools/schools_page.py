"""Schools today: what families read of each school, saying how one is, and the announcements that wait ready for it."""

import secrets
from datetime import datetime, timedelta
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
"""What the rooms below say, for the catalogs."""


@console.get("/schools", endpoint="schools")
@allow_roles(*ACCOUNT_ROLES)
def schools_page() -> str:
    """Every school, and what families read of it now."""
    here, at = get_runtime(), now()
    with here.database.read() as db:
        found, pairs = school_statuses.find_current_by_school(db, at), announcements_templates.list_all(db)
    district = here.library.district
    page = {
        "found": found,
        "schools": district.schools,
        "kinds": STATUS_KIND_LABELS,
        "proposed": _find_proposed_schools(pairs, at),
    }
    lacking = 2 * len(district.schools) - len(pairs)
    return render_template("console/schools.html", **page, lacking=lacking, may_make=current_user.role in LEAD_ROLES)


def _find_proposed_schools(announcement_templates: list[AnnouncementTemplate], at: datetime) -> frozenset[str]:
    return frozenset(one.school for one in announcement_templates if one.is_proposed_at(at))


@console.get("/schools/<school>", endpoint="school")
@allow_roles(*ACCOUNT_ROLES)
def school_page(school: str) -> str:
    """One school: what families read, the form, its ready-made announcements, what was said before."""
    here, at = get_runtime(), now()
    _require_school(school)
    with here.database.read() as db:
        found = school_statuses.find_current_by_school(db, at).get(school)
        before = school_statuses.list_newest(db, school, STATUS_HISTORY_SIZE)
        rumours = school_statuses.count_open_rumors(db, at - MAX_RUMOR_AGE)
        pair = [one for one in announcements_templates.list_all(db) if one.school == school]
    page: dict[str, Any] = {"school": school, "name": here.library.district.schools[school].name, "now": found}
    page |= {
        "reads": get_family_text(here, found) if found else "",
        "before": before,
        "kinds": STATUS_KIND_LABELS,
        "hours": STATUS_HOUR_CHOICES,
    }
    page |= {
        "samples": {kind: _render_sample(school, kind, at) for kind in SCHOOL_STATUS_KINDS},
        "who": lambda by: get_staff_name(here, by),
    }
    page |= {"may": _can_set_status(school), "once": secrets.token_hex(8)}
    page["rumours"] = (
        {"here": rumours.get(school, 0), "nowhere": rumours.get(None, 0)} if _can_set_status(school) else {}
    )
    return render_template("console/school.html", **page, **_build_template_section(school, pair, at))


def _build_template_section(school: str, school_templates: list[AnnouncementTemplate], at: datetime) -> dict[str, Any]:
    """The pair, the one that is offered first in front."""
    found = templates.list_statuses(get_runtime(), school) if current_user.role != VIEWER else []
    first = templates.choose_offer(school_templates, at)
    found.sort(key=lambda one: one.template.what != (first or AGENTS_WERE_HERE))
    return {
        "pair": found,
        "first": first,
        "what": AGENT_TEMPLATE_LABELS,
        "states": {one.template.id: _get_template_state(one, at) for one in found},
        "may_release": _can_release(school),
        "language_name": language_name,
    }


def _get_template_state(waiting_template: TemplateStatus, at: datetime) -> str:
    """Where a ready-made announcement stands for who is logged in."""
    if waiting_template.template.is_recently_released(at):
        return "released"
    if waiting_template.template.is_proposed_at(at):
        return "mine" if waiting_template.template.proposed_by == current_user.by else "proposed"
    return "missing" if waiting_template.missing else "ready"


def _render_sample(school: str, kind: str, at: datetime) -> str:
    """What families would read."""
    return get_family_text(get_runtime(), SchoolStatus(0, school, kind, at, at + timedelta(hours=2), ""))


def _require_school(school: str) -> str:
    return school if school in get_runtime().library.district.schools else abort(404, _("This school doesn't exist."))


def _can_set_status(school: str) -> bool:
    return current_user.role in LEAD_ROLES or (
        current_user.role == STAFF and can_set_status(get_runtime().library.district, current_user.staff, school)
    )


def _can_release(school: str) -> bool:
    return current_user.role in LEAD_ROLES or (
        current_user.role == STAFF and templates.can_release(get_runtime().library.district, current_user.staff, school)
    )


@console.post("/schools/status")
@allow_roles(STAFF)
def say_status() -> ResponseReturnValue:
    """Say how a school is: families who ask read it from now on."""
    school = _require_school(request.form.get("school", ""))
    if not _can_set_status(school):
        abort(403, _("Only the safety lead's team can post a school status."))
    hours = request.form.get("hours", 0, type=int)
    kind, once = request.form.get("kind", ""), request.form.get("once", "")[:32] or secrets.token_hex(8)
    try:
        checked = _parse_check_time(request.form.get("checked", ""))
        wish = SchoolStatusRequest(
            school, kind, checked, timedelta(hours=max(0, min(hours, 24))), current_user.by, f"form:{once}"
        )
        set_status(get_runtime(), wish)
        flash(_("Status posted. Families who reported a rumor get it too."))
    except SchoolStatusError as error:
        flash(_(str(error)))
    return redirect(url_for("console.school", school=school))


def _parse_check_time(typed: str) -> datetime:
    """An hour of today on the district's clocks; empty: now."""
    at = now()
    if not typed:
        return at
    try:
        hour = datetime.strptime(typed, "%H:%M").time()
    except ValueError:
        raise SchoolStatusError(SCHOOL_ERROR_TEXTS[2]) from None
    local = get_runtime().library.district.to_local_time(at)
    return local.replace(hour=hour.hour, minute=hour.minute, second=0, microsecond=0).astimezone(at.tzinfo)


@console.post("/schools/withdraw")
@allow_roles(STAFF)
def withdraw_status() -> ResponseReturnValue:
    """Nobody reads it any more, and those who were told hear so."""
    with get_runtime().database.read() as db:
        found = school_statuses.find(db, read_form_row_id())
    if found is None:
        abort(404, _("This school has no status."))
    if not _can_set_status(found.school):
        abort(403, _("Only the safety lead's team can post a school status."))
    done = withdraw_school_status(get_runtime(), found.id, current_user.by)
    flash(_("Status withdrawn. Families who saw it get a correction.") if done else _("This school has no status."))
    return redirect(url_for("console.school", school=found.school))


@console.post("/schools/ready")
@allow_roles(APPROVER)
def make_ready() -> ResponseReturnValue:
    """Write the pair for every school that lacks it."""
    made = templates.create_missing(get_runtime(), current_user.by)
    flash(_("New drafts: {count}. Get each language and each draft approved.", count=made))
    return redirect(url_for("console.schools"))


@console.post("/schools/ready/propose")
@allow_roles(STAFF)
def propose_ready() -> ResponseReturnValue:
    """The first of two people."""
    return _run_release_step("propose")


@console.post("/schools/ready/confirm")
@allow_roles(STAFF)
def confirm_ready() -> ResponseReturnValue:
    """The second: it leaves.  What was said of the school before does not stand beside it."""
    return _run_release_step("confirm")


@console.post("/schools/ready/drop")
@allow_roles(STAFF)
def drop_ready() -> ResponseReturnValue:
    """Proposal withdrawn."""
    return _run_release_step("drop")


def _run_release_step(step: str) -> ResponseReturnValue:
    runtime = get_runtime()
    with runtime.database.read() as db:
        one = announcements_templates.find(db, read_form_row_id())
    if one is None:
        abort(404, _("This announcement template doesn't exist."))
    if not _can_release(one.school):
        abort(403, _("Only approvers, the safety lead, and the principal can send this template."))
    try:
        flash(_apply_release_step(step, one))
    except ReleaseError as error:
        sentences = [f"{sentence}." for sentence in str(error).rstrip(".").split(". ")]
        flash(" ".join(_(sentence) for sentence in sentences))
    return redirect(url_for("console.school", school=one.school))


def _apply_release_step(step: str, announcement_template: AnnouncementTemplate) -> str:
    here, by = get_runtime(), current_user.by
    if step == "drop":
        return (
            _("Proposal withdrawn.")
            if templates.drop_proposal(here, announcement_template.id, by)
            else _("There is no proposal.")
        )
    if step == "propose":
        templates.propose_release(here, announcement_template.id, by)
        return _("Proposed. A second person must confirm within 30 minutes. We are texting them now.")
    sent = templates.confirm_release(here, announcement_template.id, by)
    with here.database.read() as db:
        said = school_statuses.find_current_by_school(db, now()).get(announcement_template.school)
    if said and announcement_template.what == AGENTS_WERE_HERE:
        withdraw_school_status(here, said.id, by)
    return _("Sending now as announcement {number}.", number=sent.id)
