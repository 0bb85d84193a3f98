"""Community leaders: the register, the plan for the first week, the queue through which all of the district asks."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
from bot.community import contact_rules, register
from bot.community.overdue_contacts import LEADER_OFFICE_ROLE
from bot.community.register import LeaderAskedRecentlyError
from bot.content.district import District
from bot.store.community import community_leaders
from bot.store.community.community_leaders import CommunityLeader, LeaderRequest, LeaderTask
from bot.web.console.core.case_view import get_staff_name
from bot.web.console.core.console_i18n import N_, _, moment
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import SEE_ALL_ROLES, STAFF, allow_roles, find_on_call_roles
from bot.web.console.meetings.meeting_page import parse_phone_number
from bot.web.core.current_runtime import get_runtime

LEADER_KIND_LABELS = {
    "faith": N_("Faith leaders"),
    "legal": N_("Legal aid"),
    "community": N_("Community organization"),
    "clinic": N_("Clinic"),
    "culture": N_("Cultural association"),
    "other": N_("Other"),
}
LEADER_AUDIT_ACTIONS = (
    N_("wrote a leader in"), N_("asked for a leader"), N_("talked with a leader"), N_("took a leader out"),
    N_("changed a leader task"), N_("erased a family"),
)  # fmt: skip
"""What the audit log tells of leaders, and of families that were erased, for the catalogs."""
MAX_INVITATION_LENGTH = 2000


@dataclass(frozen=True)
class LeaderRow:
    """One leader as the page shows it; `phone` "" for whoever asks through the queue; `until`: not to be called yet."""

    leader: CommunityLeader
    phone: str
    overdue: bool
    waiting: LeaderRequest | None
    until: str
    mine: bool
    """Whether this person calls."""


def _get_today() -> date:
    return get_runtime().library.district.to_local_time(now()).date()


def _get_district() -> District:
    return get_runtime().library.district


@console.get("/leaders", endpoint="leaders")
@allow_roles(STAFF)
def leader_list() -> str:
    """One plan for the district and all schools: who is known, when somebody talked with them, what is wanted."""
    return _render_page()


def _render_page(problem: str = "") -> str:
    here, todo = get_runtime(), register.list_tasks(get_runtime())
    with here.database.read() as db:
        found = community_leaders.list_all(db)
        queue = community_leaders.list_open_requests(db)
        last = {one.id: community_leaders.find_last_completed_request(db, one.id) for one in found}
    rows = [_build_row(one, queue, last[one.id]) for one in found]
    shown: dict[str, Any] = {
        "rows": rows,
        "todo": todo,
        "today": _get_today(),
        "kinds": LEADER_KIND_LABELS,
        "name": _get_staff_name,
    }
    shown |= {"queue": queue, "district": _get_district(), "problem": problem, "most": MAX_INVITATION_LENGTH}
    return render_template("console/leaders.html", **shown)


def _build_row(community_leader: CommunityLeader, queue: list[LeaderRequest], last: LeaderRequest | None) -> LeaderRow:
    waiting = next((each for each in queue if each.leader_id == community_leader.id and each.with_id is None), None)
    until = contact_rules.find_next_allowed_time(last.done_at if last else None)
    later = moment(until) if until and until > now() else ""
    mine = _is_contact_owner(community_leader)
    return LeaderRow(
        community_leader,
        community_leader.phone if mine else "",
        contact_rules.is_overdue(community_leader, _get_today()),
        waiting,
        later,
        mine,
    )


def _is_contact_owner(community_leader: CommunityLeader) -> bool:
    """Who calls: the owner, the superintendent's office, whoever sees everything.  All others ask in the queue."""
    if current_user.role in SEE_ALL_ROLES or current_user.by == community_leader.owner:
        return True
    return LEADER_OFFICE_ROLE in find_on_call_roles(_get_district(), current_user.staff)


def _get_staff_name(staff: str | None) -> str:
    return get_staff_name(get_runtime(), staff)


@console.post("/leaders")
@allow_roles(STAFF)
def keep_leader() -> ResponseReturnValue:
    """Write somebody into the register, by hand: nothing is imported."""
    found = _read_leader_form(0, None)
    if isinstance(found, str):
        return _render_page(found), 422
    number = register.save_leader(
        get_runtime(), found, current_user.by, has_text_consent=bool(request.form.get("texts"))
    )
    if number is None:
        return _render_page(_("This number is already registered.")), 409
    return redirect(url_for("console.leaders"))


def _read_leader_form(number: int, before: CommunityLeader | None) -> CommunityLeader | str:
    """The leader that was typed, or what is wrong with it."""
    form = request.form
    name, organization = (form.get(field, "").strip()[:120] for field in ("name", "organization"))
    phone, owner, kind = parse_phone_number(form.get("phone", "")), form.get("owner", ""), form.get("kind", "")
    if not organization or phone is None or owner not in _get_district().staff or kind not in LEADER_KIND_LABELS:
        return _("Enter the organization, a phone number such as 217-555-0199, and the contact owner.")
    languages = tuple(one for one in form.getlist("languages") if one in _get_district().languages)
    contacted = _parse_day(form.get("contacted_on", "")) or (before.contacted_on if before else None)
    if contacted and contacted > _get_today():
        return _("The last contact can't be in the future.")
    due = _choose_next_due_date(before, contacted, _parse_day(form.get("due_on", "")))
    channel = form.get("channel", "").strip()[:160]
    return CommunityLeader(number, name, phone, organization, kind, languages, channel, owner, contacted, due)


def _choose_next_due_date(before: CommunityLeader | None, contacted: date | None, typed: date | None) -> date:
    """The day that was typed; one that only stood in the form gives way when somebody has called since."""
    stale = before is not None and before.due_on == typed and before.contacted_on != contacted
    return contact_rules.find_next_call_day(contacted, _get_today()) if typed is None or stale else typed


def _parse_day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return None


def _get_leader(leader_id: int) -> CommunityLeader:
    with get_runtime().database.read() as db:
        found = community_leaders.find(db, leader_id)
    return found or abort(404, _("There is no leader {number}.", number=leader_id))


@console.get("/leaders/<int:leader_id>")
@allow_roles(STAFF)
def leader(leader_id: int) -> str:
    """The form with what is known."""
    return _render_leader(_get_leader(leader_id))


def _render_leader(community_leader: CommunityLeader, problem: str = "") -> str:
    shown = {
        "one": community_leader,
        "kinds": LEADER_KIND_LABELS,
        "district": _get_district(),
        "may": _is_contact_owner(community_leader),
        "problem": problem,
    }
    return render_template("console/leader.html", **shown)


@console.post("/leaders/<int:leader_id>")
@allow_roles(STAFF)
def change_leader(leader_id: int) -> ResponseReturnValue:
    """Keep what is known now; only for whoever keeps the contact."""
    one = _get_leader(leader_id)
    if not _is_contact_owner(one):
        abort(403, _("Only the contact owner can edit this leader."))
    if request.form.get("leave"):
        register.remove_leader(get_runtime(), one, current_user.by)
        return redirect(url_for("console.leaders"))
    found = _read_leader_form(one.id, one)
    if isinstance(found, str):
        return _render_leader(one, found), 422
    if register.save_leader(get_runtime(), found, current_user.by) is None:
        return _render_leader(one, _("This number is already registered.")), 409
    return redirect(url_for("console.leaders"))


@console.post("/leaders/<int:leader_id>/ask")
@allow_roles(STAFF)
def ask_leader(leader_id: int) -> ResponseReturnValue:
    """Queue a matter: it joins what waits, or is refused with who called this leader within the week."""
    one, why = _get_leader(leader_id), " ".join(request.form.get("why", "").split())[:200]
    if not why:
        return _render_page(_("Enter the subject.")), 422
    try:
        before = register.request_contact(get_runtime(), one, why, current_user.by)
    except LeaderAskedRecentlyError as lately:
        return _render_page(_explain_recent_call(one, lately)), 409
    if before:
        who, when = _get_staff_name(before.asked_by), moment(before.asked_at)
        flash(_("{name} made a request on {when}. The same call covers yours.", name=who, when=when))
    return redirect(url_for("console.leaders"))


def _explain_recent_call(community_leader: CommunityLeader, error: LeaderAskedRecentlyError) -> str:
    who, why = _get_staff_name(error.last_request.done_by), error.last_request.why
    return _(
        "{name} called {organization} less than a week ago ({why}). You can make a request again on {until}.",
        organization=community_leader.organization, name=who, why=why, until=moment(error.available_at),
    )  # fmt: skip


@console.post("/leaders/requests/<int:request_id>")
@allow_roles(STAFF)
def leader_asked(request_id: int) -> ResponseReturnValue:
    """Somebody talked with the leader: only who keeps the contact calls, so only they can say so."""
    with get_runtime().database.read() as db:
        asked = next((one for one in community_leaders.list_open_requests(db) if one.id == request_id), None)
    if asked and not _is_contact_owner(_get_leader(asked.leader_id)):
        abort(403, _("Only the contact owner can edit this leader."))
    register.complete_request(get_runtime(), request_id, current_user.by)
    return redirect(url_for("console.leaders"))


@console.post("/leaders/tasks")
@allow_roles(STAFF)
def change_task() -> ResponseReturnValue:
    """Another day, person or wording of a task of the first week."""
    kind, owner = request.form.get("kind", ""), request.form.get("owner", "")
    day, words = (
        _parse_day(request.form.get("due_on", "")),
        request.form.get("invitation", "").replace("\r\n", "\n").strip(),
    )
    if kind not in contact_rules.PARTNER_KINDS or owner not in _get_district().staff or day is None or not words:
        return _render_page(_("Choose a person and a day, and enter the invitation.")), 422
    register.update_task(get_runtime(), LeaderTask(kind, day, owner, words[:MAX_INVITATION_LENGTH]), current_user.by)
    return redirect(url_for("console.leaders"))
