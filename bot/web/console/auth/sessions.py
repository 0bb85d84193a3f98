"""Sessions: half an hour without a sign of life ends one, twelve hours in any case, and so does whoever owns it."""

import secrets
from contextlib import suppress
from datetime import timedelta

from flask import session
from flask_login import login_user, logout_user
from redis import RedisError

from bot.base.database import now
from bot.store.staff import staff_accounts
from bot.store.staff.staff_accounts import Login
from bot.web.console.core.permissions import SEE_ALL, Member, asks_by_itself
from bot.web.core.current_runtime import services

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
DISTRICT = "district"
"""How somebody logged in: the district's own provider asks for a second factor itself, or does not."""


def begin(login: Login, how: str) -> None:
    """A new session: nothing of the one before is left in it, nor its token for forms."""
    at = int(now().timestamp())
    session.clear()
    session.update(id=secrets.token_urlsafe(12), since=at, seen=at, epoch=login.epoch, how=how)
    login_user(_member(login, how))


def of_session(member_id: str) -> Member | None:
    """Who this session belongs to, if it has not ended; with this it goes on, unless a page only asks for news."""
    with services().database.read() as db:
        login = staff_accounts.by_id(db, int(member_id)) if member_id.isdecimal() else None
    if login is None or login.closed or not _goes_on(login.epoch):
        return None
    if not asks_by_itself():
        session["seen"] = int(now().timestamp())
    return _member(login, session["how"])


def end() -> None:
    """End this session; a copy of its cookie is worth nothing from now on."""
    with suppress(RedisError):
        services().redis.set(_ended(), b"1", ex=LONGEST)
    logout_user()
    session.clear()


def _goes_on(epoch: int) -> bool:
    at = now().timestamp()
    if session.get("epoch") != epoch or at - session["seen"] > IDLE.total_seconds():
        return False
    return bool(at - session["since"] <= LONGEST.total_seconds()) and not _was_ended()


def _was_ended() -> bool:
    """Whether somebody logged out of this session; where Redis is away, its age alone ends it."""
    with suppress(RedisError):
        return bool(services().redis.exists(_ended()))
    return False


def _ended() -> str:
    return f"session:ended:{session['id']}"


def _member(login: Login, how: str) -> Member:
    strict = services().settings.environment == "production" and login.role in SEE_ALL
    bare = login.sealed_secret is None and how != DISTRICT
    return Member(login.id, login.name, login.role, login.staff, login.language, must_set_up=strict and bare)
