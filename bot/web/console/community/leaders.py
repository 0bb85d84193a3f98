"""Community leaders: the register, the plan for the first week, the queue through which all of the district asks."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
from bot.community import contact_rules, register
from bot.community.overdue_contacts import OFFICE
from bot.community.register import AskedLately
from bot.content.district import District
from bot.store.community import community_leaders
from bot.store.community.community_leaders import Leader, Request, Task
from bot.web.console.core.case_view import name_of
from bot.web.console.core.console_i18n import N_, _, moment
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import SEE_ALL, STAFF, allowed, roles_of
from bot.web.console.meetings.meeting_page import phone_of
from bot.web.core.current_runtime import services

KINDS = {
    "faith": N_("Faith leaders"),
    "legal": N_("Legal aid"),
    "community": N_("Community organization"),
    "clinic": N_("Clinic"),
    "culture": N_("Cultural association"),
    "other": N_("Others"),
}
DID = (
    N_("wrote a leader in"), N_("asked for a leader"), N_("talked with a leader"), N_("took a leader out"),
    N_("changed a leader task"), N_("erased a family"),
)  # fmt: skip
"""What the audit log tells of leaders, and of families that were erased, for the catalogs."""
INVITATION_CHARACTERS = 2000


@dataclass(frozen=True)
class Row:
    """One leader as the page shows it; `phone` "" for whoever asks through the queue; `until`: not to be called yet."""

    leader: Leader
    phone: str
    overdue: bool
    waiting: Request | None
    until: str
    mine: bool
    """Whether this person calls."""


def _today() -> date:
    return services().library.district.local(now()).date()


def _district() -> District:
    return services().library.district


@console.get("/leaders", endpoint="leaders")
@allowed(STAFF)
def leader_list() -> str:
    """One plan for the district and all schools: who is known, when somebody talked with them, what is wanted."""
    return _page()


def _page(problem: str = "") -> str:
    here, todo = services(), register.tasks(services())
    with here.database.read() as db:
        found = community_leaders.every(db, here.database.vault)
        queue = community_leaders.open_ones(db)
        last = {one.id: community_leaders.last_done(db, one.id) for one in found}
    rows = [_row(one, queue, last[one.id]) for one in found]
    shown: dict[str, Any] = {"rows": rows, "todo": todo, "today": _today(), "kinds": KINDS, "name": _name}
    shown |= {"queue": queue, "district": _district(), "problem": problem, "most": INVITATION_CHARACTERS}
    return render_template("console/leaders.html", **shown)


def _row(one: Leader, queue: list[Request], last: Request | None) -> Row:
    waiting = next((each for each in queue if each.leader_id == one.id and each.with_id is None), None)
    until = contact_rules.not_before(last.done_at if last else None)
    later = moment(until) if until and until > now() else ""
    mine = _keeps(one)
    return Row(one, one.phone if mine else "", contact_rules.overdue(one, _today()), waiting, later, mine)


def _keeps(one: Leader) -> bool:
    """Who calls: the owner, the superintendent's office, whoever sees everything.  All others ask in the queue."""
    if current_user.role in SEE_ALL or current_user.by == one.owner:
        return True
    return OFFICE in roles_of(_district(), current_user.staff)


def _name(staff: str | None) -> str:
    return name_of(services(), staff)


@console.post("/leaders")
@allowed(STAFF)
def keep_leader() -> ResponseReturnValue:
    """Write somebody into the register, by hand: nothing is imported."""
    found = _typed(0, None)
    if isinstance(found, str):
        return _page(found), 422
    number = register.keep(services(), found, current_user.by, texts=bool(request.form.get("texts")))
    if number is None:
        return _page(_("This number stands in the register already.")), 409
    return redirect(url_for("console.leaders"))


def _typed(number: int, before: Leader | None) -> Leader | str:
    """The leader that was typed, or what is wrong with it."""
    form = request.form
    name, organization = (form.get(field, "").strip()[:120] for field in ("name", "organization"))
    phone, owner, kind = phone_of(form.get("phone", "")), form.get("owner", ""), form.get("kind", "")
    if not organization or phone is None or owner not in _district().staff or kind not in KINDS:
        return _("Write the organization, a phone number such as 217-555-0199, and who keeps the contact.")
    languages = tuple(one for one in form.getlist("languages") if one in _district().languages)
    contacted = _day(form.get("contacted_on", "")) or (before.contacted_on if before else None)
    if contacted and contacted > _today():
        return _("The last contact is a day that has been.")
    due = _next_due(before, contacted, _day(form.get("due_on", "")))
    channel = form.get("channel", "").strip()[:160]
    return Leader(number, name, phone, organization, kind, languages, channel, owner, contacted, due)


def _next_due(before: Leader | None, contacted: date | None, typed: date | None) -> date:
    """The day that was typed; one that only stood in the form gives way when somebody has called since."""
    stale = before is not None and before.due_on == typed and before.contacted_on != contacted
    return contact_rules.next_call(contacted, _today()) if typed is None or stale else typed


def _day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return None


def _of_id(leader_id: int) -> Leader:
    with services().database.read() as db:
        found = community_leaders.find(db, services().database.vault, leader_id)
    return found or abort(404, _("There is no leader {number}.", number=leader_id))


@console.get("/leaders/<int:leader_id>")
@allowed(STAFF)
def leader(leader_id: int) -> str:
    """The form with what is known."""
    return _leader(_of_id(leader_id))


def _leader(one: Leader, problem: str = "") -> str:
    shown = {"one": one, "kinds": KINDS, "district": _district(), "may": _keeps(one), "problem": problem}
    return render_template("console/leader.html", **shown)


@console.post("/leaders/<int:leader_id>")
@allowed(STAFF)
def change_leader(leader_id: int) -> ResponseReturnValue:
    """Keep what is known now; only for whoever keeps the contact."""
    one = _of_id(leader_id)
    if not _keeps(one):
        abort(403, _("Only who keeps this contact can change it."))
    if request.form.get("leave"):
        register.leave(services(), one, current_user.by)
        return redirect(url_for("console.leaders"))
    found = _typed(one.id, one)
    if isinstance(found, str):
        return _leader(one, found), 422
    if register.keep(services(), found, current_user.by) is None:
        return _leader(one, _("This number stands in the register already.")), 409
    return redirect(url_for("console.leaders"))


@console.post("/leaders/<int:leader_id>/ask")
@allowed(STAFF)
def ask_leader(leader_id: int) -> ResponseReturnValue:
    """Queue a matter: it joins what waits, or is refused with who called this leader within the week."""
    one, why = _of_id(leader_id), " ".join(request.form.get("why", "").split())[:200]
    if not why:
        return _page(_("Write what it is about.")), 422
    try:
        before = register.ask(services(), one, why, current_user.by)
    except AskedLately as lately:
        return _page(_lately(one, lately)), 409
    if before:
        who, when = _name(before.asked_by), moment(before.asked_at)
        flash(_("{name} asked on {when}: yours is asked in the same call.", name=who, when=when))
    return redirect(url_for("console.leaders"))


def _lately(one: Leader, lately: AskedLately) -> str:
    who, why = _name(lately.last.done_by), lately.last.why
    return _(
        "{organization} was called by {name} less than a week ago ({why}). Ask again from {until} on.",
        organization=one.organization, name=who, why=why, until=moment(lately.until),
    )  # fmt: skip


@console.post("/leaders/requests/<int:request_id>")
@allowed(STAFF)
def leader_asked(request_id: int) -> ResponseReturnValue:
    """Somebody talked with the leader: only who keeps the contact calls, so only they can say so."""
    with services().database.read() as db:
        asked = next((one for one in community_leaders.open_ones(db) if one.id == request_id), None)
    if asked and not _keeps(_of_id(asked.leader_id)):
        abort(403, _("Only who keeps this contact can change it."))
    register.done(services(), request_id, current_user.by)
    return redirect(url_for("console.leaders"))


@console.post("/leaders/tasks")
@allowed(STAFF)
def change_task() -> ResponseReturnValue:
    """Another day, person or wording of a task of the first week."""
    kind, owner = request.form.get("kind", ""), request.form.get("owner", "")
    day, words = _day(request.form.get("due_on", "")), request.form.get("invitation", "").replace("\r\n", "\n").strip()
    if kind not in contact_rules.KINDS or owner not in _district().staff or day is None or not words:
        return _page(_("Choose a person and a day, and write the invitation.")), 422
    register.set_task(services(), Task(kind, day, owner, words[:INVITATION_CHARACTERS]), current_user.by)
    return redirect(url_for("console.leaders"))
