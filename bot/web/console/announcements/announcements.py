"""Announcements: the list, one announcement with its languages and approvals, and the form in which one is written."""

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
    """The newest announcements, and how each stands."""
    with get_runtime().database.read() as db:
        found = announcements.list_newest(
            db, ANNOUNCEMENT_LIST_SIZE, [one.announcement_id for one in templates.list_all(db)]
        )
    page = {
        "name": _get_staff_name,
        "states": ANNOUNCEMENT_STATE_LABELS,
        "kinds": ANNOUNCEMENT_KIND_LABELS,
        "days": _group_by_day(found),
    }
    page["hour"] = format_short_moment
    return render_template("console/announcements.html", found=found, **page)


def _group_by_day(newest: list[Announcement]) -> list[tuple[date, bool, list[Announcement]]]:
    """The last two weeks and all that is planned, by day: what leaves or left, and whether the day is to come."""
    here, days = get_runtime().library.district.to_local_time, defaultdict(list)
    today = here(now()).date()
    for one in newest:
        when = one.started_at or one.send_at
        if when and one.state != "stopped" and here(when).date() >= today - CALENDAR_LOOKBACK:
            days[here(when).date()].append(one)
    return [(day, day >= today, sorted(days[day], key=lambda one: one.send_at or now())) for day in sorted(days)]


@console.get("/announcements/<int:announcement_id>", endpoint="announcement")
@allow_roles(*ACCOUNT_ROLES)
def overview(announcement_id: int) -> str:
    """One announcement: its text, whom it is for, its languages, its approvals, and what can be done next."""
    found, here = get_announcement(announcement_id), get_runtime()
    standing = load_approval_status(here, found)
    page: dict[str, Any] = {
        "missing": describe_missing_approvals(here, standing),
        "approved_by": [_get_staff_name(one) for one in standing.approved_by],
    }
    page |= {"may_approve": can_approve(found), "may_release": can_release(found), "log": _list_log_entries(found)}
    return render_template("console/announcement.html", **_build_common_page(found), **page)


def _build_common_page(announcement: Announcement) -> dict[str, Any]:
    """What stands on every page of one announcement."""
    shown = {
        "one": announcement,
        "states": ANNOUNCEMENT_STATE_LABELS,
        "kinds": ANNOUNCEMENT_KIND_LABELS,
        "channels": CHANNEL_LABELS,
        "name": _get_staff_name,
    }
    return {
        **shown,
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
    """Only the languages, for the page that asks while some are being translated."""
    return render_template(
        "console/announcement_languages.html", **_build_common_page(get_announcement(announcement_id))
    )


@console.post("/announcements/<int:announcement_id>/languages")
@allow_roles(STAFF)
def ask_languages(announcement_id: int) -> ResponseReturnValue:
    """Have those languages drafted that nobody has asked for: families with a new one have come in since."""
    translation_drafts.request_drafts(get_runtime(), get_announcement(announcement_id))
    return redirect(url_for("console.announcement", announcement_id=announcement_id))


@console.get("/announcements/new")
@allow_roles(STAFF)
def new_announcement() -> str:
    """The empty form: nothing of the audience is chosen for anybody."""
    return _render_form(AnnouncementForm(channels=tuple(get_runtime().library.district.channels)))


@console.post("/announcements/new")
@allow_roles(STAFF)
def write_announcement() -> ResponseReturnValue:
    """Keep what was written, and have it drafted in every language."""
    return _save_announcement()


@console.get("/announcements/<int:announcement_id>/edit")
@allow_roles(STAFF)
def edit_announcement(announcement_id: int) -> ResponseReturnValue:
    """The form with a draft in it."""
    found = get_announcement(announcement_id)
    if found.state != "draft":
        return _reject_released(found)
    return _render_form(AnnouncementForm.from_announcement(get_runtime().library.district, found), found)


@console.post("/announcements/<int:announcement_id>/edit")
@allow_roles(STAFF)
def change_announcement(announcement_id: int) -> ResponseReturnValue:
    """Keep a draft that was written anew; whoever had approved it must do so again."""
    found = get_announcement(announcement_id)
    return _save_announcement(found) if found.state == "draft" else _reject_released(found)


def _reject_released(announcement: Announcement) -> ResponseReturnValue:
    flash(_("This announcement has been released: stop it, and write a new one."))
    return redirect(url_for("console.announcement", announcement_id=announcement.id))


def _save_announcement(before: Announcement | None = None) -> ResponseReturnValue:
    here, typed = get_runtime(), AnnouncementForm.from_fields(request.form)
    try:
        draft = build_draft(here.library.district, typed)
        number = before.id if before else None
        kept = composition.save_draft(here, draft, current_user.by, number, request.form.get("seen", ""))
    except AnnouncementFormError as wrong:
        return _render_form(typed, before, wrong.problems), 422
    except InvalidAnnouncementError as wrong:
        return _render_form(typed, before, {"text": _(str(wrong))}), 409
    translation_drafts.request_drafts(here, kept)
    return redirect(url_for("console.announcement", announcement_id=kept.id))


def _render_form(
    typed: AnnouncementForm, before: Announcement | None = None, problems: dict[str, str] | None = None
) -> str:
    district = get_runtime().library.district
    with get_runtime().database.read() as db:
        known = families.list_tags(db)
    chosen = {
        "senders": composition.list_senders(district),
        "district": district,
        "tags": known,
        "name": _get_staff_name,
    }
    more: dict[str, Any] = {
        "kinds": ANNOUNCEMENT_KIND_LABELS,
        "channels": CHANNEL_LABELS,
        "placeholders": ANNOUNCEMENT_PLACEHOLDERS,
    }
    most = composition.MAX_ANNOUNCEMENT_CHARACTERS
    if before:  # a form that was opened before somebody else's change stays one, however often it is sent
        more["seen"] = request.form.get("seen") or approval.compute_digest(before, {})
    return render_template(
        "console/compose.html", typed=typed, before=before, problems=problems or {}, most=most, **chosen, **more
    )


@console.get("/announcements/count")
@allow_roles(STAFF)
def count_audience() -> str:
    """So many families are meant and can be reached, for the form that asks while somebody chooses."""
    typed = AnnouncementForm.from_fields(request.args)
    if typed.everyone == bool(typed.roles):
        return _("Choose who gets it to see how many families that is.")
    draft = _build_audience_draft(typed)
    meant, reached = (
        approval.count_audience_families(get_runtime(), draft),
        approval.count_reachable_families(get_runtime(), draft),
    )
    return _("{meant} people are meant, {reached} of them can be reached now.", meant=meant, reached=reached)


def _build_audience_draft(typed: AnnouncementForm) -> AnnouncementDraft:
    """As much of a draft as the counting needs."""
    roles = tuple(composition.ROLE_BY_AUDIENCE[one] for one in typed.roles if one in composition.ROLE_BY_AUDIENCE)
    everyone = tuple(composition.ROLE_BY_AUDIENCE.values())
    audience = Audience(everyone if typed.everyone else roles, typed.schools, typed.languages, typed.tags)
    return AnnouncementDraft(typed.kind or "general", "", "", audience, now(), channels=typed.channels)
