"""Staying informed: the register of all facts, policies and sources; who looked at what; the weekly digest."""

from collections import defaultdict
from datetime import date

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
from bot.content.district import District
from bot.content.source_register import ENDS_SOON, LOOKED_AT, NOT_SAID, SAID, TO_LOOK_AT, Entry
from bot.content_review import weekly_digest as weekly
from bot.content_review.reviews import entries, look
from bot.store.community import content_reviews, digests
from bot.store.community.content_reviews import NOTE_CHARACTERS
from bot.web.console.core.case_view import name_of
from bot.web.console.core.console_i18n import N_, _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import RECORDS, ROLES, STAFF, allowed
from bot.web.core.current_runtime import services

LOG_SHOWN = 40
STATE_WORDS = {
    SAID: N_("counts"),
    ENDS_SOON: N_("ends soon"),
    NOT_SAID: N_("not said now"),
    TO_LOOK_AT: N_("to be read this week"),
    LOOKED_AT: N_("was read lately"),
}


@console.get("/register", endpoint="register")
@allowed(*ROLES)
def register_page() -> str:
    """Everything that is stated or rested on, what needs somebody first; of one owner, if one is chosen."""
    here, found = services(), entries(services())
    owners = sorted({one.owner for one in found})
    chosen = request.args.get("owner", "")
    with here.database.read() as db:
        last, log = content_reviews.last(db), content_reviews.newest(db, LOG_SHOWN)
    shown = [one for one in found if chosen in ("", one.owner)]
    page = {"found": shown, "owners": owners, "chosen": chosen, "last": last, "log": log, "words": STATE_WORDS}
    page |= {"people": _people(here.library.district, found), "name": lambda who: name_of(here, who)}
    return render_template("console/register.html", **page, may=_may_look(), most=NOTE_CHARACTERS)


def _may_look() -> bool:
    return bool(current_user.may_open("console.look_at"))


def _people(district: District, found: list[Entry]) -> dict[str, str]:
    """Owner (a role) → the name of who has the task."""
    return {one.owner: ", ".join(district.staff[who].name for who in district.owners(one.owner)) for one in found}


@console.post("/register/looked")
@allowed(STAFF, RECORDS)
def look_at() -> ResponseReturnValue:
    """Somebody has looked at it today: still right, or it must change.  No file changes by this."""
    right, note = request.form.get("right", ""), request.form.get("note", "")[:NOTE_CHARACTERS]
    if right not in ("yes", "no"):
        abort(400, _("Say whether it is still right."))
    if not look(services(), request.form.get("subject", "")[:64], current_user.by, right == "yes", note):
        abort(404, _("This is not in the register any more."))
    flash(_("Written down. The text itself is changed in its file.") if right == "no" else _("Written down."))
    return redirect(url_for("console.register", owner=request.form.get("owner") or None))


@console.get("/digest", endpoint="digest")
@allowed(*ROLES)
def digest_page() -> str:
    """The newest digest, the notes for staff, and who has read it, by role; which owner has not."""
    here = services()
    with here.database.read() as db:
        found = digests.newest(db)
        readers = digests.readers(db, found.week) if found else ()
    by_role: dict[str, list[str]] = defaultdict(list)
    for one in readers:
        by_role[one.role].append(name_of(here, one.by))
    today = here.library.district.local(now()).date()
    notes = [one for one in here.library.district.context.values() if one.current(today)]
    mine = any(one.by == current_user.by for one in readers)
    shown = {"by_role": dict(by_role), "mine": mine, "notes": notes, "missing": _not_read({one.by for one in readers})}
    return render_template("console/digest.html", one=found, **shown)


def _not_read(readers: set[str]) -> list[tuple[str, str]]:
    """(name, role) of each who was sent it, for owning something, and has not said so."""
    district = services().library.district
    owners = dict.fromkeys(who for one in entries(services()) for who in district.owners(one.owner))
    return [(district.staff[who].name, district.staff[who].role) for who in owners if who not in readers]


@console.post("/digest/read")
@allowed(*ROLES)
def read_digest() -> ResponseReturnValue:
    """Say that one has read it."""
    try:
        week = date.fromisoformat(request.form.get("week", ""))
    except ValueError:
        abort(400, _("There is no digest yet."))
    person = services().library.district.staff.get(current_user.staff or "")
    weekly.read(services(), week, current_user.by, person.role if person else current_user.role)
    return redirect(url_for("console.digest"))
