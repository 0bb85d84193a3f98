"""Serve the register of facts, policies, partners, and sources with their reviews, and the weekly digest."""

from collections import defaultdict
from datetime import date
from functools import partial

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
from bot.content_review import weekly_digest
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
    """Show all entries, or those of the chosen owner. Entries that need a review come first."""
    runtime = get_runtime()
    entries = list_entries(runtime)
    chosen_owner = request.args.get("owner", "")
    with runtime.database.read() as db:
        last_reviews = content_reviews.find_last_by_subject(db)
        newest_reviews = content_reviews.list_newest(db, REVIEW_LOG_SIZE)
    return render_template(
        "console/register.html",
        found=[entry for entry in entries if chosen_owner in ("", entry.owner)],
        owners=sorted({entry.owner for entry in entries}),
        chosen=chosen_owner,
        last=last_reviews,
        log=newest_reviews,
        words=REGISTER_STATE_LABELS,
        people=_get_owner_names(runtime.library.district, entries),
        name=partial(get_staff_name, runtime),
        may=bool(current_user.may_open("console.look_at")),
        most=MAX_REVIEW_NOTE_LENGTH,
    )


def _get_owner_names(district: District, entries: list[RegisterEntry]) -> dict[str, str]:
    """Return owner (a role) -> names of the staff members who have the task."""
    owners = {entry.owner for entry in entries}
    return {
        owner: ", ".join(district.staff[staff_id].name for staff_id in district.find_owners(owner)) for owner in owners
    }


@console.post("/register/looked")
@allow_roles(STAFF, RECORDS_OFFICER)
def look_at() -> ResponseReturnValue:
    """Save a review: the entry is still correct, or it must change. This changes no file."""
    answer, note = request.form.get("right", ""), request.form.get("note", "")[:MAX_REVIEW_NOTE_LENGTH]
    if answer not in ("yes", "no"):
        abort(400, _("Choose whether it is still correct."))
    subject = request.form.get("subject", "")[:64]
    if not record_review(get_runtime(), subject, current_user.by, answer == "yes", note):
        abort(404, _("This entry is no longer on the list."))
    flash(_("Saved. To change the text itself, edit its file.") if answer == "no" else _("Saved."))
    return redirect(url_for("console.register", owner=request.form.get("owner") or None))


@console.get("/digest", endpoint="digest")
@allow_roles(*ACCOUNT_ROLES)
def digest_page() -> str:
    """Show the newest digest, the notes for staff, who read the digest, and which owners didn't."""
    runtime = get_runtime()
    district = runtime.library.district
    with runtime.database.read() as db:
        digest = digests.find_newest(db)
        readers = digests.list_readers(db, digest.week) if digest else ()
    names_by_role: dict[str, list[str]] = defaultdict(list)
    for reader in readers:
        names_by_role[reader.role].append(get_staff_name(runtime, reader.by))
    today = district.to_local_time(now()).date()
    reader_ids = {reader.by for reader in readers}
    return render_template(
        "console/digest.html",
        one=digest,
        by_role=dict(names_by_role),
        mine=current_user.by in reader_ids,
        notes=[note for note in district.context.values() if note.is_current(today)],
        missing=_list_missing_readers(reader_ids),
    )


def _list_missing_readers(reader_ids: set[str]) -> list[tuple[str, str]]:
    """Return (name, role) of each owner who got the digest and didn't mark it as read."""
    runtime = get_runtime()
    district = runtime.library.district
    # A dict, not a set, keeps the order of the register.
    owner_ids: dict[str, None] = {}
    for entry in list_entries(runtime):
        owner_ids.update(dict.fromkeys(district.find_owners(entry.owner)))
    missing = [district.staff[owner_id] for owner_id in owner_ids if owner_id not in reader_ids]
    return [(person.name, person.role) for person in missing]


@console.post("/digest/read")
@allow_roles(*ACCOUNT_ROLES)
def read_digest() -> ResponseReturnValue:
    """Record that this person read the digest."""
    try:
        week = date.fromisoformat(request.form.get("week", ""))
    except ValueError:
        abort(400, _("There is no digest yet."))
    person = get_runtime().library.district.staff.get(current_user.staff or "")
    role = person.role if person else current_user.role
    weekly_digest.record_reader(get_runtime(), week, current_user.by, role)
    return redirect(url_for("console.digest"))
