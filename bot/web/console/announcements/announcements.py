"""The announcement pages: the list, one announcement with its languages and approvals, and the form to write one."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.announcements import approval, composition, translation_drafts
from bot.announcements.composition import InvalidAnnouncementError
from bot.announcements.text import ANNOUNCEMENT_PLACEHOLDERS
from bot.base.database import now
from bot.store import audit_log
from bot.store.announcements import announcements, templates
from bot.store.announcements.announcements import Announcement, AnnouncementDraft, Audience
from bot.store.families import families
from bot.web.console.announcements.compose_form import AnnouncementForm, AnnouncementFormError, build_draft
from bot.web.console.announcements.shared import (
    ANNOUNCEMENT_KIND_LABELS,
    ANNOUNCEMENT_STATE_LABELS,
    CHANNEL_LABELS,
    can_approve,
    can_release,
    describe_audience,
    describe_missing_approvals,
    get_announcement,
    list_language_statuses,
    load_approval_status,
)
from bot.web.console.core.case_view import get_staff_name
from bot.web.console.core.console_i18n import _, format_short_moment
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ACCOUNT_ROLES, STAFF, allow_roles
from bot.web.core.current_runtime import get_runtime

ANNOUNCEMENT_LIST_SIZE = 50
CALENDAR_LOOKBACK = timedelta(days=14)
ANNOUNCEMENT_LOG_SIZE = 30


@console.get("/announcements", endpoint="announcements")
@allow_roles(*ACCOUNT_ROLES)
def announcement_list() -> str:
    """Show the newest announcements and their states, without announcement templates."""
    with get_runtime().database.read() as db:
        template_ids = [template.announcement_id for template in templates.list_all(db)]
        newest = announcements.list_newest(db, ANNOUNCEMENT_LIST_SIZE, template_ids)
    page = {
        "name": _get_staff_name,
        "states": ANNOUNCEMENT_STATE_LABELS,
        "kinds": ANNOUNCEMENT_KIND_LABELS,
        "days": _group_by_day(newest),
        "hour": format_short_moment,
    }
    return render_template("console/announcements.html", found=newest, **page)


def _group_by_day(newest: list[Announcement]) -> list[tuple[date, bool, list[Announcement]]]:
    """Group recent and scheduled announcements by day, as (day, is today or later, announcements)."""
    to_local_time = get_runtime().library.district.to_local_time
    today = to_local_time(now()).date()
    by_day = defaultdict(list)
    for announcement in newest:
        send_at = announcement.started_at or announcement.send_at
        if send_at is None or announcement.state == "stopped":
            continue
        day = to_local_time(send_at).date()
        if day >= today - CALENDAR_LOOKBACK:
            by_day[day].append(announcement)
    for announcements_of_day in by_day.values():
        announcements_of_day.sort(key=lambda announcement: announcement.send_at or now())
    return [(day, day >= today, by_day[day]) for day in sorted(by_day)]


@console.get("/announcements/<int:announcement_id>", endpoint="announcement")
@allow_roles(*ACCOUNT_ROLES)
def overview(announcement_id: int) -> str:
    """Show one announcement: its text, audience, languages, approvals, and possible next actions."""
    announcement, runtime = get_announcement(announcement_id), get_runtime()
    status = load_approval_status(runtime, announcement)
    page: dict[str, Any] = {
        "missing": describe_missing_approvals(runtime, status),
        "approved_by": [_get_staff_name(staff) for staff in status.approved_by],
        "may_approve": can_approve(announcement),
        "may_release": can_release(announcement),
        "log": _list_log_entries(announcement),
    }
    return render_template("console/announcement.html", **_build_common_page(announcement), **page)


def _build_common_page(announcement: Announcement) -> dict[str, Any]:
    """Build the template values that all pages of one announcement share."""
    return {
        "one": announcement,
        "states": ANNOUNCEMENT_STATE_LABELS,
        "kinds": ANNOUNCEMENT_KIND_LABELS,
        "channels": CHANNEL_LABELS,
        "name": _get_staff_name,
        "audience": describe_audience(announcement.audience),
        "languages": list_language_statuses(get_runtime(), announcement),
    }


def _list_log_entries(announcement: Announcement) -> list[audit_log.AuditEntry]:
    with get_runtime().database.read() as db:
        return list(audit_log.list_newest(db, ANNOUNCEMENT_LOG_SIZE, f"announcement {announcement.id}"))


def _get_staff_name(staff: str | None) -> str:
    return get_staff_name(get_runtime(), staff)


@console.get("/announcements/<int:announcement_id>/languages", endpoint="announcement_languages")
@allow_roles(*ACCOUNT_ROLES)
def languages_part(announcement_id: int) -> str:
    """Return only the languages. The page polls this while a translation is in progress."""
    return render_template(
        "console/announcement_languages.html", **_build_common_page(get_announcement(announcement_id))
    )


@console.post("/announcements/<int:announcement_id>/languages")
@allow_roles(STAFF)
def ask_languages(announcement_id: int) -> ResponseReturnValue:
    """Request drafts in languages that have none, because families with a new language can join later."""
    translation_drafts.request_drafts(get_runtime(), get_announcement(announcement_id))
    return redirect(url_for("console.announcement", announcement_id=announcement_id))


@console.get("/announcements/new")
@allow_roles(STAFF)
def new_announcement() -> str:
    """Show the empty form, without a preselected audience."""
    return _render_form(AnnouncementForm(channels=tuple(get_runtime().library.district.channels)))


@console.post("/announcements/new")
@allow_roles(STAFF)
def write_announcement() -> ResponseReturnValue:
    """Save the announcement, and request a draft in every language."""
    return _save_announcement()


@console.get("/announcements/<int:announcement_id>/edit")
@allow_roles(STAFF)
def edit_announcement(announcement_id: int) -> ResponseReturnValue:
    """Show the form with a saved draft."""
    announcement = get_announcement(announcement_id)
    if announcement.state != "draft":
        return _reject_released(announcement)
    form = AnnouncementForm.from_announcement(get_runtime().library.district, announcement)
    return _render_form(form, announcement)


@console.post("/announcements/<int:announcement_id>/edit")
@allow_roles(STAFF)
def change_announcement(announcement_id: int) -> ResponseReturnValue:
    """Save a changed draft, which then needs new approvals."""
    announcement = get_announcement(announcement_id)
    if announcement.state != "draft":
        return _reject_released(announcement)
    return _save_announcement(announcement)


def _reject_released(announcement: Announcement) -> ResponseReturnValue:
    flash(_("This announcement is already scheduled or sent. Stop it, and write a new one."))
    return redirect(url_for("console.announcement", announcement_id=announcement.id))


def _save_announcement(before: Announcement | None = None) -> ResponseReturnValue:
    runtime, form = get_runtime(), AnnouncementForm.from_fields(request.form)
    announcement_id = before.id if before else None
    try:
        draft = build_draft(runtime.library.district, form)
        saved = composition.save_draft(runtime, draft, current_user.by, announcement_id, request.form.get("seen", ""))
    except AnnouncementFormError as error:
        return _render_form(form, before, error.problems), 422
    except InvalidAnnouncementError as error:
        return _render_form(form, before, {"text": _(str(error))}), 409
    translation_drafts.request_drafts(runtime, saved)
    return redirect(url_for("console.announcement", announcement_id=saved.id))


def _render_form(
    form: AnnouncementForm, before: Announcement | None = None, problems: dict[str, str] | None = None
) -> str:
    district = get_runtime().library.district
    with get_runtime().database.read() as db:
        tags = families.list_tags(db)
    page: dict[str, Any] = {
        "senders": composition.list_senders(district),
        "district": district,
        "tags": tags,
        "name": _get_staff_name,
        "kinds": ANNOUNCEMENT_KIND_LABELS,
        "channels": CHANNEL_LABELS,
        "placeholders": ANNOUNCEMENT_PLACEHOLDERS,
        "most": composition.MAX_ANNOUNCEMENT_CHARACTERS,
    }
    if before:
        # Keep the digest that the form was opened with. If another person changed the draft, each retry is rejected.
        page["seen"] = request.form.get("seen") or approval.compute_digest(before, {})
    return render_template("console/compose.html", typed=form, before=before, problems=problems or {}, **page)


@console.get("/announcements/count")
@allow_roles(STAFF)
def count_audience() -> str:
    """Return how many people the audience contains and how many Puente can reach. The form polls this."""
    form = AnnouncementForm.from_fields(request.args)
    if form.everyone == bool(form.roles):
        return _("To see the number of families, choose an audience.")
    draft = _build_audience_draft(form)
    meant = approval.count_audience_families(get_runtime(), draft)
    reached = approval.count_reachable_families(get_runtime(), draft)
    return _("Audience: {meant} people. We can reach {reached} of them now.", meant=meant, reached=reached)


def _build_audience_draft(form: AnnouncementForm) -> AnnouncementDraft:
    """Build a draft with only the fields that counting needs."""
    role_by_audience = composition.ROLE_BY_AUDIENCE
    if form.everyone:
        roles = tuple(role_by_audience.values())
    else:
        roles = tuple(role_by_audience[role] for role in form.roles if role in role_by_audience)
    audience = Audience(roles, form.schools, form.languages, form.tags)
    return AnnouncementDraft(form.kind or "general", "", "", audience, now(), channels=form.channels)
