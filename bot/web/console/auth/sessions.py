"""Sessions: half an hour without a sign of life ends one, twelve hours in any case, and so does whoever owns it."""

import secrets
from contextlib import suppress
from datetime import timedelta

from flask import session
from flask_login import login_user, logout_user
from redis import RedisError

from bot.base.database import now
from bot.store.staff import staff_accounts
from bot.store.staff.staff_accounts import StaffAccount
from bot.web.console.core.permissions import SEE_ALL_ROLES, ConsoleUser, is_polling_request
from bot.web.core.current_runtime import get_runtime

SESSION_IDLE_LIMIT = timedelta(minutes=30)
MAX_SESSION_AGE = timedelta(hours=12)
DISTRICT_LOGIN = "district"
"""How somebody logged in: the district's own provider asks for a second factor itself, or does not."""


def begin(login: StaffAccount, method: str) -> None:
    """A new session: nothing of the one before is left in it, nor its token for forms."""
    at = int(now().timestamp())
    session.clear()
    session.update(id=secrets.token_urlsafe(12), since=at, seen=at, epoch=login.epoch, how=method)
    login_user(_build_user(login, method))


def load_user(user_id: str) -> ConsoleUser | None:
    """Who this session belongs to, if it has not ended; with this it goes on, unless a page only asks for news."""
    with get_runtime().database.read() as db:
        login = staff_accounts.find_by_id(db, int(user_id)) if user_id.isdecimal() else None
    if login is None or login.is_closed or not _is_active(login.epoch):
        return None
    if not is_polling_request():
        session["seen"] = int(now().timestamp())
    return _build_user(login, session["how"])


def end() -> None:
    """End this session; a copy of its cookie is worth nothing from now on."""
    with suppress(RedisError):
        get_runtime().redis.set(_build_logout_key(), b"1", ex=MAX_SESSION_AGE)
    logout_user()
    session.clear()


def _is_active(epoch: int) -> bool:
    at = now().timestamp()
    if session.get("epoch") != epoch or at - session["seen"] > SESSION_IDLE_LIMIT.total_seconds():
        return False
    return bool(at - session["since"] <= MAX_SESSION_AGE.total_seconds()) and not _is_logged_out()


def _is_logged_out() -> bool:
    """Whether somebody logged out of this session; where Redis is away, its age alone ends it."""
    with suppress(RedisError):
        return bool(get_runtime().redis.exists(_build_logout_key()))
    return False


def _build_logout_key() -> str:
    return f"session:ended:{session['id']}"


def _build_user(login: StaffAccount, method: str) -> ConsoleUser:
    strict = get_runtime().settings.environment == "production" and login.role in SEE_ALL_ROLES
    bare = login.sealed_secret is None and method != DISTRICT_LOGIN
    return ConsoleUser(login.id, login.name, login.role, login.staff, login.language, must_set_up=strict and bare)
