"""Permissions: each route lists its roles with `allow_roles`. A route without roles is closed to everyone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user

from bot.content.district import District
from bot.store.cases import cases
from bot.store.cases.cases import Case
from bot.web.console.core.console_i18n import _
from bot.web.core.current_runtime import get_runtime

VIEWER, STAFF, RECORDS_OFFICER, APPROVER = "viewer", "staff", "records_officer", "approver"
ADMINISTRATOR, ANYONE = "administrator", "anyone"
"""An administrator can open every page. `ANYONE` requires no login."""
LEAD_ROLES = frozenset({APPROVER, ADMINISTRATOR})
"""The roles that can take a case from its assignee and assign it to another person."""
ACCOUNT_ROLES = (VIEWER, STAFF, RECORDS_OFFICER, APPROVER, ADMINISTRATOR)
SEE_ALL_ROLES = frozenset({RECORDS_OFFICER, APPROVER, ADMINISTRATOR})
"""The roles that see every case. In production, they need a second factor."""

SELF_GUARDED_BLUEPRINTS = frozenset(
    {"twilio", "health", "media", "genuine", "metrics", "simulator", "simulated", "gathering", "recorded"}
)
"""Blueprints that this guard skips: they check a signature, are public, or don't run in production."""
STATIC_FILE_ENDPOINTS = frozenset({"static", "console.static"})
MAX_ROW_ID = 2**31 - 1
"""The maximum of a 32-bit integer column. No row has a higher ID."""
ENDPOINTS_WITHOUT_TOTP = frozenset({"console.account", "console.factor_form", "console.set_factor", "console.log_out"})
"""The pages for a user who must set up a second factor first."""


def read_form_row_id(name: str = "id") -> int:
    """Return the row ID in the form, or 0, which no row has, if it is invalid."""
    row_id = request.form.get(name, 0, type=int)
    if 0 < row_id <= MAX_ROW_ID:
        return row_id
    return 0


View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class ConsoleUser(UserMixin):
    """The logged-in user. `staff` is their ID in the district file, if they have one."""

    id: int
    name: str
    role: str
    staff: str | None = None
    language: str = "en"
    must_set_up: bool = False

    @property
    def by(self) -> str:
        """The name that cases and the audit log use: the staff ID or, without one, the account name."""
        return self.staff or self.name

    def may_open(self, endpoint: str) -> bool:
        """Whether the user's role can open an endpoint, such as `console.people`."""
        return self.role in _get_allowed_roles(endpoint)


def allow_roles(*roles: str) -> Callable[[View], View]:
    """Set the roles that can call a route. Administrators always can, and approvers can if staff can."""
    implied_roles = {ADMINISTRATOR}
    if STAFF in roles:
        implied_roles.add(APPROVER)

    def set_allowed_roles(view: View) -> View:
        view.allowed_roles = frozenset(roles) | implied_roles  # type: ignore[attr-defined]
        return view

    return set_allowed_roles


def install_guard(app: Flask) -> None:
    """Check the access before every request."""
    app.before_request(_check_access)


def _check_access() -> ResponseReturnValue | None:
    if (
        request.endpoint is None
        or request.blueprint in SELF_GUARDED_BLUEPRINTS
        or request.endpoint in STATIC_FILE_ENDPOINTS
    ):
        return None
    roles = _get_allowed_roles(request.endpoint)
    if ANYONE in roles:
        return None
    if not current_user.is_authenticated:
        return _redirect_to_login()
    if current_user.role not in roles:
        abort(403, _("You don't have access to this page. Ask an administrator for access."))
    if current_user.must_set_up and request.endpoint not in ENDPOINTS_WITHOUT_TOTP:
        return redirect(url_for("console.factor_form"))
    _check_scope()
    return None


def is_polling_request() -> bool:
    """Whether an open page polls for updates with htmx, without an action of the user."""
    return request.method == "GET" and "HX-Request" in request.headers


def _redirect_to_login() -> ResponseReturnValue:
    """Redirect to the login, which then returns to this page. For a poll, redirect the whole open page."""
    if is_polling_request():
        return "", 401, {"HX-Redirect": url_for("console.login", next=_get_open_page_path())}
    next_path = None
    if request.method == "GET":
        next_path = request.full_path.rstrip("?")
    return redirect(url_for("console.login", next=next_path))


def _get_open_page_path() -> str:
    """Return the path of the open page from the htmx header, or "" for an invalid URL."""
    try:
        return urlsplit(request.headers.get("HX-Current-URL", "")).path
    except ValueError:
        return ""


def _get_allowed_roles(endpoint: str) -> frozenset[str]:
    view = current_app.view_functions.get(endpoint)
    return getattr(view, "allowed_roles", frozenset())


def _check_scope() -> None:
    """Abort with 404 if the route has the `case_id` of a case that the current user can't see."""
    arguments = request.view_args or {}
    if any(isinstance(value, int) and value > MAX_ROW_ID for value in arguments.values()):
        abort(404)
    case_id = arguments.get("case_id")
    if case_id is None:
        return
    with get_runtime().database.read() as db:
        case = cases.find(db, case_id)
    if case is None or not can_see_case(current_user, case):
        abort(404, _("There is no case {number}.", number=case_id))


def can_see_case(user: ConsoleUser, case: Case) -> bool:
    """Whether the user can see the case."""
    return is_in_scope(get_runtime().library.district, user, case)


def is_in_scope(district: District, user: ConsoleUser, case: Case) -> bool:
    """Whether the user can see the case. Staff see the cases that they took or are alerted for."""
    if user.role in SEE_ALL_ROLES:
        return True
    if user.role != STAFF:
        return False
    if case.claimed_by == user.by:
        return True
    return _is_alerted(district, user, case) and _is_at_school(district, user, case.school)


def find_on_call_roles(district: District, staff_id: str | None, school: str | None = None) -> frozenset[str]:
    """Return the `on_call` roles for which the staff member, or a person whose backup they are, is alerted."""
    people = {staff_id}
    if staff_id:
        people |= {name for name, member in district.staff.items() if member.backup == staff_id}
    roles = set()
    for role, chain in district.on_call.items():
        if people & {*chain.people, *chain.schools.get(school or "", ())}:
            roles.add(role)
    return frozenset(roles)


def _is_alerted(district: District, user: ConsoleUser, case: Case) -> bool:
    """Whether the user has the case's role, or a role that paging has added (`bot/cases/escalation_policy.py`)."""
    role = case.role if case.role in district.on_call else "default"
    widened = district.paging.widen_to[: max(0, case.rounds_since_opened - 1)]
    return bool(find_on_call_roles(district, user.staff, case.school) & {role, *widened})


def _is_at_school(district: District, user: ConsoleUser, school: str | None) -> bool:
    member = district.staff.get(user.staff or "")
    return member is None or not member.schools or school is None or school in member.schools
