"""Announcements: the list, one announcement with its languages and approvals, and the form in which one is written."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.announcements import approval, composition, translation_drafts
from bot.announcements.composition import CannotSay
from bot.announcements.text import PLACEHOLDERS
from bot.base.database import now
from bot.store import audit_log
from bot.store.announcements import announcements, templates
from bot.store.announcements.announcements import Announcement, Audience, Draft
from bot.store.families import families
from bot.web.console.announcements.compose_form import Typed, Wrong, draft_of
from bot.web.console.announcements.shared import (
    CHANNELS,
    KINDS,
    STATES,
    audience_words,
    languages,
    may_approve,
    may_release,
    missing_words,
    of_id,
    standing_of,
)
from bot.web.console.core.case_view import name_of
from bot.web.console.core.console_i18n import _, short_moment
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ROLES, STAFF, allowed
from bot.web.core.current_runtime import services

SHOWN = 50
CALENDAR_BACK = timedelta(days=14)
LOG_SHOWN = 30


@console.get("/announcements", endpoint="announcements")
@allowed(*ROLES)
def announcement_list() -> str:
    """The newest announcements, and how each stands."""
    with services().database.read() as db:
        found = announcements.newest(db, SHOWN, [one.announcement_id for one in templates.every(db)])
    page = {"name": _name, "states": STATES, "kinds": KINDS, "days": _by_day(found)}
    page["hour"] = short_moment
    return render_template("console/announcements.html", found=found, **page)


def _by_day(found: list[Announcement]) -> list[tuple[date, bool, list[Announcement]]]:
    """The last two weeks and all that is planned, by day: what leaves or left, and whether the day is to come."""
    here, days = services().library.district.local, defaultdict(list)
    today = here(now()).date()
    for one in found:
        when = one.started_at or one.send_at
        if when and one.state != "stopped" and here(when).date() >= today - CALENDAR_BACK:
            days[here(when).date()].append(one)
    return [(day, day >= today, sorted(days[day], key=lambda one: one.send_at or now())) for day in sorted(days)]


@console.get("/announcements/<int:announcement_id>", endpoint="announcement")
@allowed(*ROLES)
def overview(announcement_id: int) -> str:
    """One announcement: its text, whom it is for, its languages, its approvals, and what can be done next."""
    found, here = of_id(announcement_id), services()
    standing = standing_of(here, found)
    page: dict[str, Any] = {
        "missing": missing_words(here, standing),
        "approved_by": [_name(one) for one in standing.by],
    }
    page |= {"may_approve": may_approve(found), "may_release": may_release(found), "log": _log(found)}
    return render_template("console/announcement.html", **_about(found), **page)


def _about(found: Announcement) -> dict[str, Any]:
    """What stands on every page of one announcement."""
    shown = {"one": found, "states": STATES, "kinds": KINDS, "channels": CHANNELS, "name": _name}
    return {**shown, "audience": audience_words(found.audience), "languages": languages(services(), found)}


def _log(found: Announcement) -> list[audit_log.Entry]:
    with services().database.read() as db:
        return list(audit_log.newest(db, LOG_SHOWN, f"announcement {found.id}"))


def _name(staff: str | None) -> str:
    return name_of(services(), staff)


@console.get("/announcements/<int:announcement_id>/languages", endpoint="announcement_languages")
@allowed(*ROLES)
def languages_part(announcement_id: int) -> str:
    """Only the languages, for the page that asks while some are being translated."""
    return render_template("console/announcement_languages.html", **_about(of_id(announcement_id)))


@console.post("/announcements/<int:announcement_id>/languages")
@allowed(STAFF)
def ask_languages(announcement_id: int) -> ResponseReturnValue:
    """Have those languages drafted that nobody has asked for: families with a new one have come in since."""
    translation_drafts.ask(services(), of_id(announcement_id))
    return redirect(url_for("console.announcement", announcement_id=announcement_id))


@console.get("/announcements/new")
@allowed(STAFF)
def new_announcement() -> str:
    """The empty form: nothing of the audience is chosen for anybody."""
    return _form(Typed(channels=tuple(services().library.district.channels)))


@console.post("/announcements/new")
@allowed(STAFF)
def write_announcement() -> ResponseReturnValue:
    """Keep what was written, and have it drafted in every language."""
    return _keep()


@console.get("/announcements/<int:announcement_id>/edit")
@allowed(STAFF)
def edit_announcement(announcement_id: int) -> ResponseReturnValue:
    """The form with a draft in it."""
    found = of_id(announcement_id)
    if found.state != "draft":
        return _no_draft(found)
    return _form(Typed.again(services().library.district, found), found)


@console.post("/announcements/<int:announcement_id>/edit")
@allowed(STAFF)
def change_announcement(announcement_id: int) -> ResponseReturnValue:
    """Keep a draft that was written anew; whoever had approved it must do so again."""
    found = of_id(announcement_id)
    return _keep(found) if found.state == "draft" else _no_draft(found)


def _no_draft(found: Announcement) -> ResponseReturnValue:
    flash(_("This announcement has been released: stop it, and write a new one."))
    return redirect(url_for("console.announcement", announcement_id=found.id))


def _keep(before: Announcement | None = None) -> ResponseReturnValue:
    here, typed = services(), Typed.of(request.form)
    try:
        draft = draft_of(here.library.district, typed)
        number = before.id if before else None
        kept = composition.keep(here, draft, current_user.by, number, request.form.get("seen", ""))
    except Wrong as wrong:
        return _form(typed, before, wrong.problems), 422
    except CannotSay as wrong:
        return _form(typed, before, {"text": _(str(wrong))}), 409
    translation_drafts.ask(here, kept)
    return redirect(url_for("console.announcement", announcement_id=kept.id))


def _form(typed: Typed, before: Announcement | None = None, problems: dict[str, str] | None = None) -> str:
    district = services().library.district
    with services().database.read() as db:
        known = families.all_tags(db)
    chosen = {"senders": composition.senders_of(district), "district": district, "tags": known, "name": _name}
    more: dict[str, Any] = {"kinds": KINDS, "channels": CHANNELS, "placeholders": PLACEHOLDERS}
    most = composition.TEXT_CHARACTERS
    if before:  # a form that was opened before somebody else's change stays one, however often it is sent
        more["seen"] = request.form.get("seen") or approval.digest(before, {})
    return render_template(
        "console/compose.html", typed=typed, before=before, problems=problems or {}, most=most, **chosen, **more
    )


@console.get("/announcements/count")
@allowed(STAFF)
def count_audience() -> str:
    """So many families are meant and can be reached, for the form that asks while somebody chooses."""
    typed = Typed.of(request.args)
    if typed.everyone == bool(typed.roles):
        return _("Choose who gets it to see how many families that is.")
    draft = _counted(typed)
    meant, reached = approval.meant_in_all(services(), draft), approval.size_of(services(), draft)
    return _("{meant} people are meant, {reached} of them can be reached now.", meant=meant, reached=reached)


def _counted(typed: Typed) -> Draft:
    """As much of a draft as the counting needs."""
    roles = tuple(composition.ROLE_OF[one] for one in typed.roles if one in composition.ROLE_OF)
    everyone = tuple(composition.ROLE_OF.values())
    audience = Audience(everyone if typed.everyone else roles, typed.schools, typed.languages, typed.tags)
    return Draft(typed.kind or "general", "", "", audience, now(), channels=typed.channels)
