"""One's own login: password, second factor, language, the end of all one's sessions."""

from flask import redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.base.encryption import Unreadable
from bot.store import audit_log
from bot.store.staff import staff_accounts
from bot.store.staff.staff_accounts import Login
from bot.web.console.auth import credentials, sessions, totp
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ROLES, allowed
from bot.web.core.current_runtime import services

SHORTEST, LONGEST = 12, 200
"""Characters of a password."""
LANGUAGES = {"en": "English", "es": "Español"}


@console.get("/account")
@allowed(*ROLES)
def account() -> str:
    """What there is to change."""
    return _page()


@console.post("/account/password")
@allowed(*ROLES)
def change_password() -> ResponseReturnValue:
    """Another password: all other sessions end."""
    new = request.form.get("new", "")
    wrong = _unfit(new) or _not_proved()
    if wrong:
        return _page(wrong), 400
    kept = credentials.hashed(new)
    with services().database.write() as db:
        staff_accounts.set_password(db, current_user.id, kept)
        _record("password changed", db)
        login = _own(db)
    sessions.begin(login, session["how"])
    return _page(told=_("Your password is changed, and your other sessions have ended."))


@console.get("/account/factor")
@allowed(*ROLES)
def factor_form() -> str:
    """The QR code for the phone."""
    return _setting_up()


@console.post("/account/factor")
@allowed(*ROLES)
def set_factor() -> ResponseReturnValue:
    """Keep the second factor, once a code proves that the phone has it; the recovery codes are shown this once."""
    at, secret = now(), _pending()
    step = totp.step_of(secret, request.form.get("code", "")[:64], at)
    wrong = _not_proved() or (_("This code does not fit. Please try the next one.") if step is None else "")
    if wrong or step is None:
        return _setting_up(wrong), 400
    codes, vault = totp.new_codes(), services().database.vault
    sealed = vault.seal(secret, credentials.place(current_user.id))
    with services().database.write() as db:
        digests = [totp.digest(db, vault, current_user.id, code) for code in codes]
        staff_accounts.set_factor(db, current_user.id, sealed, digests, step, at)
        _record("second factor set", db)
    session.pop("pending", None)
    return _page(codes=codes)


@console.post("/account/language")
@allowed(*ROLES)
def set_language() -> ResponseReturnValue:
    """The language of the pages."""
    language = request.form.get("language", "")
    if language in LANGUAGES:
        with services().database.write() as db:
            staff_accounts.set_language(db, current_user.id, language)
    return redirect(url_for("console.account"))


@console.post("/account/end")
@allowed(*ROLES)
def end_sessions() -> ResponseReturnValue:
    """End all one's sessions, this one too."""
    with services().database.write() as db:
        staff_accounts.end_sessions(db, current_user.id)
        _record("sessions ended", db)
    sessions.end()
    return redirect(url_for("console.login"))


def _page(wrong: str = "", told: str = "", codes: list[str] | None = None) -> str:
    with services().database.read() as db:
        login = _own(db)
    shown = {"login": login, "wrong": wrong, "told": told, "codes": codes, "languages": LANGUAGES}
    return render_template("console/account.html", **shown, shortest=SHORTEST)


def _setting_up(wrong: str = "") -> str:
    secret, district = _pending(), services().library.district.name
    picture = totp.picture(secret, current_user.name, district)
    return render_template("console/factor.html", picture=picture, secret=secret, wrong=wrong)


def _pending() -> str:
    """The secret that is being set up: sealed in the session until a code proves it; till then the old one counts."""
    vault, place = services().database.vault, f"login:pending:{current_user.id}"
    try:
        return vault.open(session.get("pending", ""), place)
    except Unreadable:
        secret = totp.new_secret()
        session["pending"] = vault.seal(secret, place)
        return secret


def _not_proved() -> str:
    """Nobody changes a login with a session alone that was left open: its password is asked for."""
    tried = credentials.password(current_user.name, request.form.get("password", ""))
    if tried.login is not None:
        return ""
    if tried.locked:
        return _("Too many wrong tries. Please wait {minutes} minutes.", minutes=tried.minutes)
    return _("Your password is wrong.")


def _unfit(new: str) -> str:
    if new != request.form.get("again", ""):
        return _("The new password is not the same in both places.")
    if not SHORTEST <= len(new) <= LONGEST:
        return _("A password needs at least {number} characters.", number=SHORTEST)
    return _("Do not use your name as a password.") if current_user.name.lower() in new.lower() else ""


def _own(db: Connection) -> Login:
    found = staff_accounts.by_id(db, current_user.id)
    assert found is not None, "who is logged in has a login: none is ever deleted"
    return found


def _record(what: str, db: Connection) -> None:
    audit_log.record(db, current_user.name, what, f"login {current_user.id}", now())
