"""Login with a password and, if the account has a second factor, a code. Also logout."""

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
"""How much time the user has to enter the code after the password."""


@console.get("/login")
@allow_roles(ANYONE)
def login() -> ResponseReturnValue:
    """Show the login form."""
    return render_login_form()


@console.post("/login")
@allow_roles(ANYONE)
def log_in() -> ResponseReturnValue:
    """Check the name and password. Then log in, or ask for the code."""
    name, next_url = request.form.get("name", "").strip()[:64], request.args.get("next", "")
    attempt = credentials.check_password(name, request.form.get("password", ""))
    account = attempt.account
    if account is None:
        return render_login_form(attempt), 401
    if account.sealed_secret is None:
        return start_session(account, "password", next_url)
    session.clear()
    session.update(half=account.id, half_at=int(now().timestamp()), half_epoch=account.epoch, next=next_url)
    return redirect(url_for("console.code"))


@console.get("/login/code")
@allow_roles(ANYONE)
def code() -> ResponseReturnValue:
    """Show the form for the code."""
    if _find_pending_account() is None:
        return redirect(url_for("console.login"))
    return render_template("console/code.html", tried=None)


@console.post("/login/code")
@allow_roles(ANYONE)
def check_code() -> ResponseReturnValue:
    """Check the TOTP code or recovery code."""
    account = _find_pending_account()
    if account is None:
        return redirect(url_for("console.login"))
    attempt = credentials.check_code(account, request.form.get("code", "")[:64])
    if attempt.account is None:
        return render_template("console/code.html", tried=attempt), 401
    return start_session(attempt.account, "code", session.get("next", ""))


@console.post("/logout")
@allow_roles(*ACCOUNT_ROLES)
def log_out() -> ResponseReturnValue:
    """End the session."""
    sessions.end()
    return redirect(url_for("console.login"))


def render_login_form(attempt: LoginAttempt | None = None, notice: str = "") -> str:
    """Render the login page, with the failed attempt and a notice if there are any."""
    is_oidc_enabled = get_runtime().settings.is_oidc_enabled
    return render_template("console/login.html", tried=attempt, notice=notice, district=is_oidc_enabled)


def start_session(account: StaffAccount, method: str, next_url: str) -> ResponseReturnValue:
    """Start the session, and redirect to the requested page."""
    with get_runtime().database.write() as db:
        audit_log.record(db, account.name, "logged in", f"login {account.id}", now(), method)
    sessions.begin(account, method)
    if not _is_console_path(next_url):
        next_url = url_for("console.inbox")
    return redirect(next_url)


def _find_pending_account() -> StaffAccount | None:
    """Return the account whose password was just correct, if its code is still due."""
    if now().timestamp() - session.get("half_at", 0) > SECOND_FACTOR_TIMEOUT.total_seconds():
        return None
    with get_runtime().database.read() as db:
        account = staff_accounts.find_by_id(db, session["half"])
    if account is None or account.epoch != session["half_epoch"] or account.sealed_secret is None:
        return None
    return account


def _is_console_path(next_url: str) -> bool:
    """Whether the URL is a path in the console, and not one that browsers resolve to another site."""
    return next_url.startswith("/console/") and next_url.isprintable() and "\\" not in next_url and "//" not in next_url
