"""Staying informed: the register of all facts, policies and sources; who looked at what; the weekly digest."""

from collections import defaultdict
from datetime import date

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
from bot.content.district import District
from bot.content.source_register import (
    ENDING_SOON_STATE,
    NOT_STATED_STATE,
    REVIEW_NEEDED_STATE,
    REVIEWED_STATE,
    STATED_STATE,
    RegisterEntry,
)
from bot.content_review import weekly_digest as weekly
from bot.content_review.reviews import list_entries, record_review
from bot.store.community import content_reviews, digests
from bot.store.community.content_reviews import MAX_REVIEW_NOTE_LENGTH
from bot.web.console.core.case_view import get_staff_name
from bot.web.console.core.console_i18n import N_, _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ACCOUNT_ROLES, RECORDS_OFFICER, STAFF, allow_roles
from bot.web.core.current_runtime import get_runtime

REVIEW_LOG_SIZE = 40
REGISTER_STATE_LABELS = {
    STATED_STATE: N_("current"),
    ENDING_SOON_STATE: N_("expires soon"),
    NOT_STATED_STATE: N_("not shown to families now"),
    REVIEW_NEEDED_STATE: N_("review this week"),
    REVIEWED_STATE: N_("reviewed recently"),
}


@console.get("/register", endpoint="register")
@allow_roles(*ACCOUNT_ROLES)
def register_page() -> str:
    """Everything that is stated or rested on, what needs somebody first; of one owner, if one is chosen."""
    here, found = get_runtime(), list_entries(get_runtime())
    owners = sorted({one.owner for one in found})
    chosen = request.args.get("owner", "")
    with here.database.read() as db:
        last, log = content_reviews.find_last_by_subject(db), content_reviews.list_newest(db, REVIEW_LOG_SIZE)
    shown = [one for one in found if chosen in ("", one.owner)]
    page = {
        "found": shown,
        "owners": owners,
        "chosen": chosen,
        "last": last,
        "log": log,
        "words": REGISTER_STATE_LABELS,
    }
    page |= {"people": _get_owner_names(here.library.district, found), "name": lambda who: get_staff_name(here, who)}
    return render_template("console/register.html", **page, may=_can_review(), most=MAX_REVIEW_NOTE_LENGTH)


def _can_review() -> bool:
    return bool(current_user.may_open("console.look_at"))


def _get_owner_names(district: District, found: list[RegisterEntry]) -> dict[str, str]:
    """Owner (a role) → the name of who has the task."""
    return {one.owner: ", ".join(district.staff[who].name for who in district.find_owners(one.owner)) for one in found}


@console.post("/register/looked")
@allow_roles(STAFF, RECORDS_OFFICER)
def look_at() -> ResponseReturnValue:
    """Somebody has looked at it today: still right, or it must change.  No file changes by this."""
    right, note = request.form.get("right", ""), request.form.get("note", "")[:MAX_REVIEW_NOTE_LENGTH]
    if right not in ("yes", "no"):
        abort(400, _("Choose whether it is still correct."))
    if not record_review(get_runtime(), request.form.get("subject", "")[:64], current_user.by, right == "yes", note):
        abort(404, _("This entry is no longer on the list."))
    flash(_("Saved. To change the text itself, edit its file.") if right == "no" else _("Saved."))
    return redirect(url_for("console.register", owner=request.form.get("owner") or None))


@console.get("/digest", endpoint="digest")
@allow_roles(*ACCOUNT_ROLES)
def digest_page() -> str:
    """The newest digest, the notes for staff, and who has read it, by role; which owner has not."""
    runtime = get_runtime()
    with runtime.database.read() as db:
        found = digests.find_newest(db)
        readers = digests.list_readers(db, found.week) if found else ()
    by_role: dict[str, list[str]] = defaultdict(list)
    for one in readers:
        by_role[one.role].append(get_staff_name(runtime, one.by))
    today = runtime.library.district.to_local_time(now()).date()
    notes = [one for one in runtime.library.district.context.values() if one.is_current(today)]
    mine = any(one.by == current_user.by for one in readers)
    shown = {
        "by_role": dict(by_role),
        "mine": mine,
        "notes": notes,
        "missing": _list_missing_readers({one.by for one in readers}),
    }
    return render_template("console/digest.html", one=found, **shown)


def _list_missing_readers(readers: set[str]) -> list[tuple[str, str]]:
    """(name, role) of each who was sent it, for owning something, and has not said so."""
    district = get_runtime().library.district
    owners = dict.fromkeys(who for one in list_entries(get_runtime()) for who in district.find_owners(one.owner))
    return [(district.staff[who].name, district.staff[who].role) for who in owners if who not in readers]


@console.post("/digest/read")
@allow_roles(*ACCOUNT_ROLES)
def read_digest() -> ResponseReturnValue:
    """Say that one has read it."""
    try:
        week = date.fromisoformat(request.form.get("week", ""))
    except ValueError:
        abort(400, _("There is no digest yet."))
    person = get_runtime().library.district.staff.get(current_user.staff or "")
    weekly.record_reader(get_runtime(), week, current_user.by, person.role if person else current_user.role)
    return redirect(url_for("console.digest"))
