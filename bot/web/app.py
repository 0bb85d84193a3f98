"""Create the Flask app of the web process from its blueprints. The pages contain no business rules."""

from collections.abc import Iterator
from typing import Any

from flask import Flask, Request, Response, abort, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import CSRFProtect
from werkzeug.datastructures import MultiDict
from werkzeug.middleware.proxy_fix import ProxyFix

from bot.base import settings
from bot.base.settings import Settings
from bot.runtime import Runtime, open_runtime
from bot.store.lifecycle import reindex
from bot.web import rate_limits
from bot.web.console import registration
from bot.web.operations import health
from bot.web.operations.metrics import metrics
from bot.web.public.media import media
from bot.web.public.meeting import meeting_pages
from bot.web.public.recordings import recording_files
from bot.web.public.verify_message import verification_pages
from bot.web.simulator import simulator
from bot.web.simulator.voice_notes import simulated_media
from bot.web.webhooks import messages

MAX_BODY_BYTES = 256 * 1024
"""The limit of a request body. Twilio's forms have a few kilobytes."""
FORM_CONTENT_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; media-src 'self' blob:; object-src 'none'; frame-ancestors 'none'; base-uri 'none';"
    " form-action 'self'"
)
"""Pages have no inline script and no inline style, so injected ones do nothing.

`blob:` is a sound that the browser recorded and hasn't sent yet. Only Puente's own scripts can create one.
"""
SECURITY_HEADERS = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(self), payment=(), usb=()"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    ("Cache-Control", "no-store"),
)
"""The default headers of every response. The page where staff make recordings needs the microphone."""
HSTS_MAX_AGE_SECONDS = 365 * 24 * 3600


class PageSessions(SecureCookieSessionInterface):
    """Cookie sessions for pages. Webhooks have no session, so that messages don't wait for one."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the browser's session, or None for a webhook."""
        if request.path.startswith("/webhooks/"):
            return None
        return super().open_session(app, request)


def create_app(app_settings: Settings | None = None, runtime: Runtime | None = None) -> Flask:
    """Create the Flask app for these settings, or for those of the environment.

    Raises:
        SettingsError: If a setting is wrong.
        SourceError: If a content file is wrong.
    """
    active_runtime = runtime or open_runtime(app_settings or settings.load_settings())
    app = Flask("bot.web")
    app.session_interface = PageSessions()
    app.config.update(
        SECRET_KEY=active_runtime.settings.secret_key,
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        WTF_CSRF_TIME_LIMIT=None,  # a token is valid as long as its session, so that a slow writer can still send
        **_build_cookie_settings(active_runtime.settings),
    )
    app.extensions["puente"] = active_runtime
    app.before_request(_reject_nul_bytes)
    csrf = CSRFProtect(app)
    csrf.exempt(messages.webhooks)  # Twilio signs its requests
    csrf.exempt(simulated_media)  # requires the account's password
    csrf.exempt(simulator)  # requires a header that no form can set
    app.register_blueprint(messages.webhooks)
    app.register_blueprint(health.health)
    app.register_blueprint(metrics)
    app.register_blueprint(media)
    app.register_blueprint(recording_files)
    app.register_blueprint(verification_pages)
    app.register_blueprint(meeting_pages)
    registration.register_console(app)
    rate_limits.limit_requests(app, active_runtime)
    if active_runtime.settings.is_simulator_enabled:
        app.register_blueprint(simulator)
    if active_runtime.settings.is_simulator_enabled and not active_runtime.settings.is_live:
        app.register_blueprint(simulated_media)
    app.after_request(_add_security_headers)
    if active_runtime.settings.environment == "production":
        app.after_request(_require_https)
    _trust_proxies(app, active_runtime.settings.trusted_proxies)
    return app


def _reject_nul_bytes() -> None:
    """Reject a query or form that contains NUL, and replace NUL in the path.

    No browser sends NUL, and PostgreSQL accepts it in no value. A path with NUL finds no row, so the page answers as
    for any unknown code. Twilio's forms are exempt, because a family's message needs an answer. Their parser removes
    NUL.
    """
    if request.path.startswith("/webhooks/"):
        return
    if request.view_args:
        request.view_args = {name: _strip_nul(argument) for name, argument in request.view_args.items()}
    form = request.form if request.mimetype in FORM_CONTENT_TYPES else MultiDict[str, str]()
    if any("\0" in value for value in (*_list_form_values(request.args), *_list_form_values(form))):
        abort(400)


def _strip_nul(value: Any) -> Any:
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


def _list_form_values(form: MultiDict[str, str]) -> Iterator[str]:
    return (value for pair in form.items(multi=True) for value in pair)


def check_keys(app: Flask) -> None:
    """Check that `DATA_KEY` matches the database. With a wrong key, Puente would find no family and no opt-out.

    A database that is unavailable or not migrated passes. `/readyz` reports it.

    Raises:
        SettingsError: If the key doesn't match.
    """
    runtime: Runtime = app.extensions["puente"]
    if problem := reindex.explain_unfit_database(runtime.database):
        raise settings.SettingsError(problem)


def _trust_proxies(app: Flask, proxy_count: int) -> None:
    """Take the client's address from the outermost trusted proxy (`TRUSTED_PROXIES`).

    With 0, headers of the client don't count. With a number that is too high, clients can forge an address. Host and
    scheme always come from `PUBLIC_URL`.
    """
    if proxy_count:
        wrapped_app: Any = ProxyFix(app.wsgi_app, x_for=proxy_count, x_proto=0, x_host=0)
        app.wsgi_app = wrapped_app  # type: ignore[method-assign]  # Flask's documented way


def _build_cookie_settings(app_settings: Settings) -> dict[str, object]:
    """Keep the cookie from scripts and other sites. In production, it requires HTTPS and this host."""
    is_secure = app_settings.environment == "production"
    flags = {"SESSION_COOKIE_HTTPONLY": True, "SESSION_COOKIE_SAMESITE": "Lax", "SESSION_COOKIE_SECURE": is_secure}
    return {**flags, "SESSION_COOKIE_NAME": "__Host-puente" if is_secure else "puente"}


def _add_security_headers(response: Response) -> Response:
    """Add the default headers that the page didn't set."""
    present_names = {name.title() for name, _ in response.headers}
    response.headers.extend([header for header in SECURITY_HEADERS if header[0].title() not in present_names])
    return response


def _require_https(response: Response) -> Response:
    """Make browsers use only HTTPS from now on (RFC 6797)."""
    response.headers.setdefault("Strict-Transport-Security", f"max-age={HSTS_MAX_AGE_SECONDS}")
    return response
