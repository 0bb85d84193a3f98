"""Serve the pages about community leaders: the list, the tasks of the first week, and the queue of contact requests."""

from dataclasses import dataclass
from datetime import date

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
from bot.web.console.meetings.meeting_form import parse_phone_number
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
"""Audit log texts about leaders and erasures, listed here so that the translation catalogs contain them."""
MAX_INVITATION_LENGTH = 2000


@dataclass(frozen=True)
class LeaderRow:
    """One leader on the page.

    Only people who may call see `phone`; for others, it is "". If `until` isn't "", the next call must wait until then.
    """

    leader: CommunityLeader
    phone: str
    overdue: bool
    waiting: LeaderRequest | None
    until: str
    mine: bool
    """Whether this person may call the leader."""


def _get_today() -> date:
    return get_runtime().library.district.to_local_time(now()).date()


def _get_district() -> District:
    return get_runtime().library.district


@console.get("/leaders", endpoint="leaders")
@allow_roles(STAFF)
def leader_list() -> str:
    """Show the leaders of the whole district, their last contacts, and the open requests."""
    return _render_page()


def _render_page(problem: str = "") -> str:
    runtime = get_runtime()
    tasks = register.list_tasks(runtime)
    with runtime.database.read() as db:
        all_leaders = community_leaders.list_all(db)
        queue = community_leaders.list_open_requests(db)
        last_requests = {
            community_leader.id: community_leaders.find_last_completed_request(db, community_leader.id)
            for community_leader in all_leaders
        }
    return render_template(
        "console/leaders.html",
        rows=[
            _build_row(community_leader, queue, last_requests[community_leader.id]) for community_leader in all_leaders
        ],
        todo=tasks,
        today=_get_today(),
        kinds=LEADER_KIND_LABELS,
        name=_get_staff_name,
        queue=queue,
        district=_get_district(),
        problem=problem,
        most=MAX_INVITATION_LENGTH,
    )


def _build_row(
    community_leader: CommunityLeader, queue: list[LeaderRequest], last_request: LeaderRequest | None
) -> LeaderRow:
    waiting = (entry for entry in queue if entry.leader_id == community_leader.id and entry.with_id is None)
    next_allowed_at = contact_rules.find_next_allowed_time(last_request.done_at if last_request else None)
    may_call = _is_contact_owner(community_leader)
    return LeaderRow(
        leader=community_leader,
        phone=community_leader.phone if may_call else "",
        overdue=contact_rules.is_overdue(community_leader, _get_today()),
        waiting=next(waiting, None),
        until=moment(next_allowed_at) if next_allowed_at and next_allowed_at > now() else "",
        mine=may_call,
    )


def _is_contact_owner(community_leader: CommunityLeader) -> bool:
    """Say whether this person may call the leader. Everyone else adds a request to the queue.

    The owner, the superintendent's office, and roles that see all cases may call.
    """
    if current_user.role in SEE_ALL_ROLES or current_user.by == community_leader.owner:
        return True
    return LEADER_OFFICE_ROLE in find_on_call_roles(_get_district(), current_user.staff)


def _get_staff_name(staff: str | None) -> str:
    return get_staff_name(get_runtime(), staff)


@console.post("/leaders")
@allow_roles(STAFF)
def keep_leader() -> ResponseReturnValue:
    """Add a leader. Staff type each one, because there is no import."""
    new_leader = _read_leader_form(0, None)
    if isinstance(new_leader, str):
        return _render_page(new_leader), 422
    has_text_consent = bool(request.form.get("texts"))
    leader_id = register.save_leader(get_runtime(), new_leader, current_user.by, has_text_consent=has_text_consent)
    if leader_id is None:
        return _render_page(_("This number is already registered.")), 409
    return redirect(url_for("console.leaders"))


def _read_leader_form(leader_id: int, before: CommunityLeader | None) -> CommunityLeader | str:
    """Return the typed leader, or a text that says what is wrong with the form."""
    form = request.form
    name, organization = (form.get(field, "").strip()[:120] for field in ("name", "organization"))
    phone, owner, kind = parse_phone_number(form.get("phone", "")), form.get("owner", ""), form.get("kind", "")
    if not organization or phone is None or owner not in _get_district().staff or kind not in LEADER_KIND_LABELS:
        return _("Enter the organization, a phone number such as 217-555-0199, and the contact owner.")
    languages = tuple(language for language in form.getlist("languages") if language in _get_district().languages)
    contacted_on = _parse_day(form.get("contacted_on", ""))
    if contacted_on is None and before:
        contacted_on = before.contacted_on
    if contacted_on and contacted_on > _get_today():
        return _("The last contact can't be in the future.")
    due_on = _choose_next_due_date(before, contacted_on, _parse_day(form.get("due_on", "")))
    channel = form.get("channel", "").strip()[:160]
    return CommunityLeader(leader_id, name, phone, organization, kind, languages, channel, owner, contacted_on, due_on)


def _choose_next_due_date(before: CommunityLeader | None, contacted_on: date | None, typed: date | None) -> date:
    """Return the typed day.

    If someone called the leader and the typed day is the old one from the form, calculate the next day.
    """
    is_outdated = before is not None and before.due_on == typed and before.contacted_on != contacted_on
    if typed is None or is_outdated:
        return contact_rules.find_next_call_day(contacted_on, _get_today())
    return typed


def _parse_day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return None


def _get_leader(leader_id: int) -> CommunityLeader:
    with get_runtime().database.read() as db:
        community_leader = community_leaders.find(db, leader_id)
    if community_leader is None:
        abort(404, _("There is no leader {number}.", number=leader_id))
    return community_leader


@console.get("/leaders/<int:leader_id>")
@allow_roles(STAFF)
def leader(leader_id: int) -> str:
    """Show the form with the leader's current data."""
    return _render_leader(_get_leader(leader_id))


def _render_leader(community_leader: CommunityLeader, problem: str = "") -> str:
    return render_template(
        "console/leader.html",
        one=community_leader,
        kinds=LEADER_KIND_LABELS,
        district=_get_district(),
        may=_is_contact_owner(community_leader),
        problem=problem,
    )


@console.post("/leaders/<int:leader_id>")
@allow_roles(STAFF)
def change_leader(leader_id: int) -> ResponseReturnValue:
    """Save or remove a leader. Only people who may call the leader can do this."""
    before = _get_leader(leader_id)
    if not _is_contact_owner(before):
        abort(403, _("Only the contact owner can edit this leader."))
    if request.form.get("leave"):
        register.remove_leader(get_runtime(), before, current_user.by)
        return redirect(url_for("console.leaders"))
    changed_leader = _read_leader_form(before.id, before)
    if isinstance(changed_leader, str):
        return _render_leader(before, changed_leader), 422
    if register.save_leader(get_runtime(), changed_leader, current_user.by) is None:
        return _render_leader(before, _("This number is already registered.")), 409
    return redirect(url_for("console.leaders"))


@console.post("/leaders/<int:leader_id>/ask")
@allow_roles(STAFF)
def ask_leader(leader_id: int) -> ResponseReturnValue:
    """Request a contact with a leader.

    An open request for the same leader covers the new one. If someone called the leader within a week, show who called.
    """
    community_leader, reason = _get_leader(leader_id), " ".join(request.form.get("why", "").split())[:200]
    if not reason:
        return _render_page(_("Enter the subject.")), 422
    try:
        open_request = register.request_contact(get_runtime(), community_leader, reason, current_user.by)
    except LeaderAskedRecentlyError as error:
        return _render_page(_explain_recent_call(community_leader, error)), 409
    if open_request:
        name, when = _get_staff_name(open_request.asked_by), moment(open_request.asked_at)
        flash(_("{name} made a request on {when}. The same call covers yours.", name=name, when=when))
    return redirect(url_for("console.leaders"))


def _explain_recent_call(community_leader: CommunityLeader, error: LeaderAskedRecentlyError) -> str:
    last_request = error.last_request
    return _(
        "{name} called {organization} less than a week ago ({why}). You can make a request again on {until}.",
        organization=community_leader.organization,
        name=_get_staff_name(last_request.done_by),
        why=last_request.why,
        until=moment(error.available_at),
    )


@console.post("/leaders/requests/<int:request_id>")
@allow_roles(STAFF)
def leader_asked(request_id: int) -> ResponseReturnValue:
    """Mark a request as done after a call. Only people who may call the leader can do this."""
    with get_runtime().database.read() as db:
        open_requests = community_leaders.list_open_requests(db)
    asked = next((open_request for open_request in open_requests if open_request.id == request_id), None)
    if asked and not _is_contact_owner(_get_leader(asked.leader_id)):
        abort(403, _("Only the contact owner can edit this leader."))
    register.complete_request(get_runtime(), request_id, current_user.by)
    return redirect(url_for("console.leaders"))


@console.post("/leaders/tasks")
@allow_roles(STAFF)
def change_task() -> ResponseReturnValue:
    """Change the day, the owner, or the invitation of a task of the first week."""
    kind, owner = request.form.get("kind", ""), request.form.get("owner", "")
    day = _parse_day(request.form.get("due_on", ""))
    invitation = request.form.get("invitation", "").replace("\r\n", "\n").strip()[:MAX_INVITATION_LENGTH]
    if kind not in contact_rules.PARTNER_KINDS or owner not in _get_district().staff or day is None or not invitation:
        return _render_page(_("Choose a person and a day, and enter the invitation.")), 422
    register.update_task(get_runtime(), LeaderTask(kind, day, owner, invitation), current_user.by)
    return redirect(url_for("console.leaders"))
