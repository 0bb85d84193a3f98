"""Logging in: a password, then (where one is set up) a code of the phone; logging out."""

from datetime import timedelta

from flask import redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from bot.base.database import now
from bot.store import audit_log
from bot.store.staff import staff_accounts
from bot.store.staff.staff_accounts import Login
from bot.web.console.auth import credentials, sessions
from bot.web.console.auth.credentials import Tried
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ANYONE, ROLES, allowed
from bot.web.core.current_runtime import services

HALF_WAY = timedelta(minutes=5)
"""How long a code is waited for after the password."""


@console.get("/login")
@allowed(ANYONE)
def login() -> ResponseReturnValue:
    """The form."""
    return form()


@console.post("/login")
@allowed(ANYONE)
def log_in() -> ResponseReturnValue:
    """Check name and password."""
    name = request.form.get("name", "").strip()[:64]
    tried = credentials.password(name, request.form.get("password", ""))
    if tried.login is None:
        return form(tried), 401
    if tried.login.sealed_secret is None:
        return enter(tried.login, "password", request.args.get("next", ""))
    session.clear()
    at = int(now().timestamp())
    session.update(half=tried.login.id, half_at=at, half_epoch=tried.login.epoch, next=request.args.get("next", ""))
    return redirect(url_for("console.code"))


@console.get("/login/code")
@allowed(ANYONE)
def code() -> ResponseReturnValue:
    """The form for the code."""
    return render_template("console/code.html", tried=None) if _half_way() else redirect(url_for("console.login"))


@console.post("/login/code")
@allowed(ANYONE)
def check_code() -> ResponseReturnValue:
    """Check the code, of the phone or a recovery code."""
    found = _half_way()
    if found is None:
        return redirect(url_for("console.login"))
    tried = credentials.code(found, request.form.get("code", "")[:64])
    if tried.login is None:
        return render_template("console/code.html", tried=tried), 401
    return enter(tried.login, "code", session.get("next", ""))


@console.post("/logout")
@allowed(*ROLES)
def log_out() -> ResponseReturnValue:
    """End the session."""
    sessions.end()
    return redirect(url_for("console.login"))


def form(tried: Tried | None = None, told: str = "") -> str:
    """The page with the form; `told` is what else there is to say."""
    return render_template("console/login.html", tried=tried, told=told, district=services().settings.oidc_on)


def enter(login: Login, how: str, wanted: str) -> ResponseReturnValue:
    """Begin the session, and go where this person wanted to go."""
    with services().database.write() as db:
        audit_log.record(db, login.name, "logged in", f"login {login.id}", now(), how)
    sessions.begin(login, how)
    return redirect(wanted if _is_ours(wanted) else url_for("console.inbox"))


def _half_way() -> Login | None:
    """Whose password was right a moment ago."""
    if now().timestamp() - session.get("half_at", 0) > HALF_WAY.total_seconds():
        return None
    with services().database.read() as db:
        found = staff_accounts.by_id(db, session["half"])
    same = found is not None and found.epoch == session["half_epoch"] and found.sealed_secret is not None
    return found if same else None


def _is_ours(wanted: str) -> bool:
    """A page of this console, and not another site that is written to look like one."""
    return wanted.startswith("/console/") and wanted.isprintable() and "\\" not in wanted and "//" not in wanted
