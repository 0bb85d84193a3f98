"""Schools today: what families read of each school, saying how one is, and the announcements that wait ready for it."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.announcements import templates
from bot.announcements.approval import CannotRelease
from bot.announcements.templates import Waiting
from bot.base.database import now
from bot.school_status.rumor_replies import ANSWERED_WITHIN
from bot.school_status.status_change import CannotSet, Wish, as_read, may_set, set_status, withdraw
from bot.store.announcements import templates as announcements_templates
from bot.store.announcements.templates import HAVE_LEFT, WERE_HERE, Ready
from bot.store.schools import school_statuses
from bot.store.schools.school_statuses import KINDS, Status
from bot.web.console.core.case_view import name_of
from bot.web.console.core.console_i18n import N_, _, language_name
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import APPROVER, LEADS, ROLES, STAFF, VIEWER, allowed, row_in_form
from bot.web.core.current_runtime import services

SHOWN = 30
HOURS = (1, 2, 3, 4)
KIND_WORDS = {
    "no_agents": N_("No agents were there"),
    "checking": N_("Somebody is checking"),
    "normal_day": N_("A normal school day"),
}
WHAT = {WERE_HERE: N_("“Agents were at the school”"), HAVE_LEFT: N_("“They have left”")}
SENTENCES = (
    N_("There is no such school."),
    N_("Choose what was found."),
    N_("Say when it was checked: within the last hour. What is older, check again."),
    N_("Say for how long it counts: four hours at most."),
    N_("The front office has agents on record there now. End that first, or say somebody is checking."),
    N_("Nobody or too few people have approved it yet."),
    N_("It was approved too long ago: look at the words again, and give it a later time."),
    N_("It does not fit one message in every language."),
)
"""What the rooms below say, for the catalogs."""


@console.get("/schools", endpoint="schools")
@allowed(*ROLES)
def schools_page() -> str:
    """Every school, and what families read of it now."""
    here, at = services(), now()
    with here.database.read() as db:
        found, pairs = school_statuses.current(db, at), announcements_templates.every(db)
    district = here.library.district
    page = {"found": found, "schools": district.schools, "kinds": KIND_WORDS, "proposed": _proposed(pairs, at)}
    lacking = 2 * len(district.schools) - len(pairs)
    return render_template("console/schools.html", **page, lacking=lacking, may_make=current_user.role in LEADS)


def _proposed(pairs: list[Ready], at: datetime) -> frozenset[str]:
    return frozenset(one.school for one in pairs if one.proposed(at))


@console.get("/schools/<school>", endpoint="school")
@allowed(*ROLES)
def school_page(school: str) -> str:
    """One school: what families read, the form, its ready-made announcements, what was said before."""
    here, at = services(), now()
    _known(school)
    with here.database.read() as db:
        found = school_statuses.current(db, at).get(school)
        before = school_statuses.newest(db, school, SHOWN)
        rumours = school_statuses.reported(db, at - ANSWERED_WITHIN)
        pair = [one for one in announcements_templates.every(db) if one.school == school]
    page: dict[str, Any] = {"school": school, "name": here.library.district.schools[school].name, "now": found}
    page |= {"reads": as_read(here, found) if found else "", "before": before, "kinds": KIND_WORDS, "hours": HOURS}
    page |= {"samples": {kind: _sample(school, kind, at) for kind in KINDS}, "who": lambda by: name_of(here, by)}
    page |= {"may": _may(school), "once": secrets.token_hex(8)}
    page["rumours"] = {"here": rumours.get(school, 0), "nowhere": rumours.get(None, 0)} if _may(school) else {}
    return render_template("console/school.html", **page, **_ready(school, pair, at))


def _ready(school: str, pair: list[Ready], at: datetime) -> dict[str, Any]:
    """The pair, the one that is offered first in front."""
    found = templates.waiting(services(), school) if current_user.role != VIEWER else []
    first = templates.offered(pair, at)
    found.sort(key=lambda one: one.ready.what != (first or WERE_HERE))
    return {"pair": found, "first": first, "what": WHAT, "states": {one.ready.id: _state(one, at) for one in found},
            "may_release": _may_release(school), "language_name": language_name}  # fmt: skip


def _state(one: Waiting, at: datetime) -> str:
    """Where a ready-made announcement stands for who is logged in."""
    if one.ready.just_released(at):
        return "released"
    if one.ready.proposed(at):
        return "mine" if one.ready.proposed_by == current_user.by else "proposed"
    return "missing" if one.missing else "ready"


def _sample(school: str, kind: str, at: datetime) -> str:
    """What families would read."""
    return as_read(services(), Status(0, school, kind, at, at + timedelta(hours=2), ""))


def _known(school: str) -> str:
    return school if school in services().library.district.schools else abort(404, _("There is no such school."))


def _may(school: str) -> bool:
    return current_user.role in LEADS or (
        current_user.role == STAFF and may_set(services().library.district, current_user.staff, school)
    )


def _may_release(school: str) -> bool:
    return current_user.role in LEADS or (
        current_user.role == STAFF and templates.may_release(services().library.district, current_user.staff, school)
    )


@console.post("/schools/status")
@allowed(STAFF)
def say_status() -> ResponseReturnValue:
    """Say how a school is: families who ask read it from now on."""
    school = _known(request.form.get("school", ""))
    if not _may(school):
        abort(403, _("Only the people of the safety lead say how a school is."))
    hours = request.form.get("hours", 0, type=int)
    kind, once = request.form.get("kind", ""), request.form.get("once", "")[:32] or secrets.token_hex(8)
    try:
        checked = _checked(request.form.get("checked", ""))
        wish = Wish(school, kind, checked, timedelta(hours=max(0, min(hours, 24))), current_user.by, f"form:{once}")
        set_status(services(), wish)
        flash(_("Families who ask read it from now on. Those who had reported a rumor are told what was found."))
    except CannotSet as error:
        flash(_(str(error)))
    return redirect(url_for("console.school", school=school))


def _checked(typed: str) -> datetime:
    """An hour of today on the district's clocks; empty: now."""
    at = now()
    if not typed:
        return at
    try:
        hour = datetime.strptime(typed, "%H:%M").time()
    except ValueError:
        raise CannotSet(SENTENCES[2]) from None
    local = services().library.district.local(at)
    return local.replace(hour=hour.hour, minute=hour.minute, second=0, microsecond=0).astimezone(at.tzinfo)


@console.post("/schools/withdraw")
@allowed(STAFF)
def withdraw_status() -> ResponseReturnValue:
    """Nobody reads it any more, and those who were told hear so."""
    with services().database.read() as db:
        found = school_statuses.find(db, row_in_form())
    if found is None:
        abort(404, _("Nothing is said about this school now."))
    if not _may(found.school):
        abort(403, _("Only the people of the safety lead say how a school is."))
    done = withdraw(services(), found.id, current_user.by)
    flash(_("Taken back. Those who were told hear so.") if done else _("Nothing is said about this school now."))
    return redirect(url_for("console.school", school=found.school))


@console.post("/schools/ready")
@allowed(APPROVER)
def make_ready() -> ResponseReturnValue:
    """Write the pair for every school that lacks it."""
    made = templates.make(services(), current_user.by)
    flash(_("New drafts: {count}. Each language needs a person's approval, and each draft its approvals.", count=made))
    return redirect(url_for("console.schools"))


@console.post("/schools/ready/propose")
@allowed(STAFF)
def propose_ready() -> ResponseReturnValue:
    """The first of two people."""
    return _release("propose")


@console.post("/schools/ready/confirm")
@allowed(STAFF)
def confirm_ready() -> ResponseReturnValue:
    """The second: it leaves.  What was said of the school before does not stand beside it."""
    return _release("confirm")


@console.post("/schools/ready/drop")
@allowed(STAFF)
def drop_ready() -> ResponseReturnValue:
    """The proposal is taken back."""
    return _release("drop")


def _release(step: str) -> ResponseReturnValue:
    here = services()
    with here.database.read() as db:
        one = announcements_templates.find(db, row_in_form())
    if one is None:
        abort(404, _("There is no such ready-made announcement."))
    if not _may_release(one.school):
        abort(403, _("Only approvers, the safety lead and the principal release it."))
    try:
        flash(_step(step, one))
    except CannotRelease as error:
        sentences = [f"{sentence}." for sentence in str(error).rstrip(".").split(". ")]
        flash(" ".join(_(sentence) for sentence in sentences))
    return redirect(url_for("console.school", school=one.school))


def _step(step: str, one: Ready) -> str:
    here, by = services(), current_user.by
    if step == "drop":
        return _("The proposal is taken back.") if templates.drop(here, one.id, by) else _("There was no proposal.")
    if step == "propose":
        templates.propose(here, one.id, by)
        return _("Proposed. It leaves when a second person confirms it within 30 minutes; they get a text now.")
    sent = templates.confirm(here, one.id, by)
    with here.database.read() as db:
        said = school_statuses.current(db, now()).get(one.school)
    if said and one.what == WERE_HERE:
        withdraw(here, said.id, by)
    return _("It leaves now, as announcement {number}.", number=sent.id)
