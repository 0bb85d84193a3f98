"""Serve the page where an administrator manages the accounts of other staff members.

The audit log keeps an entry for each change, also after an account is closed.
"""

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
"""Form action -> (action text in the audit log, function that does it)."""


def create_first_account(runtime: Runtime) -> tuple[str, str] | None:
    """Create the first account if there is none, and return its name and password. Nothing shows the password again."""
    with runtime.database.read() as db:
        if not staff_accounts.is_empty(db):
            return None
    return FIRST_ACCOUNT_NAME, issue_password(runtime, FIRST_ACCOUNT_NAME)


def issue_password(runtime: Runtime, name: str, role: str | None = None, staff: str | None = None) -> str:
    """Set a new password for this account, and return it. Create the account if it doesn't exist.

    If `role` or `staff` is None, an existing account keeps its value, and a new account becomes an administrator.
    This also removes the second factor and unlocks the account, so that a person who lost both can log in again.
    Only a person who has the keys can run it.
    """
    password, password_hash = _generate_password()
    with runtime.database.write() as db:
        account = staff_accounts.find_by_name(db, name)
        if account is None:
            _create_account(db, (name, password_hash), role or ADMINISTRATOR, staff, COMMAND_LINE_ACTOR)
            return password
        staff_accounts.unlock(db, account.id)
        staff_accounts.remove_second_factor(db, account.id)
        _set_password(db, account, password_hash, COMMAND_LINE_ACTOR)
        if role or staff:
            _change_role(db, account, role or account.role, staff or account.staff, COMMAND_LINE_ACTOR)
    return password


@console.get("/people")
@allow_roles(ADMINISTRATOR)
def people() -> str:
    """Show all accounts."""
    return _render_page()


@console.post("/people")
@allow_roles(ADMINISTRATOR)
def make_login() -> ResponseReturnValue:
    """Create an account, and show its password once."""
    name = request.form.get("name", "").strip()
    role, staff = _read_role_and_staff(name)
    password, password_hash = _generate_password()
    with get_runtime().database.write() as db:
        is_taken = staff_accounts.find_by_name(db, name) is not None
        if not is_taken:
            _create_account(db, (name, password_hash), role, staff, current_user.name)
    if is_taken:
        return _render_page(problem=_("An account with this name already exists.")), 409
    return _render_page(new_password=(name, password))


@console.post("/people/role")
@allow_roles(ADMINISTRATOR)
def change_role() -> ResponseReturnValue:
    """Change the role of an account and its staff member in the district file."""
    role, staff = _read_role_and_staff()
    with get_runtime().database.write() as db:
        _change_role(db, _get_other_account(db), role, staff, current_user.name)
    return _render_page()


@console.post("/people/password")
@allow_roles(ADMINISTRATOR)
def give_password() -> ResponseReturnValue:
    """Set a new password for an account, show it once, and end all sessions of the account."""
    password, password_hash = _generate_password()
    with get_runtime().database.write() as db:
        account = _get_other_account(db)
        _set_password(db, account, password_hash, current_user.name)
    return _render_page(new_password=(account.name, password))


@console.post("/people/do")
@allow_roles(ADMINISTRATOR)
def do_to_login() -> ResponseReturnValue:
    """End the sessions of an account, unlock it, remove its lost second factor, or close it."""
    action = ACCOUNT_ACTIONS.get(request.form.get("action", ""))
    if action is None:
        abort(400, _("There is no such action."))
    audit_text, apply_action = action
    with get_runtime().database.write() as db:
        account = _get_other_account(db)
        apply_action(db, account.id)
        _record_audit(db, current_user.name, audit_text, account.id)
    return _render_page()


def _render_page(problem: str = "", new_password: tuple[str, str] | None = None) -> str:
    """Render the accounts. `new_password`: account name and password, to show once."""
    with get_runtime().database.read() as db:
        accounts = staff_accounts.list_all(db)
    return render_template(
        "console/people.html",
        logins=accounts,
        roles=ACCOUNT_ROLES,
        staff=get_runtime().library.district.staff,
        at=now(),
        wrong=problem,
        given=new_password,
    )


def find_account_problem(runtime: Runtime, name: str, role: str | None, staff: str | None) -> str:
    """Return what is wrong with the name, role, and staff member of an account, or "" if all are valid."""
    if not 0 < len(name) <= 64 or not name.isprintable():
        return _("Enter a name of at most 64 characters.")
    if role is not None and role not in ACCOUNT_ROLES:
        return _("Choose one of these roles: {roles}.", roles=", ".join(ACCOUNT_ROLES))
    if staff is not None and staff not in runtime.library.district.staff:
        return _("No person under 'staff' in the district file has this ID.")
    if staff != name in runtime.library.district.staff:  # else the logs name another person
        return _(
            "This name is the ID of a person under 'staff' in the district file. Choose that person, or another name."
        )
    if role == STAFF and staff is None:
        return _("Choose the person in the district file. Staff see the cases for their own roles and schools.")
    return ""


def _read_role_and_staff(name: str = "any") -> tuple[str, str | None]:
    role, staff = request.form.get("role", ""), request.form.get("staff") or None
    if problem := find_account_problem(get_runtime(), name, role, staff):
        abort(400, problem)
    return role, staff


def _get_other_account(db: Transaction) -> StaffAccount:
    """Return the account that the form names.

    Administrators can't change their own account here. Otherwise, the last administrator could lock everyone out.
    """
    number = request.form.get("id", "")
    account = None
    if number.isdecimal() and len(number) < 10:
        account = staff_accounts.find_by_id(db, int(number))
    if account is None:
        abort(404, _("This account doesn't exist."))
    if account.id == current_user.id:
        abort(409, _("To change your own account, use your account page or ask another administrator."))
    return account


def _generate_password() -> tuple[str, str]:
    """Return a new password and its hash."""
    password = secrets.token_urlsafe(12)
    return password, hash_password(password)


def _create_account(db: Transaction, name_and_hash: tuple[str, str], role: str, staff: str | None, actor: str) -> None:
    account_id = staff_accounts.add(db, *name_and_hash, role, staff)
    _record_audit(db, actor, "login made", account_id, role)


def _set_password(db: Transaction, account: StaffAccount, password_hash: str, actor: str) -> None:
    staff_accounts.set_password(db, account.id, password_hash)
    _record_audit(db, actor, "password changed", account.id)


def _change_role(db: Transaction, account: StaffAccount, role: str, staff: str | None, actor: str) -> None:
    staff_accounts.set_role(db, account.id, role, staff)
    _record_audit(db, actor, "role changed", account.id, f"{account.role} to {role}")


def _record_audit(db: Transaction, actor: str, action: str, account_id: int, reason: str = "") -> None:
    audit_log.record(db, actor, action, f"login {account_id}", now(), reason)
