"""The page of the user's own account: password, second factor, language, and sessions."""

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
"""The length of a password in characters."""
CONSOLE_LANGUAGES = {"en": "English", "es": "Español"}


@console.get("/account")
@allow_roles(*ACCOUNT_ROLES)
def account() -> str:
    """Show the account page."""
    return _render_account()


@console.post("/account/password")
@allow_roles(*ACCOUNT_ROLES)
def change_password() -> ResponseReturnValue:
    """Change the password, which ends all other sessions."""
    new_password = request.form.get("new", "")
    problem = _check_new_password(new_password) or _check_current_password()
    if problem:
        return _render_account(problem), 400
    password_hash = credentials.hash_password(new_password)
    with get_runtime().database.write() as db:
        staff_accounts.set_password(db, current_user.id, password_hash)
        _record_audit("password changed", db)
        account = _get_own_account(db)
    sessions.begin(account, session["how"])
    return _render_account(notice=_("Password changed. Your other sessions ended."))


@console.get("/account/factor")
@allow_roles(*ACCOUNT_ROLES)
def factor_form() -> str:
    """Show the QR code to set up the second factor."""
    return _render_totp_setup()


@console.post("/account/factor")
@allow_roles(*ACCOUNT_ROLES)
def set_factor() -> ResponseReturnValue:
    """Save the second factor after a code proves that the app has it. Show the recovery codes once."""
    current_time, secret = now(), _get_pending_secret()
    step = totp.find_time_step(secret, request.form.get("code", "")[:64], current_time)
    problem = _check_current_password()
    if problem:
        return _render_totp_setup(problem), 400
    if step is None:
        return _render_totp_setup(_("That code didn't work. Try the next one.")), 400
    codes, vault = totp.generate_recovery_codes(), get_runtime().database.vault
    encrypted_secret = vault.encrypt(secret, credentials.build_secret_context(current_user.id))
    with get_runtime().database.write() as db:
        digests = [totp.hash_recovery_code(db, current_user.id, code) for code in codes]
        staff_accounts.set_second_factor(db, current_user.id, encrypted_secret, digests, step, current_time)
        _record_audit("second factor set", db)
    session.pop("pending", None)
    return _render_account(codes=codes)


@console.post("/account/language")
@allow_roles(*ACCOUNT_ROLES)
def set_language() -> ResponseReturnValue:
    """Change the language of the console."""
    language = request.form.get("language", "")
    if language in CONSOLE_LANGUAGES:
        with get_runtime().database.write() as db:
            staff_accounts.set_language(db, current_user.id, language)
    return redirect(url_for("console.account"))


@console.post("/account/end")
@allow_roles(*ACCOUNT_ROLES)
def end_sessions() -> ResponseReturnValue:
    """End all sessions of the user, including this one."""
    with get_runtime().database.write() as db:
        staff_accounts.end_sessions(db, current_user.id)
        _record_audit("sessions ended", db)
    sessions.end()
    return redirect(url_for("console.login"))


def _render_account(problem: str = "", notice: str = "", codes: list[str] | None = None) -> str:
    with get_runtime().database.read() as db:
        account = _get_own_account(db)
    page = {"login": account, "wrong": problem, "notice": notice, "codes": codes, "languages": CONSOLE_LANGUAGES}
    return render_template("console/account.html", **page, shortest=MIN_PASSWORD_LENGTH)


def _render_totp_setup(problem: str = "") -> str:
    secret, district = _get_pending_secret(), get_runtime().library.district.name
    picture = totp.draw_qr_code(secret, current_user.name, district)
    return render_template("console/factor.html", picture=picture, secret=secret, wrong=problem)


def _get_pending_secret() -> str:
    """Return the new secret, which stays encrypted in the session until a code proves that the app has it."""
    vault, context = get_runtime().database.vault, f"login:pending:{current_user.id}"
    try:
        return vault.decrypt(session.get("pending", ""), context)
    except DecryptionError:
        secret = totp.generate_secret()
        session["pending"] = vault.encrypt(secret, context)
        return secret


def _check_current_password() -> str:
    """Return why the typed current password is wrong, or "". It protects the account if a session is left open."""
    attempt = credentials.check_password(current_user.name, request.form.get("password", ""))
    if attempt.account is not None:
        return ""
    if attempt.locked:
        return _("Too many failed attempts. Wait {minutes} minutes.", minutes=attempt.minutes)
    return _("Wrong password.")


def _check_new_password(new_password: str) -> str:
    if new_password != request.form.get("again", ""):
        return _("The new passwords don't match.")
    if not MIN_PASSWORD_LENGTH <= len(new_password) <= MAX_PASSWORD_LENGTH:
        return _("Enter a password of at least {number} characters.", number=MIN_PASSWORD_LENGTH)
    if current_user.name.lower() in new_password.lower():
        return _("Don't use your name as your password.")
    return ""


def _get_own_account(db: Transaction) -> StaffAccount:
    account = staff_accounts.find_by_id(db, current_user.id)
    assert account is not None, "accounts are never deleted"
    return account


def _record_audit(action: str, db: Transaction) -> None:
    audit_log.record(db, current_user.name, action, f"login {current_user.id}", now())
