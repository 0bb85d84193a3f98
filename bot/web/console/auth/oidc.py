"""Login with the district's OpenID Connect provider, if `OIDC_ISSUER` is set.

The provider identifies the user. The role comes from the account with the same name, which an administrator creates.
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
"""A short timeout, because a web thread waits for the provider."""
PROVIDER_ERRORS = (AuthlibBaseError, JoseError, RequestException, ValueError, KeyError, RuntimeError)
"""The errors of a login that is rejected or forged, and of a provider that is unreachable or answers incorrectly."""


def register_provider(app: Flask, runtime: Runtime) -> None:
    """Register the district's provider, if it is enabled. Its metadata loads at the first login."""
    settings = runtime.settings
    if not settings.is_oidc_enabled:
        return
    # Import this late: it takes 5 MB, which only a district with a provider needs.
    from authlib.integrations.flask_client import OAuth

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
    """Redirect to the login page of the district's provider."""
    if not get_runtime().settings.is_oidc_enabled:
        return redirect(url_for("console.login"))
    session["next"] = request.args.get("next", "")
    try:
        response: ResponseReturnValue = _get_provider().authorize_redirect(_build_callback_url())
    except PROVIDER_ERRORS as error:
        return _render_provider_error(error)
    return response


@console.get("/login/district/back")
@allow_roles(ANYONE)
def from_district() -> ResponseReturnValue:
    """Handle the redirect back from the provider: find the account, and start the session."""
    if not get_runtime().settings.is_oidc_enabled:
        return redirect(url_for("console.login"))
    try:
        token = _get_provider().authorize_access_token(claims_options=_build_claims_options())
        account = _find_account(token["userinfo"])
    except PROVIDER_ERRORS as error:
        return _render_provider_error(error)
    if account is None:
        return render_login_form(notice=_("You don't have an account yet. Ask an administrator to create one.")), 403
    return start_session(account, DISTRICT_LOGIN, session.get("next", ""))


def _get_provider() -> Any:
    return current_app.extensions["authlib.integrations.flask_client"].create_client(DISTRICT_LOGIN)


def _build_callback_url() -> str:
    return get_runtime().settings.public_base + url_for("console.from_district")


def _build_claims_options() -> dict[str, dict[str, Any]]:
    """Require a token from this provider and for this client, so that tokens for other programs are rejected."""
    settings = get_runtime().settings
    return {
        "iss": {"essential": True, "values": [settings.oidc_issuer]},
        "aud": {"essential": True, "values": [settings.oidc_client_id]},
    }


def _find_account(claims: dict[str, Any]) -> StaffAccount | None:
    """Return the open account named like the email address, if it is verified, or else like the subject."""
    verified_email = claims.get("email") if claims.get("email_verified") is True else None
    names = [str(name) for name in (verified_email, claims["sub"]) if name]
    with get_runtime().database.read() as db:
        accounts = [staff_accounts.find_by_name(db, name) for name in names]
    return next((account for account in accounts if account and not account.is_closed), None)


def _render_provider_error(error: Exception) -> ResponseReturnValue:
    """Show that the login failed. Log only the type of the error, because its message can contain a code."""
    log.warning("login with the district's provider failed: %s", type(error).__name__)
    return render_login_form(notice=_("The district login didn't work. Try again, or use your password.")), 502
