"""Sessions of the console. They end after 30 minutes without activity, after 12 hours, or when the user logs out."""

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
"""The login method of the district's provider, which is responsible for a second factor."""


def begin(account: StaffAccount, method: str) -> None:
    """Start a new session. Clear the previous one, including its CSRF token."""
    seconds = int(now().timestamp())
    session.clear()
    session.update(id=secrets.token_urlsafe(12), since=seconds, seen=seconds, epoch=account.epoch, how=method)
    login_user(_build_user(account, method))


def load_user(user_id: str) -> ConsoleUser | None:
    """Return the user of an active session. Unless the request is a poll, it counts as activity."""
    if not user_id.isdecimal():
        return None
    with get_runtime().database.read() as db:
        account = staff_accounts.find_by_id(db, int(user_id))
    if account is None or account.is_closed or not _is_active(account.epoch):
        return None
    if not is_polling_request():
        session["seen"] = int(now().timestamp())
    return _build_user(account, session["how"])


def end() -> None:
    """End this session. Copies of its cookie stop working."""
    with suppress(RedisError):
        get_runtime().redis.set(_build_logout_key(), b"1", ex=MAX_SESSION_AGE)
    logout_user()
    session.clear()


def _is_active(epoch: int) -> bool:
    if session.get("epoch") != epoch:
        return False
    seconds = now().timestamp()
    if seconds - session["seen"] > SESSION_IDLE_LIMIT.total_seconds():
        return False
    if seconds - session["since"] > MAX_SESSION_AGE.total_seconds():
        return False
    return not _is_logged_out()


def _is_logged_out() -> bool:
    """Whether the user logged out of this session. If Redis is down, only its age ends the session."""
    with suppress(RedisError):
        return bool(get_runtime().redis.exists(_build_logout_key()))
    return False


def _build_logout_key() -> str:
    return f"session:ended:{session['id']}"


def _build_user(account: StaffAccount, method: str) -> ConsoleUser:
    needs_second_factor = get_runtime().settings.environment == "production" and account.role in SEE_ALL_ROLES
    lacks_second_factor = account.sealed_secret is None and method != DISTRICT_LOGIN
    return ConsoleUser(
        account.id,
        account.name,
        account.role,
        account.staff,
        account.language,
        must_set_up=needs_second_factor and lacks_second_factor,
    )
