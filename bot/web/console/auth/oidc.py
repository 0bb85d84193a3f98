"""Logging in with the district's OpenID Connect provider, where one is set (`OIDC_ISSUER`).

It says who somebody is; what that person may stands in the login of the same name, which an administrator made.
"""

import logging
from typing import Any

from authlib.common.errors import AuthlibBaseError
from flask import Flask, current_app, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from joserfc.errors import JoseError
from requests import RequestException

from bot.runtime import Runtime
from bot.store.staff import staff_accounts
from bot.store.staff.staff_accounts import StaffAccount
from bot.web.console.auth.login import render_login_form, start_session
from bot.web.console.auth.sessions import DISTRICT_LOGIN
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ANYONE, allow_roles
from bot.web.core.current_runtime import get_runtime

log = logging.getLogger(__name__)
PROVIDER_TIMEOUT_SECONDS = 5
"""A provider that takes longer does not answer at all: a web thread waits for it."""
PROVIDER_ERRORS = (AuthlibBaseError, JoseError, RequestException, ValueError, KeyError, RuntimeError)
"""What goes wrong between two programs: refused, forged, unreachable, or not the answer that was asked for."""


def register_provider(app: Flask, runtime: Runtime) -> None:
    """Know the district's provider; its addresses are read when somebody first logs in."""
    settings = runtime.settings
    if not settings.is_oidc_enabled:
        return
    from authlib.integrations.flask_client import OAuth  # 5 MB that only a district with a provider needs

    OAuth(app).register(
        DISTRICT_LOGIN,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        server_metadata_url=f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid email",
            "code_challenge_method": "S256",
            "default_timeout": PROVIDER_TIMEOUT_SECONDS,
        },
    )


@console.get("/login/district")
@allow_roles(ANYONE)
def to_district() -> ResponseReturnValue:
    """Send the browser to the district's page."""
    if not get_runtime().settings.is_oidc_enabled:
        return redirect(url_for("console.login"))
    session["next"] = request.args.get("next", "")
    try:
        sent: ResponseReturnValue = _get_provider().authorize_redirect(_build_callback_url())
    except PROVIDER_ERRORS as error:
        return _render_provider_error(error)
    return sent


@console.get("/login/district/back")
@allow_roles(ANYONE)
def from_district() -> ResponseReturnValue:
    """The browser comes back: who is it?"""
    if not get_runtime().settings.is_oidc_enabled:
        return redirect(url_for("console.login"))
    try:
        token = _get_provider().authorize_access_token(claims_options=_build_claims_options())
        found = _find_account(token["userinfo"])
    except PROVIDER_ERRORS as error:
        return _render_provider_error(error)
    if found is None:
        return render_login_form(notice=_("You don't have an account yet. Ask an administrator to create one.")), 403
    return start_session(found, DISTRICT_LOGIN, session.get("next", ""))


def _get_provider() -> Any:
    return current_app.extensions["authlib.integrations.flask_client"].create_client(DISTRICT_LOGIN)


def _build_callback_url() -> str:
    return get_runtime().settings.public_base + url_for("console.from_district")


def _build_claims_options() -> dict[str, dict[str, Any]]:
    """The token must come from this provider, and be for us: one made for another program opens nothing here."""
    settings = get_runtime().settings
    return {
        "iss": {"essential": True, "values": [settings.oidc_issuer]},
        "aud": {"essential": True, "values": [settings.oidc_client_id]},
    }


def _find_account(claims: dict[str, Any]) -> StaffAccount | None:
    """The open login whose name is the e-mail (if the provider verified it), else the subject."""
    verified = claims.get("email") if claims.get("email_verified") is True else None
    names = [str(name) for name in (verified, claims["sub"]) if name]
    with get_runtime().database.read() as db:
        found = [login for name in names if (login := staff_accounts.find_by_name(db, name))]
    return next((login for login in found if not login.is_closed), None)


def _render_provider_error(error: Exception) -> ResponseReturnValue:
    """Told in plain words; the log gets the kind of error only, because an answer may hold a code."""
    log.warning("login with the district did not work: %s", type(error).__name__)
    return render_login_form(notice=_("The district login didn't work. Try again, or use your password.")), 502
