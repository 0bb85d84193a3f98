"""Who may what: every route of the console states it with `allowed`, and what states nothing is refused to all."""

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
"""An administrator may everything; `ANYONE` needs no login."""
LEAD_ROLES = frozenset({APPROVER, ADMINISTRATOR})
"""Who may take a case from whoever has it, and give it to somebody."""
ACCOUNT_ROLES = (VIEWER, STAFF, RECORDS_OFFICER, APPROVER, ADMINISTRATOR)
SEE_ALL_ROLES = frozenset({RECORDS_OFFICER, APPROVER, ADMINISTRATOR})
"""Who sees every case, and needs a second factor in production."""

SELF_GUARDED_BLUEPRINTS = frozenset(
    {"twilio", "health", "media", "genuine", "metrics", "simulator", "simulated", "gathering", "recorded"}
)
"""Rooms with a guard of their own: a signature, nothing to hide, or not there in production."""
STATIC_FILE_ENDPOINTS = frozenset({"static", "console.static"})
MAX_ROW_ID = 2**31 - 1
"""What a database's integer holds; a higher number in an address is no row of anything."""
ENDPOINTS_WITHOUT_TOTP = frozenset({"console.account", "console.factor_form", "console.set_factor", "console.log_out"})
"""Where somebody may go who must set up a second factor first."""


def read_form_row_id(name: str = "id") -> int:
    """The row that a form names; 0, which no row has, for what is no number of a row."""
    number = request.form.get(name, 0, type=int)
    return number if 0 < number <= MAX_ROW_ID else 0


View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class ConsoleUser(UserMixin):
    """Who is logged in."""

    id: int
    name: str
    role: str
    staff: str | None = None
    language: str = "en"
    must_set_up: bool = False

    @property
    def by(self) -> str:
        """How cases name this person: the staff id of the district file, else the login's name."""
        return self.staff or self.name

    def may_open(self, endpoint: str) -> bool:
        """Whether this person's role opens that page (`console.people`): menus show nothing else."""
        return self.role in _get_allowed_roles(endpoint)


def allow_roles(*roles: str) -> Callable[[View], View]:
    """Who may call this route.  Administrators may always, approvers whatever staff may."""
    more = {ADMINISTRATOR, APPROVER} if STAFF in roles else {ADMINISTRATOR}

    def stated(view: View) -> View:
        view.allowed_roles = frozenset(roles) | more  # type: ignore[attr-defined]
        return view

    return stated


def install_guard(app: Flask) -> None:
    """Put the guard before every request."""
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
    """Whether nobody clicked: a page that stands open asks for news (htmx)."""
    return request.method == "GET" and "HX-Request" in request.headers


def _redirect_to_login() -> ResponseReturnValue:
    """To the login, and from there back.  A page that stood open goes there whole: nobody may be sitting before it."""
    if is_polling_request():
        return "", 401, {"HX-Redirect": url_for("console.login", next=_get_open_page_path())}
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("console.login", next=wanted))


def _get_open_page_path() -> str:
    """The path of the page that htmx says it stands on; "" for what is no address."""
    try:
        return urlsplit(request.headers.get("HX-Current-URL", "")).path
    except ValueError:
        return ""


def _get_allowed_roles(endpoint: str) -> frozenset[str]:
    view = current_app.view_functions.get(endpoint)
    return getattr(view, "allowed_roles", frozenset())


def _check_scope() -> None:
    """A case outside one's scope does not exist: any route with a `case_id` is held to this."""
    asked = request.view_args or {}
    if any(isinstance(one, int) and one > MAX_ROW_ID for one in asked.values()):
        abort(404)
    case_id = asked.get("case_id")
    if case_id is None:
        return
    with get_runtime().database.read() as db:
        case = cases.find(db, case_id)
    if case is None or not can_see_case(current_user, case):
        abort(404, _("There is no case {number}.", number=case_id))


def can_see_case(user: ConsoleUser, case: Case) -> bool:
    """Whether this person may see that case."""
    return is_in_scope(get_runtime().library.district, user, case)


def is_in_scope(district: District, user: ConsoleUser, case: Case) -> bool:
    """Staff see what they took, and what their roles and schools are alerted for."""
    if user.role in SEE_ALL_ROLES:
        return True
    if user.role != STAFF:
        return False
    if case.claimed_by == user.by:
        return True
    return _is_alerted(district, user, case) and _is_at_school(district, user, case.school)


def find_on_call_roles(district: District, staff_id: str | None, school: str | None = None) -> frozenset[str]:
    """The `on_call` roles whose people (the school's own too) this is one of, or stands in for."""
    own = {staff_id, *(name for name, one in district.staff.items() if staff_id and one.backup == staff_id)}
    chains = district.on_call.items()
    return frozenset(role for role, chain in chains if own & {*chain.people, *chain.schools.get(school or "", ())})


def _is_alerted(district: District, user: ConsoleUser, case: Case) -> bool:
    """Whether its role is this person's, or one that paging has widened to (`bot/cases/escalation_policy.py`)."""
    role = case.role if case.role in district.on_call else "default"
    widened = district.paging.widen_to[: max(0, case.rounds_since_opened - 1)]
    return bool(find_on_call_roles(district, user.staff, case.school) & {role, *widened})


def _is_at_school(district: District, user: ConsoleUser, school: str | None) -> bool:
    person = district.staff.get(user.staff or "")
    return person is None or not person.schools or school is None or school in person.schools
