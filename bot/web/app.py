"""The web process: `create_app` puts the pages together; each page is a thin edge round the rooms below it."""

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
"""Twilio's forms are a few kilobytes; ten megabytes are somebody else."""
FORM_CONTENT_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; media-src 'self' blob:; object-src 'none'; frame-ancestors 'none'; base-uri 'none';"
    " form-action 'self'"
)
"""No script and no style stands in a page: what somebody smuggles into one does nothing.  `blob:` is what a browser has
recorded and not sent yet; only a script of ours could make one."""
SECURITY_HEADERS = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(self), payment=(), usb=()"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    ("Cache-Control", "no-store"),
)
"""What stands on every answer that does not say otherwise; the microphone is for the page where staff record."""
HSTS_MAX_AGE_SECONDS = 365 * 24 * 3600


class PageSessions(SecureCookieSessionInterface):
    """Sessions are for people with a browser; Twilio has none, and its messages should not wait for one."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The browser's session; none for a webhook."""
        return None if request.path.startswith("/webhooks/") else super().open_session(app, request)


def create_app(app_settings: Settings | None = None, runtime: Runtime | None = None) -> Flask:
    """The Flask app for these settings (or the environment's).

    Raises `SettingsError` or `BadSource`: a program with a wrong file does not start.
    """
    active_runtime = runtime or open_runtime(app_settings or settings.load_settings())
    app = Flask("bot.web")
    app.session_interface = PageSessions()
    app.config.update(
        SECRET_KEY=active_runtime.settings.secret_key,
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        WTF_CSRF_TIME_LIMIT=None,  # a form's token is good as long as its session: an hour's writing is not refused
        **_build_cookie_settings(active_runtime.settings),
    )
    app.extensions["puente"] = active_runtime
    app.before_request(_reject_nul_bytes)
    csrf = CSRFProtect(app)
    csrf.exempt(messages.webhooks)  # Twilio signs its requests instead
    csrf.exempt(simulated_media)  # wants the account's password
    csrf.exempt(simulator)  # wants a header that no form can set
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
    """No browser sends NUL, and PostgreSQL takes it in no value: once for every page, what it stands in is refused,
    and an address with it leads to nothing (a code that somebody checks is answered, whatever it is).

    Twilio's forms are cleaned where they are read: what a family wrote is answered too.
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
    """Raises `SettingsError` for a wrong `DATA_KEY`: every family would be a stranger, also who wants no messages.

    A database that is away, or not brought up to date yet, is for /readyz to tell.
    """
    runtime: Runtime = app.extensions["puente"]
    if problem := reindex.explain_unfit_database(runtime.database):
        raise settings.SettingsError(problem)


def _trust_proxies(app: Flask, proxy_count: int) -> None:
    """Whose address a request comes from: the one that the outermost of our own proxies (`TRUSTED_PROXIES`) has seen.

    With 0 nothing that a client writes is believed; with one too many anybody chooses an address.  Host and scheme
    never come from there: `PUBLIC_URL` says them.
    """
    if proxy_count:
        wrapped_app: Any = ProxyFix(app.wsgi_app, x_for=proxy_count, x_proto=0, x_host=0)
        app.wsgi_app = wrapped_app  # type: ignore[method-assign]  # Flask's documented way


def _build_cookie_settings(app_settings: Settings) -> dict[str, object]:
    """Scripts do not read it, other sites do not send it; in production only https, and only this very host sets it."""
    is_secure = app_settings.environment == "production"
    flags = {"SESSION_COOKIE_HTTPONLY": True, "SESSION_COOKIE_SAMESITE": "Lax", "SESSION_COOKIE_SECURE": is_secure}
    return {**flags, "SESSION_COOKIE_NAME": "__Host-puente" if is_secure else "puente"}


def _add_security_headers(response: Response) -> Response:
    """What a page has not said itself."""
    present_names = {name.title() for name, _ in response.headers}
    response.headers.extend([header for header in SECURITY_HEADERS if header[0].title() not in present_names])
    return response


def _require_https(response: Response) -> Response:
    """A browser that has been here once never asks without https again (RFC 6797)."""
    response.headers.setdefault("Strict-Transport-Security", f"max-age={HSTS_MAX_AGE_SECONDS}")
    return response
