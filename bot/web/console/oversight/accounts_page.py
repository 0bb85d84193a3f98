"""Logins of others: an administrator makes them, changes what they may, ends what must end; the audit log stays."""

import secrets
from collections.abc import Callable

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import Transaction, now
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.staff import staff_accounts
from bot.store.staff.staff_accounts import StaffAccount
from bot.web.console.auth.credentials import hash_password
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ACCOUNT_ROLES, ADMINISTRATOR, STAFF, allow_roles
from bot.web.core.current_runtime import get_runtime

FIRST_ACCOUNT_NAME = "admin"
COMMAND_LINE_ACTOR = "command line"

ACCOUNT_ACTIONS: dict[str, tuple[str, Callable[[Transaction, int], None]]] = {
    "end": ("sessions ended", staff_accounts.end_sessions),
    "unlock": ("login unlocked", staff_accounts.unlock),
    "forget": ("second factor taken away", staff_accounts.remove_second_factor),
    "close": ("login closed", staff_accounts.close),
}
"""What the audit log says of each, and what does it."""


def create_first_account(runtime: Runtime) -> tuple[str, str] | None:
    """Name and password of a first login, made if there is none yet; the password is told this once only."""
    with runtime.database.read() as db:
        if not staff_accounts.is_empty(db):
            return None
    return FIRST_ACCOUNT_NAME, issue_password(runtime, FIRST_ACCOUNT_NAME)


def issue_password(runtime: Runtime, name: str, role: str | None = None, staff: str | None = None) -> str:
    """A login with this name and a new password, told this once only; whoever runs this holds the keys.

    What `role` and `staff` leave out stays as it is, and a new login is an administrator's.  The second factor is
    taken away and the login opened: this is the way back in for whoever lost everything.
    """
    given, kept = _generate_password()
    with runtime.database.write() as db:
        found = staff_accounts.find_by_name(db, name)
        if found is None:
            _create_account(db, (name, kept), role or ADMINISTRATOR, staff, COMMAND_LINE_ACTOR)
            return given
        staff_accounts.unlock(db, found.id)
        staff_accounts.remove_second_factor(db, found.id)
        _set_password(db, found, kept, COMMAND_LINE_ACTOR)
        if role or staff:
            _change_role(db, found, role or found.role, staff or found.staff, COMMAND_LINE_ACTOR)
    return given


@console.get("/people")
@allow_roles(ADMINISTRATOR)
def people() -> str:
    """All logins."""
    return _render_page()


@console.post("/people")
@allow_roles(ADMINISTRATOR)
def make_login() -> ResponseReturnValue:
    """A new login; its password is shown this once."""
    name = request.form.get("name", "").strip()
    role, staff = _read_role_and_staff(name)
    given, kept = _generate_password()
    with get_runtime().database.write() as db:
        taken = staff_accounts.find_by_name(db, name) is not None
        if not taken:
            _create_account(db, (name, kept), role, staff, current_user.name)
    if taken:
        return _render_page(problem=_("An account with this name already exists.")), 409
    return _render_page(given=(name, given))


@console.post("/people/role")
@allow_roles(ADMINISTRATOR)
def change_role() -> ResponseReturnValue:
    """What somebody may, and who that is in the district file."""
    role, staff = _read_role_and_staff()
    with get_runtime().database.write() as db:
        _change_role(db, _get_other_account(db), role, staff, current_user.name)
    return _render_page()


@console.post("/people/password")
@allow_roles(ADMINISTRATOR)
def give_password() -> ResponseReturnValue:
    """A new password for somebody who forgot it, shown this once; all their sessions end."""
    given, kept = _generate_password()
    with get_runtime().database.write() as db:
        found = _get_other_account(db)
        _set_password(db, found, kept, current_user.name)
    return _render_page(given=(found.name, given))


@console.post("/people/do")
@allow_roles(ADMINISTRATOR)
def do_to_login() -> ResponseReturnValue:
    """End somebody's sessions, unlock, take away a lost second factor, or close the login."""
    what, does = ACCOUNT_ACTIONS.get(request.form.get("action", "")) or abort(400, _("There is no such action."))
    with get_runtime().database.write() as db:
        found = _get_other_account(db)
        does(db, found.id)
        _record_audit(db, current_user.name, what, found.id)
    return _render_page()


def _render_page(problem: str = "", given: tuple[str, str] | None = None) -> str:
    with get_runtime().database.read() as db:
        found = staff_accounts.list_all(db)
    shown = {"logins": found, "roles": ACCOUNT_ROLES, "staff": get_runtime().library.district.staff, "at": now()}
    return render_template("console/people.html", **shown, wrong=problem, given=given)


def find_account_problem(runtime: Runtime, name: str, role: str | None, staff: str | None) -> str:
    """What is wrong with this name, role and person of the district file; nothing: an empty text."""
    if not 0 < len(name) <= 64 or not name.isprintable():
        return _("Enter a name of at most 64 characters.")
    if role is not None and role not in ACCOUNT_ROLES:
        return _("Choose one of these roles: {roles}.", roles=", ".join(ACCOUNT_ROLES))
    if staff is not None and staff not in runtime.library.district.staff:
        return _("No person under 'staff' in the district file has this ID.")
    if staff != name in runtime.library.district.staff:  # the logs would name somebody else
        return _(
            "This name is the ID of a person under 'staff' in the district file. Choose that person, or another name."
        )
    if role == STAFF and staff is None:
        return _("Choose the person in the district file. Staff see the cases for their own roles and schools.")
    return ""


def _read_role_and_staff(name: str = "any") -> tuple[str, str | None]:
    role, staff = request.form.get("role", ""), request.form.get("staff") or None
    if wrong := find_account_problem(get_runtime(), name, role, staff):
        abort(400, wrong)
    return role, staff


def _get_other_account(db: Transaction) -> StaffAccount:
    """The login that the form names: never one's own, so that the last administrator does not lock everybody out."""
    number = request.form.get("id", "")
    found = staff_accounts.find_by_id(db, int(number)) if number.isdecimal() and len(number) < 10 else None
    if found is None:
        abort(404, _("This account doesn't exist."))
    if found.id == current_user.id:
        abort(409, _("To change your own account, use your account page or ask another administrator."))
    return found


def _generate_password() -> tuple[str, str]:
    """A new password, and what is kept of it."""
    given = secrets.token_urlsafe(12)
    return given, hash_password(given)


def _create_account(db: Transaction, name_and_hash: tuple[str, str], role: str, staff: str | None, actor: str) -> None:
    made = staff_accounts.add(db, *name_and_hash, role, staff)
    _record_audit(db, actor, "login made", made, role)


def _set_password(db: Transaction, login: StaffAccount, password_hash: str, actor: str) -> None:
    staff_accounts.set_password(db, login.id, password_hash)
    _record_audit(db, actor, "password changed", login.id)


def _change_role(db: Transaction, login: StaffAccount, role: str, staff: str | None, actor: str) -> None:
    staff_accounts.set_role(db, login.id, role, staff)
    _record_audit(db, actor, "role changed", login.id, f"{login.role} to {role}")


def _record_audit(db: Transaction, actor: str, action: str, login_id: int, why: str = "") -> None:
    audit_log.record(db, actor, action, f"login {login_id}", now(), why)
