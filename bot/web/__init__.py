"""The web process: `create_app` puts the pages together; each page is a thin edge round the rooms below it."""

from typing import Any

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from bot import settings
from bot.services import Services, open_services
from bot.settings import Settings
from bot.store import reindexing
from bot.web import console, health, twilio
from bot.web.console.words import _
from bot.web.gathering import gathering
from bot.web.genuine import genuine
from bot.web.media import media
from bot.web.metrics import metrics
from bot.web.recorded import recorded
from bot.web.simulator import simulator
from bot.web.simulator.sounds import simulated

BODY_BYTES = 256 * 1024
"""Twilio's forms are a few kilobytes; ten megabytes are somebody else."""
CONTENT_POLICY = (
    "default-src 'self'; media-src 'self' blob:; object-src 'none'; frame-ancestors 'none'; base-uri 'none';"
    " form-action 'self'"
)
"""No script and no style stands in a page: what somebody smuggles into one does nothing.  `blob:` is what a browser has
recorded and not sent yet; only a script of ours could make one."""
PERMISSIONS = "camera=(), geolocation=(), microphone=(self), payment=(), usb=()"
"""The microphone is for the page where staff record what the line says."""
HSTS_SECONDS = 365 * 24 * 3600
TRIES = "20 per minute; 200 per hour"
"""Log-ins of one address.  A school's staff share one; the lock of a single login is tighter (`store/logins.py`)."""
TRIED = (
    *("console.log_in", "console.check_code", "console.to_district", "console.from_district"),
    *("console.change_password", "console.set_factor"),
)
LOOKS = "60 per minute"
"""Looks of one address at each of the public pages: far too few to find a code by trying."""
LOOKED = (
    "genuine.message",
    "genuine.kit_page",
    "genuine.picture",
    "genuine.sound",
    "gathering.page",
    "gathering.calendar_file",
)


class PageSessions(SecureCookieSessionInterface):
    """Sessions are for people with a browser; Twilio has none, and its messages should not wait for one."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The browser's session; none for a webhook."""
        return None if request.path.startswith("/webhooks/") else super().open_session(app, request)


def create_app(given: Settings | None = None, services: Services | None = None) -> Flask:
    """The Flask app for these settings (or the environment's).

    Raises `SettingsError` or `BadSource`: a program with a wrong file does not start.
    """
    ready = services or open_services(given or settings.load())
    app = Flask("bot.web")
    app.session_interface = PageSessions()
    app.config.update(
        SECRET_KEY=ready.settings.secret_key,
        MAX_CONTENT_LENGTH=BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=BODY_BYTES,
        **_cookie(ready.settings),
    )
    app.extensions["puente"] = ready
    csrf = CSRFProtect(app)
    csrf.exempt(twilio.webhooks)  # Twilio signs its requests instead
    csrf.exempt(simulated)  # wants the account's password
    csrf.exempt(simulator)  # wants a header that no form can set
    app.register_blueprint(twilio.webhooks)
    app.register_blueprint(health.health)
    app.register_blueprint(metrics)
    app.register_blueprint(media)
    app.register_blueprint(recorded)
    app.register_blueprint(genuine)
    app.register_blueprint(gathering)
    console.register(app)
    _limit(app, ready)
    if ready.settings.simulator_on:
        app.register_blueprint(simulator)
    if ready.settings.simulator_on and not ready.settings.live:
        app.register_blueprint(simulated)
    app.after_request(_with_headers)
    if ready.settings.environment == "production":
        app.after_request(_only_by_https)
    _behind_proxies(app, ready.settings.trusted_proxies)
    return app


def check_keys(app: Flask) -> None:
    """Raises `SettingsError` for a wrong `DATA_KEY`: every family would be a stranger, also who wants no messages.

    A database that is away, or not brought up to date yet, is for /readyz to tell.
    """
    ready: Services = app.extensions["puente"]
    if wrong := reindexing.unfit(ready.database):
        raise settings.SettingsError(wrong)


def _behind_proxies(app: Flask, number: int) -> None:
    """Whose address a request comes from: the one that the outermost of our own proxies (`TRUSTED_PROXIES`) has seen.

    With 0 nothing that a client writes is believed; with one too many anybody chooses an address.  Host and scheme
    never come from there: `PUBLIC_URL` says them.
    """
    if number:
        wrapped: Any = ProxyFix(app.wsgi_app, x_for=number, x_proto=0, x_host=0)
        app.wsgi_app = wrapped  # type: ignore[method-assign]  # Flask's documented way


def _cookie(given: Settings) -> dict[str, object]:
    """Scripts do not read it, other sites do not send it; in production only https, and only this very host sets it."""
    secure = given.environment == "production"
    flags = {"SESSION_COOKIE_HTTPONLY": True, "SESSION_COOKIE_SAMESITE": "Lax", "SESSION_COOKIE_SECURE": secure}
    return {**flags, "SESSION_COOKIE_NAME": "__Host-puente" if secure else "puente"}


class _OfViews(Limiter):
    """Looks only at what is limited: each such view asks by itself, and no limit is for all (a webhook has to wait for
    none)."""

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        if not in_middleware:
            super()._check_request_limit(callable_name, in_middleware)


def _limit(app: Flask, ready: Services) -> None:
    """Count tries to log in and looks at the public pages, in Redis; each process by itself while Redis is away."""
    pool = {"connection_pool": ready.redis.connection_pool}
    limiter = _OfViews(
        get_remote_address,
        app=app,
        storage_uri="redis://",  # the pool says where; what stands here is only its kind
        storage_options=pool,  # type: ignore[arg-type]  # limits takes a pool, Flask-Limiter's types do not know
        in_memory_fallback_enabled=True,
        key_prefix="puente",
    )
    for endpoint in TRIED:
        limited: Any = limiter.limit(TRIES, error_message=_too_many)(app.view_functions[endpoint])
        app.view_functions[endpoint] = limited
    for endpoint in LOOKED:
        looked: Any = limiter.limit(LOOKS, key_func=_visitor)(app.view_functions[endpoint])
        app.view_functions[endpoint] = looked


def _visitor() -> str:
    """Who looks at a page without a login.  Behind a proxy its word for it counts too, though it can be forged: there
    is nothing to guess here, and all the district's families must not share one limit."""
    return f"{get_remote_address()} {request.headers.get('X-Forwarded-For', '')[:100]}"


def _too_many() -> str:
    return _("Too many tries from your network. Please wait some minutes.")


def _with_headers(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Permissions-Policy", PERMISSIONS)
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _only_by_https(response: Response) -> Response:
    """A browser that has been here once never asks without https again (RFC 6797)."""
    response.headers.setdefault("Strict-Transport-Security", f"max-age={HSTS_SECONDS}")
    return response
