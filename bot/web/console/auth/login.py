"""Logging in: a password, then (where one is set up) a code of the phone; logging out."""

from datetime import timedelta

from flask import redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from bot.base.database import now
from bot.store import audit_log
from bot.store.staff import staff_accounts
from bot.store.staff.staff_accounts import StaffAccount
from bot.web.console.auth import credentials, sessions
from bot.web.console.auth.credentials import LoginAttempt
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ACCOUNT_ROLES, ANYONE, allow_roles
from bot.web.core.current_runtime import get_runtime

SECOND_FACTOR_TIMEOUT = timedelta(minutes=5)
"""How long a code is waited for after the password."""


@console.get("/login")
@allow_roles(ANYONE)
def login() -> ResponseReturnValue:
    """The form."""
    return render_login_form()


@console.post("/login")
@allow_roles(ANYONE)
def log_in() -> ResponseReturnValue:
    """Check name and password."""
    name = request.form.get("name", "").strip()[:64]
    tried = credentials.check_password(name, request.form.get("password", ""))
    if tried.account is None:
        return render_login_form(tried), 401
    if tried.account.sealed_secret is None:
        return start_session(tried.account, "password", request.args.get("next", ""))
    session.clear()
    at = int(now().timestamp())
    session.update(half=tried.account.id, half_at=at, half_epoch=tried.account.epoch, next=request.args.get("next", ""))
    return redirect(url_for("console.code"))


@console.get("/login/code")
@allow_roles(ANYONE)
def code() -> ResponseReturnValue:
    """The form for the code."""
    return (
        render_template("console/code.html", tried=None)
        if _find_pending_account()
        else redirect(url_for("console.login"))
    )


@console.post("/login/code")
@allow_roles(ANYONE)
def check_code() -> ResponseReturnValue:
    """Check the code, of the phone or a recovery code."""
    found = _find_pending_account()
    if found is None:
        return redirect(url_for("console.login"))
    tried = credentials.check_code(found, request.form.get("code", "")[:64])
    if tried.account is None:
        return render_template("console/code.html", tried=tried), 401
    return start_session(tried.account, "code", session.get("next", ""))


@console.post("/logout")
@allow_roles(*ACCOUNT_ROLES)
def log_out() -> ResponseReturnValue:
    """End the session."""
    sessions.end()
    return redirect(url_for("console.login"))


def render_login_form(attempt: LoginAttempt | None = None, notice: str = "") -> str:
    """The page with the form; `notice` is one more sentence to show."""
    return render_template(
        "console/login.html", tried=attempt, notice=notice, district=get_runtime().settings.is_oidc_enabled
    )


def start_session(login: StaffAccount, method: str, next_url: str) -> ResponseReturnValue:
    """Begin the session, and go where this person wanted to go."""
    with get_runtime().database.write() as db:
        audit_log.record(db, login.name, "logged in", f"login {login.id}", now(), method)
    sessions.begin(login, method)
    return redirect(next_url if _is_console_path(next_url) else url_for("console.inbox"))


def _find_pending_account() -> StaffAccount | None:
    """Whose password was right a moment ago."""
    if now().timestamp() - session.get("half_at", 0) > SECOND_FACTOR_TIMEOUT.total_seconds():
        return None
    with get_runtime().database.read() as db:
        found = staff_accounts.find_by_id(db, session["half"])
    same = found is not None and found.epoch == session["half_epoch"] and found.sealed_secret is not None
    return found if same else None


def _is_console_path(next_url: str) -> bool:
    """A page of this console, and not another site that is written to look like one."""
    return next_url.startswith("/console/") and next_url.isprintable() and "\\" not in next_url and "//" not in next_url
