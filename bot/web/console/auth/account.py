"""One's own login: password, second factor, language, the end of all one's sessions."""

from flask import redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import Transaction, now
from bot.base.encryption import DecryptionError
from bot.store import audit_log
from bot.store.staff import staff_accounts
from bot.store.staff.staff_accounts import StaffAccount
from bot.web.console.auth import credentials, sessions, totp
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ACCOUNT_ROLES, allow_roles
from bot.web.core.current_runtime import get_runtime

MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH = 12, 200
"""Characters of a password."""
CONSOLE_LANGUAGES = {"en": "English", "es": "Español"}


@console.get("/account")
@allow_roles(*ACCOUNT_ROLES)
def account() -> str:
    """What there is to change."""
    return _render_account()


@console.post("/account/password")
@allow_roles(*ACCOUNT_ROLES)
def change_password() -> ResponseReturnValue:
    """Another password: all other sessions end."""
    new = request.form.get("new", "")
    wrong = _check_new_password(new) or _check_current_password()
    if wrong:
        return _render_account(wrong), 400
    kept = credentials.hash_password(new)
    with get_runtime().database.write() as db:
        staff_accounts.set_password(db, current_user.id, kept)
        _record_audit("password changed", db)
        login = _get_own_account(db)
    sessions.begin(login, session["how"])
    return _render_account(notice=_("Password changed. Your other sessions ended."))


@console.get("/account/factor")
@allow_roles(*ACCOUNT_ROLES)
def factor_form() -> str:
    """The QR code for the phone."""
    return _render_totp_setup()


@console.post("/account/factor")
@allow_roles(*ACCOUNT_ROLES)
def set_factor() -> ResponseReturnValue:
    """Keep the second factor, once a code proves that the phone has it; the recovery codes are shown this once."""
    at, secret = now(), _get_pending_secret()
    step = totp.find_time_step(secret, request.form.get("code", "")[:64], at)
    wrong = _check_current_password() or (_("That code didn't work. Try the next one.") if step is None else "")
    if wrong or step is None:
        return _render_totp_setup(wrong), 400
    codes, vault = totp.generate_recovery_codes(), get_runtime().database.vault
    sealed = vault.encrypt(secret, credentials.build_secret_context(current_user.id))
    with get_runtime().database.write() as db:
        digests = [totp.hash_recovery_code(db, current_user.id, code) for code in codes]
        staff_accounts.set_second_factor(db, current_user.id, sealed, digests, step, at)
        _record_audit("second factor set", db)
    session.pop("pending", None)
    return _render_account(codes=codes)


@console.post("/account/language")
@allow_roles(*ACCOUNT_ROLES)
def set_language() -> ResponseReturnValue:
    """The language of the pages."""
    language = request.form.get("language", "")
    if language in CONSOLE_LANGUAGES:
        with get_runtime().database.write() as db:
            staff_accounts.set_language(db, current_user.id, language)
    return redirect(url_for("console.account"))


@console.post("/account/end")
@allow_roles(*ACCOUNT_ROLES)
def end_sessions() -> ResponseReturnValue:
    """End all one's sessions, this one too."""
    with get_runtime().database.write() as db:
        staff_accounts.end_sessions(db, current_user.id)
        _record_audit("sessions ended", db)
    sessions.end()
    return redirect(url_for("console.login"))


def _render_account(problem: str = "", notice: str = "", codes: list[str] | None = None) -> str:
    with get_runtime().database.read() as db:
        login = _get_own_account(db)
    shown = {"login": login, "wrong": problem, "notice": notice, "codes": codes, "languages": CONSOLE_LANGUAGES}
    return render_template("console/account.html", **shown, shortest=MIN_PASSWORD_LENGTH)


def _render_totp_setup(problem: str = "") -> str:
    secret, district = _get_pending_secret(), get_runtime().library.district.name
    picture = totp.draw_qr_code(secret, current_user.name, district)
    return render_template("console/factor.html", picture=picture, secret=secret, wrong=problem)


def _get_pending_secret() -> str:
    """The secret that is being set up: sealed in the session until a code proves it; till then the old one counts."""
    vault, place = get_runtime().database.vault, f"login:pending:{current_user.id}"
    try:
        return vault.decrypt(session.get("pending", ""), place)
    except DecryptionError:
        secret = totp.generate_secret()
        session["pending"] = vault.encrypt(secret, place)
        return secret


def _check_current_password() -> str:
    """Nobody changes a login with a session alone that was left open: its password is asked for."""
    tried = credentials.check_password(current_user.name, request.form.get("password", ""))
    if tried.account is not None:
        return ""
    if tried.locked:
        return _("Too many failed attempts. Wait {minutes} minutes.", minutes=tried.minutes)
    return _("Wrong password.")


def _check_new_password(new_password: str) -> str:
    if new_password != request.form.get("again", ""):
        return _("The new passwords don't match.")
    if not MIN_PASSWORD_LENGTH <= len(new_password) <= MAX_PASSWORD_LENGTH:
        return _("Enter a password of at least {number} characters.", number=MIN_PASSWORD_LENGTH)
    return _("Don't use your name as your password.") if current_user.name.lower() in new_password.lower() else ""


def _get_own_account(db: Transaction) -> StaffAccount:
    found = staff_accounts.find_by_id(db, current_user.id)
    assert found is not None, "who is logged in has a login: none is ever deleted"
    return found


def _record_audit(action: str, db: Transaction) -> None:
    audit_log.record(db, current_user.name, action, f"login {current_user.id}", now())
